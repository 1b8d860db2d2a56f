"""The parent's side of the drawing process: starts it, sends code, gets pictures, ends it when it hangs."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from core.contracts import Box, Contract
from core.errors import VidenceError, unavailable
from finetune.synth.sandbox.check import check_code

_HEADER = struct.Struct(">I")
_WORKER = Path(__file__).with_name("worker.py")
_START_S = 120.0  # the first start on a machine lists its fonts


class SandboxLimits(Contract):
    """What one drawing may use. A drawing takes about 0.1 processor seconds."""

    cpu_s: float = 5.0
    wall_s: float = 30.0
    memory: int = 2_000_000_000
    max_pixels: int = 4_000_000


class Picture(Contract):
    """A drawing: PNG bytes, its size, and the boxes of its bars and slices in pixels."""

    png: bytes
    width: int
    height: int
    boxes: tuple[Box, ...] = ()


class Sandbox:
    """One drawing process, started when first used, started again after it was ended. Not for two threads.

    Args:
        cache: Where matplotlib keeps its list of fonts between processes.
        limits: What one drawing may use.
    """

    def __init__(self, cache: Path, limits: SandboxLimits | None = None) -> None:
        self._cache = cache
        self._limits = limits or SandboxLimits()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: str | None = None
        self.filtered = False
        """Whether the system filters the process's calls (Linux): known once it has started."""

    def __enter__(self) -> Sandbox:
        """Return itself; the process starts with the first drawing."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    def draw(self, code: str) -> Picture:
        """Check the code, run it, and return what it drew.

        Raises:
            VidenceError: `blocked` (the code uses what is not allowed), `invalid_input` (no Python, an error
                while it ran, no figure), `timeout` (too much time; the process was ended), `unavailable`
                (matplotlib is missing, or the process died).
        """
        order = {
            "code": check_code(code),
            "cpu_s": self._limits.cpu_s,
            "max_pixels": self._limits.max_pixels,
        }
        body = json.dumps(order).encode()
        process = self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(_HEADER.pack(len(body)) + body)
            process.stdin.flush()
            reply, picture = self._reply(self._limits.wall_s)
        except (OSError, EOFError) as error:
            status = self._end()
            raise _died(status, self._limits) from error
        except TimeoutError as error:
            self._end()
            raise VidenceError(
                "timeout", f"The drawing took over {self._limits.wall_s:g} s", help="Draw something simpler."
            ) from error
        if "error" in reply:
            raise VidenceError(
                "invalid_input", f"The plotting code failed: {reply['error']}", help="Mend it."
            )
        return Picture(png=picture, width=reply["width"], height=reply["height"], boxes=reply["boxes"])

    def close(self) -> None:
        """End the process and remove its folder."""
        self._end()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        if importlib.util.find_spec("matplotlib") is None:
            raise unavailable(
                "matplotlib is not installed", help="Install the extra `demo`: make setup.", retryable=False
            )
        self._cache.mkdir(parents=True, exist_ok=True)
        if self._folder is None:
            self._folder = tempfile.mkdtemp(prefix="vidence-draw-")
            Path(self._folder).chmod(0o500)
        # PYTHONHASHSEED does not matter to what is drawn; nothing else of ours is passed on.
        environment = {"MPLCONFIGDIR": str(self._cache), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(  # noqa: S603 - our interpreter and our script
            [sys.executable, "-I", str(_WORKER), json.dumps({"memory": self._limits.memory})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            env=environment,
        )
        try:
            ready, _ = self._reply(_START_S)
        except (OSError, EOFError, TimeoutError) as error:
            self._end()
            raise unavailable(
                "The drawing process did not start", help=f"Try: {sys.executable} -c 'import matplotlib'"
            ) from error
        self.filtered = bool(ready["seccomp"])
        return self._process

    def _reply(self, seconds: float) -> tuple[dict[str, Any], bytes]:
        deadline = time.monotonic() + seconds
        (size,) = _HEADER.unpack(self._exactly(_HEADER.size, deadline))
        reply: dict[str, Any] = json.loads(self._exactly(size, deadline))
        return reply, self._exactly(reply["size"], deadline)

    def _exactly(self, size: int, deadline: float) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        # The descriptor itself: a buffered reader could hold what select then waits for.
        pipe = self._process.stdout.fileno()
        parts: list[bytes] = []
        while size > 0:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([pipe], [], [], left)[0]:
                raise TimeoutError
            part = _read_some(pipe, size)
            if not part:
                raise EOFError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _end(self) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        if process.poll() is None:
            process.kill()
        status = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        return status


def _read_some(descriptor: int, size: int) -> bytes:
    import os

    return os.read(descriptor, min(size, 1 << 16))


def _died(status: int | None, limits: SandboxLimits) -> VidenceError:
    import signal

    if status == -signal.SIGPROF:
        return VidenceError(
            "timeout",
            f"The drawing took over {limits.cpu_s:g} processor seconds",
            help="Draw something simpler.",
        )
    return unavailable(f"The drawing process ended (status {status})", help="Try again, or draw less.")
