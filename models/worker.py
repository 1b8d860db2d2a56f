"""A supervised worker process for CPU-heavy embedded models.

Cancelling a call ends the process, so that no work goes on for a run that stopped; the next call starts
a new one. The worker reads its orders on a thread and leaves as soon as its parent is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO, Any, Protocol

from core.errors import VidenceError, unavailable

_HEADER = struct.Struct(">I")


class JobRunner(Protocol):
    """Runs a named job (see `models.jobs`) and returns its JSON-like result."""

    async def call(self, job: str, **kwargs: Any) -> Any:
        """Run a job; raises the job's `VidenceError`, or `unavailable` when the worker died."""
        ...

    def close(self) -> None:
        """End the worker, if there is one."""
        ...


class InlineRunner:
    """Runs jobs in a thread of this process: for tests and short-lived tools."""

    async def call(self, job: str, **kwargs: Any) -> Any:
        """Run a job in a thread."""
        from models.jobs import JOBS

        return await asyncio.to_thread(JOBS[job], **kwargs)

    def close(self) -> None:
        """Do nothing: there is no process to end."""


class WorkerProcess:
    """One child process, started on first use, that runs one job at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()
        self._guard = threading.Lock()  # so that a cancel never ends the process that runs the next call
        self._current: object | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the worker, or None when there is none."""
        return None if self._process is None else self._process.pid

    async def call(self, job: str, **kwargs: Any) -> Any:
        """Run a job in the worker; a cancelled call ends the worker at once."""
        ticket = _Ticket()
        try:
            reply = await asyncio.to_thread(self._roundtrip, ticket, {"job": job, "kwargs": kwargs})
        except asyncio.CancelledError:
            ticket.cancelled = True
            with self._guard:
                if self._current is ticket:
                    self.close()
            raise
        if "error" in reply:
            raise VidenceError(**reply["error"])
        return reply["result"]

    def close(self) -> None:
        """End the worker process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _roundtrip(self, ticket: _Ticket, order: dict[str, Any]) -> dict[str, Any]:
        with self._turn:
            with self._guard:
                if ticket.cancelled:
                    return {"result": None}
                self._current = ticket
            try:
                process = self._start()
                assert process.stdin is not None
                assert process.stdout is not None
                _write_frame(process.stdin, order)
                reply = _read_frame(process.stdout)
            except (OSError, ValueError):
                reply = None
            finally:
                with self._guard:
                    self._current = None
            if reply is None:
                self.close()
                return {"error": _died(order["job"])}
            return reply

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "models.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        return self._process


class WorkerPool:
    """Several runners behind one: a call goes to the first of those with the fewest under way."""

    def __init__(self, runners: Sequence[JobRunner]) -> None:
        self._runners = runners
        self._busy = [0] * len(runners)
        self._guard = threading.Lock()

    async def call(self, job: str, **kwargs: Any) -> Any:
        """Run a job; raises as its runner does."""
        with self._guard:
            place = self._busy.index(min(self._busy))
            self._busy[place] += 1
        try:
            return await self._runners[place].call(job, **kwargs)
        finally:
            with self._guard:
                self._busy[place] -= 1

    def close(self) -> None:
        """End all of them."""
        for runner in self._runners:
            runner.close()


class _Ticket:
    """One call; `cancelled` is set when its caller stopped waiting."""

    cancelled = False


def _died(job: str) -> dict[str, Any]:
    error = unavailable(
        f"The worker process ended while it ran `{job}`",
        help="Try again; if it repeats, the image may be too large for the memory at hand.",
    )
    return {"kind": error.kind, "message": error.message, "help": error.help, "retryable": True}


def _write_frame(stream: IO[bytes], value: dict[str, Any]) -> None:
    body = json.dumps(value).encode()
    stream.write(_HEADER.pack(len(body)) + body)
    stream.flush()


def _read_frame(stream: IO[bytes]) -> dict[str, Any] | None:
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    (size,) = _HEADER.unpack(header)
    body = stream.read(size)
    if len(body) < size:
        return None
    frame: dict[str, Any] = json.loads(body)
    return frame


def _run(order: dict[str, Any]) -> dict[str, Any]:
    from models.jobs import JOBS

    try:
        return {"result": JOBS[order["job"]](**order["kwargs"])}
    except VidenceError as error:
        return {
            "error": {
                "kind": error.kind,
                "message": error.message,
                "help": error.help,
                "retryable": error.retryable,
            }
        }
    except ImportError as error:
        return {
            "error": {
                "kind": "unavailable",
                "message": f"A package is missing for `{order['job']}`: {error.name}",
                "help": "Install the extra that brings it: pip install 'vidence[vision]'.",
                "retryable": False,
            }
        }
    except Exception as error:  # noqa: BLE001 - the parent turns it into a typed error
        message = f"`{order['job']}` failed: {type(error).__name__}: {error}"
        return {"error": {"kind": "internal", "message": message, "help": "", "retryable": False}}


def main() -> None:
    """Serve orders until the parent closes the pipe."""
    # Libraries may print: what they print goes to stderr, the frames keep a descriptor of their own.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    orders: queue.Queue[dict[str, Any]] = queue.Queue()

    def listen() -> None:
        while (order := _read_frame(sys.stdin.buffer)) is not None:
            orders.put(order)
        # The parent is gone or has closed the pipe: leave at once, even in the middle of a job.
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        _write_frame(replies, _run(orders.get()))


if __name__ == "__main__":
    main()
