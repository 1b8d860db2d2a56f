"""Servers to be killed: one process imports everything once and forks a server for every life.

    python -m tests.support.mortal_server

Each line on its stdin is a `Life` as JSON: it starts that server, prints its process id, and `gone` with the
id when it ended. `Mother` is the other end of the pipes, `Nursery` one data folder and port.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
SEARCH_S = 0.03
LEASE_S = 3.0


@dataclass(frozen=True)
class Life:
    """A server: where it keeps things, and how long its searches take."""

    home: str
    port: int
    calls: str
    database_url: str = ""
    redis_url: str = ""
    search_s: float = SEARCH_S


class Mother:
    """The process that forks servers."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.mortal_server"],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._gone: set[int] = set()

    def start(self, life: Life) -> int:
        """Fork a server and return its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(asdict(life))}\n")
        self._process.stdin.flush()
        while (found := self._read())[0] != "born":
            pass
        return found[1]

    def wait(self, pid: int) -> None:
        """Wait until a server is gone."""
        while pid not in self._gone:
            self._read()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()

    def _read(self) -> tuple[str, int]:
        assert self._process.stdout is not None
        word, number = self._process.stdout.readline().split()
        if word == "gone":
            self._gone.add(int(number))
        return word, int(number)


class Nursery:
    """Starts and kills servers over one data folder and port; `options` are those of a `Life`."""

    def __init__(self, home: Path, mother: Mother, *, calls: Path | None = None, **options: Any) -> None:
        self.home = home
        self.port = free_port()
        self.calls = calls or home / "calls"
        self._life = Life(str(home), self.port, str(self.calls), **options)
        home.mkdir(parents=True, exist_ok=True)
        self._mother = mother
        self._pid = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start a server and wait until it is ready."""
        self._pid = self._mother.start(self._life)
        for _ in range(1000):
            try:
                if httpx.get(f"{self.url}/ready").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.02)
        raise AssertionError("the server did not become ready")

    def kill(self, sign: int = signal.SIGKILL) -> None:
        """Send the server a signal and wait until it is gone."""
        os.kill(self._pid, sign)
        self._mother.wait(self._pid)

    def signal(self, sign: int) -> None:
        """Send the server a signal that it survives."""
        os.kill(self._pid, sign)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    # Imported before the forks, which then begin at once.
    import uvicorn  # noqa: F401

    import graph.app
    import graph.nodes.respond
    import server.serve
    import server.storage.checkpoints
    import tests.support.live_server  # noqa: F401

    with contextlib.suppress(ImportError):
        import redis.asyncio  # noqa: F401

        import server.storage.postgres_saver
    del graph, server
    write = threading.Lock()

    def say(word: str, pid: int) -> None:
        with write:
            sys.stdout.write(f"{word} {pid}\n")
            sys.stdout.flush()

    def mourn(pid: int) -> None:
        os.waitpid(pid, 0)
        say("gone", pid)

    for line in sys.stdin:
        life = Life(**json.loads(line))
        with write:  # the other threads only wait for children, and hold nothing now: forking is safe
            child = os.fork()
        if child == 0:
            live(life)
            os._exit(0)
        say("born", child)
        threading.Thread(target=mourn, args=(child,), daemon=True).start()


def note_call(life: Life, run_id: str, query: str) -> None:
    """Note a call that begins, and whether its result is in the journal already: then it must not run."""
    known = _journalled(life, run_id, f"The answer to {query} is 42.")
    with Path(life.calls).open("a") as file:
        file.write(f"{run_id} {query}{' REPEATED' if known else ''}\n")


def _journalled(life: Life, run_id: str, text: str) -> bool:
    if life.database_url:
        import psycopg

        statement = "SELECT 1 FROM vidence.journal WHERE run_id = %s AND position(%s IN body) > 0"
        while True:
            try:
                with psycopg.connect(life.database_url) as connected:
                    return connected.execute(statement, (run_id, text)).fetchone() is not None
            except psycopg.OperationalError:
                time.sleep(0.2)  # the tool itself needs no database
    connection = sqlite3.connect(Path(life.home) / "runs.db", timeout=30)
    try:
        statement = "SELECT 1 FROM journal WHERE run_id = ? AND instr(body, ?)"
        return connection.execute(statement, (run_id, text)).fetchone() is not None
    except sqlite3.OperationalError:
        return False  # no call of any run was journalled yet
    finally:
        connection.close()


def live(life: Life) -> None:
    """Serve until killed."""
    os.close(0)
    import asyncio
    import logging

    import uvicorn

    from core.settings import Settings
    from server.app import create_app
    from server.serve import DrainingServer
    from tests.support.live_server import SlowSearch, by_header, opener

    class Logged(SlowSearch):
        async def run(self, args: Any, context: Any) -> Any:
            await asyncio.to_thread(note_call, life, context.run_id, args.query)
            return await super().run(args, context)

    home = Path(life.home)
    logging.basicConfig(level=logging.WARNING, filename=home / "server.log")
    settings = Settings(
        home=home,
        server_drain_s=5,
        server_max_runs=8,
        server_lease_s=LEASE_S,
        server_cache="off",
        server_requests_per_minute=0,
        server_database_url=life.database_url,
        server_redis_url=life.redis_url,
    )
    app = create_app(settings, open_services=opener(home, Logged(life.search_s)), identify=by_header)
    config = uvicorn.Config(app, port=life.port, log_config=None, timeout_graceful_shutdown=1)
    DrainingServer(config, app, settings.server_drain_s).run()


if __name__ == "__main__":
    main()
