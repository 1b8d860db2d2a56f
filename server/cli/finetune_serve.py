"""`vidence finetune serve`: a registered model behind an OpenAI-compatible server."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from core.errors import unavailable
from core.settings import load_settings
from server.cli.finetune_register import AsJson, Ref
from server.cli.output import emit_json, err_console, handle_errors, out_console

if TYPE_CHECKING:
    from finetune.release.serve import Server
    from finetune.release.serve_command import Command


class ServeBackend(StrEnum):
    """What serves the model."""

    auto = "auto"
    vllm = "vllm"
    transformers = "transformers"


def serve(
    model: Ref,
    backend: Annotated[
        ServeBackend, typer.Option(help="auto: vLLM where there is one, else transformers.")
    ] = ServeBackend.auto,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where to listen.")] = 8000,
    at_once: Annotated[int, typer.Option("--at-once", min=1, help="Requests vLLM works on together.")] = 16,
    wait: Annotated[float, typer.Option(min=1, help="Seconds until it must be ready.")] = 600.0,
    only_print: Annotated[
        bool,
        typer.Option(
            "--print",
            help="Print the exact command and stop; with --backend vllm also where vLLM is not installed.",
        ),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show what the server writes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Serve a registered model until Ctrl-C.

    Every file is hashed first: what is served is what was registered. Requests may call the model NAME or
    NAME@VERSION. vLLM lives in an environment of its own (docs/serving.md), whose Python VIDENCE_VLLM_PYTHON
    names. When the server is ready, the line to set is printed: VIDENCE_VLM=openai:http://HOST:PORT/v1#NAME.
    """
    with handle_errors(as_json):
        from finetune.release.opening import open_registry
        from finetune.release.serve import ELSEWHERE, check_port, plan_server, running
        from finetune.release.serve_command import Serving

        settings = load_settings()
        with open_registry(settings) as registry:
            state = registry.resolve(model)
            ref = f"{state.name}@{state.version}"
            folder = registry.checkpoint(ref)
        how = Serving(host=host, port=port, at_once=at_once)
        command = plan_server(
            folder,
            (state.name, ref),
            how,
            backend=backend.value,
            vllm_python=str(Path(settings.vllm_python).expanduser()) if settings.vllm_python else "",
            work=settings.root / "finetune" / "serving",
            elsewhere=only_print,
        )
        facts = _facts(command, ref, str(folder))
        if only_print:
            if as_json:
                emit_json(facts)
            else:
                out_console().print(command.shell, soft_wrap=True, markup=False)
            if command.arguments[0] == ELSEWHERE:
                err_console().print(
                    "[dim]There is no vLLM here. This is the command for a host with a GPU that has the "
                    "folder too; run it in the environment with vLLM (docs/serving.md).[/]"
                )
            return
        check_port(how)
        with _ended_by_signals(), running(command, echo=_echo if verbose else None) as server:
            err_console().print(f"[dim]starting {command.backend} for {escape(ref)}[/]")
            seconds = server.wait_ready(wait)
            if as_json:
                emit_json({**facts, "ready_s": round(seconds, 1)})
            else:
                out_console().print(
                    f"{escape(ref)} is served by {command.backend} after {seconds:.0f} s. Set:\n"
                    f"  VIDENCE_VLM={escape(command.setting)}",
                    soft_wrap=True,
                )
            _wait_for_end(server)


def _facts(command: Command, ref: str, folder: str) -> dict[str, Any]:
    return {
        "model": ref,
        "backend": command.backend,
        "url": command.url,
        "setting": command.setting,
        "checkpoint": folder,
        "command": command.shell,
    }


def _wait_for_end(server: Server) -> None:
    while server.process.poll() is None:
        time.sleep(0.5)
    raise unavailable("The server ended:\n" + "\n".join(server.log), help="See docs/serving.md.")


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Turn SIGTERM into an orderly end, so that no server is left behind."""

    def stop(number: int, frame: object) -> None:
        raise typer.Exit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _echo(line: str) -> None:
    err_console().print(line, markup=False, highlight=False)
