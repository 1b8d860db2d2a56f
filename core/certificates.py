"""The certificates that connections are checked against, read once a process."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


@cache
def trusted(*, environment: bool = True) -> ssl.SSLContext:
    """Return what a client of httpx takes as `verify`.

    A client that is given none reads all certificates anew: a tenth of a second of processor time, which a
    run with a served model paid at every call.

    Args:
        environment: Whether SSL_CERT_FILE and SSL_CERT_DIR count.
    """
    import httpx

    return httpx.create_ssl_context(trust_env=environment)
