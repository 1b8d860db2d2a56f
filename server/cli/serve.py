"""`vidence serve`: the HTTP server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from core.errors import VidenceError, unavailable
from core.settings import load_settings
from server.cli.output import emit_json, err_console, handle_errors


def serve(
    host: Annotated[str, typer.Option("--host", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes any free port.")] = 8080,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as one JSON object.")] = False,
) -> None:
    """Serve the agent over HTTP: runs that outlive their connection, streamed as events.

    For example:

      vidence serve

      curl -N http://127.0.0.1:8080/v1/chat --json '{"question": "What is 15% of 80?"}'

    It answers at once and loads the models beside; /ready says when runs start. SIGTERM refuses new runs,
    lets running ones go on for VIDENCE_SERVER_DRAIN_S seconds, and gives back the rest, which the next start
    continues.

    Without keys only this machine is served. To listen elsewhere make a key (vidence keys create) and set
    VIDENCE_SERVER_AUTH=keys.
    """
    with handle_errors(as_json):
        settings = load_settings()
        run = _server()
        from server.security.identify import check_address
        from server.telemetry.logs import catch_strays, set_up

        check_address(settings, host)
        set_up(settings)
        catch_strays()
        console = err_console()

        def started(address: str) -> None:
            if as_json:
                emit_json({"address": address})
            else:
                console.print(f"Vidence listens on [bold]{address}[/] (stop with Ctrl-C)")

        run(settings, host, port, on_start=started)


def _server() -> Callable[..., None]:
    try:
        from server.serve import serve as run
    except ImportError as error:
        raise missing_package(error) from error
    return run


def missing_package(error: ImportError) -> VidenceError:
    """Return what to say when a package of the server is not installed."""
    return unavailable(
        f"A package of the server is missing: {error.name}",
        help="Install the extra that brings it: pip install 'vidence[serve]'.",
        retryable=False,
    )
