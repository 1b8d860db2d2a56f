"""Fetching by URL without being led astray: public addresses only, checked again at every redirect.

A host is resolved here, every address it has must be public, its port the web's, and the connection goes to
the address that was checked, so that a name cannot change its meaning in between (DNS rebinding). Proxies,
`.netrc`, cookies and credentials are never used. Hosts of a private network are reached only when a setting
names them.
"""

from __future__ import annotations

import asyncio
import re
import socket
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from core.addresses import is_inward_name, is_public, is_web_port
from core.certificates import trusted
from core.errors import VidenceError, invalid_input, not_found, unavailable
from core.media import sniff

if TYPE_CHECKING:
    import httpx

_AGENT = "Vidence/0.1"
_MAX_URL = 2048
_MAX_ADDRESSES = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HOST = re.compile(r"[\w:-]{1,63}(?:\.[\w:-]{1,63})*\.?")
_ENCODINGS = {"": None, "identity": None, "gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


@dataclass(frozen=True)
class FetchPolicy:
    """What a fetch may do. `allowed_hosts` holds `host` or `host:port`, reached even when private."""

    allowed_hosts: frozenset[str] = frozenset()
    max_bytes: int = 50_000_000
    timeout_s: float = 60.0
    """For the whole fetch, redirects included."""
    max_redirects: int = 5


@dataclass(frozen=True)
class Fetched:
    """What came back. `unchanged` says that the server still has what the caller knows; no body then."""

    url: str
    """Where the content came from in the end."""
    body: bytes = b""
    media_type: str = ""
    """Told by the content where its first bytes say it, else as the server declares it."""
    etag: str = ""
    last_modified: str = ""
    unchanged: bool = False
    hops: tuple[str, ...] = field(default=(), compare=False)


def fetch(url: str, policy: FetchPolicy, *, etag: str = "", last_modified: str = "") -> Fetched:
    """Fetch a URL; blocks. Raises like `fetch_async`."""
    return asyncio.run(fetch_async(url, policy, etag=etag, last_modified=last_modified))


async def fetch_async(url: str, policy: FetchPolicy, *, etag: str = "", last_modified: str = "") -> Fetched:
    """Fetch a URL within the policy.

    Args:
        url: An `http` or `https` URL without credentials.
        policy: Hosts, size and time.
        etag: What the caller has; an equal one makes the reply `unchanged`.
        last_modified: The same, for servers without ETags.

    Raises:
        VidenceError: `blocked` for a private address or a port of another protocol, `invalid_input` for a bad
            URL or a body over the limit, `not_found`, `rate_limited`, `timeout` or `unavailable`.
    """
    known = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    headers = {name: value for name, value in known.items() if value}
    hops: list[str] = []
    # Imported in a thread: it reads files, and the loop must not wait for them.
    await asyncio.to_thread(import_module, "httpx")
    try:
        async with asyncio.timeout(policy.timeout_s):
            while len(hops) <= policy.max_redirects:
                hops.append(url)
                reply = await _hop(url, policy, headers)
                if isinstance(reply, Fetched):
                    return Fetched(**{**reply.__dict__, "hops": tuple(hops)})
                url = reply
    except TimeoutError as error:
        raise VidenceError(
            "timeout",
            f"{_shown(url)} took longer than {policy.timeout_s:g} s",
            help="Try again later, or raise VIDENCE_FETCH_TIMEOUT_S.",
            retryable=True,
        ) from error
    raise invalid_input(
        f"{_shown(hops[0])} redirects more than {policy.max_redirects} times",
        help="Open it in a browser and use the address it ends at.",
    )


async def public_addresses(host: str, port: int, policy: FetchPolicy) -> list[str]:
    """Resolve a host and return its addresses when all of them may be connected to.

    Raises:
        VidenceError: `blocked` when one of them is not public, the host is written as no public one is, or
            the port is not the web's, and the policy does not name the host; `unavailable` when the name does
            not resolve.
    """
    named = bool({host.lower(), f"{host.lower()}:{port}"} & policy.allowed_hosts)
    if not named and not is_web_port(port):
        raise VidenceError(
            "blocked",
            f"Port {port} is not one that files are fetched from",
            help="Use 80, 443 or a free port above 1023; for a host of yours, name "
            f"`{host}:{port}` in VIDENCE_FETCH_ALLOWED_HOSTS.",
        )
    inward = VidenceError(
        "blocked",
        f"`{host}` is not on the public internet, so it is not fetched",
        help=f"Name it in VIDENCE_FETCH_ALLOWED_HOSTS if it is yours: `{host}` or `{host}:{port}`.",
    )
    if not named and is_inward_name(host):
        raise inward
    try:
        addresses = await resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise unavailable(
            f"The host `{host}` cannot be resolved", help="Check the address and the network."
        ) from error
    if named:
        return addresses
    if not addresses or any(not is_public(address) for address in addresses):
        raise inward
    return addresses


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses that a name, or an address in any form, stands for; raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(item[4][0]) for item in found))


async def _hop(url: str, policy: FetchPolicy, headers: Mapping[str, str]) -> Fetched | str:
    """Make one request; return the content, or the URL that it redirects to."""
    import httpx

    target = _parsed(url)
    port = target.port or (443 if target.scheme == "https" else 80)
    # In its ASCII form, which is also the one that is sent: two readings of a name could be two hosts.
    addresses = await public_addresses(target.raw_host.decode("ascii"), port, policy)
    failed: Exception | None = None
    for address in addresses[:_MAX_ADDRESSES]:
        # Built in a thread: loading certificates reads files. A new one each time carries no cookies.
        client = await asyncio.to_thread(_client, policy.timeout_s)
        async with client:
            request = client.build_request(
                "GET",
                target.copy_with(host=address, port=port),
                headers={
                    **headers,
                    "Host": target.netloc.decode("ascii"),
                    "User-Agent": _AGENT,
                    "Accept-Encoding": "identity",
                },
                extensions={"sni_hostname": target.raw_host.decode("ascii")},
            )
            try:
                reply = await client.send(request, stream=True)
                return await _outcome(url, target, reply, policy)
            except httpx.ConnectError as error:
                failed = error
            except httpx.TimeoutException as error:
                raise TimeoutError from error
            except (
                UnicodeError
            ) as error:  # httpx reads where a reply redirects to, also when it does not follow
                raise _leads_nowhere(url) from error
            except httpx.HTTPError as error:
                raise unavailable(
                    f"{_shown(url)} could not be read to its end: {error}", help="Try again later."
                ) from error
    raise unavailable(f"{_shown(url)} cannot be reached: {failed}", help="Check the address and the network.")


def _client(timeout_s: float) -> httpx.AsyncClient:
    import httpx

    return httpx.AsyncClient(
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(timeout_s),
        verify=trusted(environment=False),
    )


async def _outcome(url: str, target: httpx.URL, reply: httpx.Response, policy: FetchPolicy) -> Fetched | str:
    try:
        if reply.status_code in _REDIRECTS and "location" in reply.headers:
            return _next(url, target, reply.headers["location"])
        if reply.status_code == 304:
            return Fetched(url, unchanged=True)
        _check_status(url, reply)
        body = await _body(url, reply, policy.max_bytes)
    finally:
        await reply.aclose()
    declared = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Fetched(
        url,
        body,
        sniff(body) or declared,
        reply.headers.get("etag", ""),
        reply.headers.get("last-modified", ""),
    )


def _next(url: str, target: httpx.URL, location: str) -> str:
    import httpx

    try:
        return str(target.join(location).copy_with(fragment=None))
    except (httpx.InvalidURL, ValueError) as error:
        raise _leads_nowhere(url) from error


def _leads_nowhere(url: str) -> VidenceError:
    return invalid_input(f"{_shown(url)} redirects to what is not a URL", help="Check the address.")


def _check_status(url: str, reply: httpx.Response) -> None:
    status = reply.status_code
    if status == 200:
        return
    where = f"{_shown(url)} answered {status}"
    if status in (404, 410):
        raise not_found(where, help="Check the address.")
    if status in (401, 403, 407):
        raise invalid_input(
            f"{where}: it wants a login", help="Download it yourself and add the file: none is sent."
        )
    if status == 429:
        raise VidenceError("rate_limited", where, help="Try again later.", retryable=True)
    if status >= 500:
        raise unavailable(where, help="Try again later.")
    raise invalid_input(where, help="Check the address.")


async def _body(url: str, reply: httpx.Response, limit: int) -> bytes:
    declared = reply.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(url, limit)
    parts, size = [], 0
    async for part in _decoded(url, reply, limit):
        size += len(part)
        if size > limit:
            raise _too_large(url, limit)
        parts.append(part)
    return b"".join(parts)


async def _decoded(url: str, reply: httpx.Response, limit: int) -> AsyncIterator[bytes]:
    """Yield the body, unpacked by a bounded decoder: a small reply must not become a huge one."""
    encoding = reply.headers.get("content-encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        raise unavailable(
            f"{_shown(url)} came in the encoding `{encoding}`, which was not asked for",
            help="Download it yourself and add the file.",
            retryable=False,
        )
    bits = _ENCODINGS[encoding]
    if bits is None:
        async for part in reply.aiter_raw():
            yield part
        return
    decoder: Any = zlib.decompressobj(bits)
    try:
        async for part in reply.aiter_raw():
            yield decoder.decompress(part, limit + 1)
            if decoder.unconsumed_tail:
                raise _too_large(url, limit)
    except zlib.error as error:
        raise unavailable(f"{_shown(url)} is broken: {error}", help="Try again later.") from error


def _parsed(url: str) -> httpx.URL:
    import httpx

    wrong = invalid_input(
        f"Not a URL that can be fetched: {_shown(url)}", help="Use http:// or https:// and a host."
    )
    if len(url) > _MAX_URL:
        raise wrong
    try:
        target = httpx.URL(url)
        host = target.host  # decoded here: a name may be none that IDNA knows
    except (httpx.InvalidURL, UnicodeError) as error:
        raise wrong from error
    if target.scheme not in ("http", "https") or not _HOST.fullmatch(host):
        raise wrong
    if target.port is not None and not 0 < target.port < 65536:
        raise wrong
    if target.userinfo:
        raise invalid_input(
            f"The URL holds credentials: {_shown(url)}",
            help="They are never sent. Download the file yourself and add it.",
        )
    return target


def _shown(url: str) -> str:
    """Return a URL as messages may show it: without credentials, query and fragment, which can be secrets."""
    plain = url.partition("#")[0].partition("?")[0]
    scheme, mark, rest = plain.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"[:200]


def _too_large(url: str, limit: int) -> VidenceError:
    return invalid_input(
        f"{_shown(url)} is over the limit of {limit:,} bytes",
        help="Download it yourself and split it, or raise VIDENCE_FETCH_MAX_BYTES.",
    )
