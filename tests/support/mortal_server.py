"""Servers to be killed: one process imports everything once and forks a server for every life.

    python -m tests.support.mortal_server HOME PORT CALLS

Each line on its stdin starts a server and prints its process id. `Nursery` is the other end of the pipes.
"""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
SEARCH_S = 0.03
LEASE_S = 3.0


class Nursery:
    """Starts and kills servers over one data folder and port."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.calls = home / "calls"
        home.mkdir(parents=True, exist_ok=True)
        self._pid = 0
        self._mother = subprocess.Popen(
            [sys.executable, "-m", "tests.support.mortal_server", str(home), str(self.port), str(self.calls)],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start a server and wait until it is ready."""
        assert self._mother.stdin is not None
        assert self._mother.stdout is not None
        self._mother.stdin.write("start\n")
        self._mother.stdin.flush()
        self._pid = int(self._mother.stdout.readline())
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
        assert self._mother.stdout is not None
        assert self._mother.stdout.readline().split()[0] == "gone"

    def signal(self, sign: int) -> None:
        """Send the server a signal that it survives."""
        os.kill(self._pid, sign)

    def close(self) -> None:
        """End the servers."""
        assert self._mother.stdin is not None
        assert self._mother.stdout is not None
        self._mother.stdin.close()
        self._mother.wait(20)
        self._mother.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main(home: Path, port: int, calls: Path) -> None:
    import threading

    import uvicorn  # noqa: F401

    import graph.app
    import graph.nodes.respond
    import server.serve  # noqa: F401

    del graph
    write = threading.Lock()
    children: list[int] = []

    def say(*words: Any) -> None:
        with write:
            sys.stdout.write(" ".join(map(str, words)) + "\n")
            sys.stdout.flush()

    for _ in sys.stdin:
        # The only other threads wait for children that are gone already: forking is safe.
        child = os.fork()
        if child == 0:
            live(home, port, calls)
            os._exit(0)
        children.append(child)
        say(child)
        _, status = os.waitpid(child, 0)
        say("gone", status)
        children.remove(child)


def note_call(home: Path, calls: Path, run_id: str, query: str) -> None:
    """Note a call that begins, and whether its result is in the journal already: then it must not run."""
    connection = sqlite3.connect(home / "runs.db", timeout=30)
    try:
        known = connection.execute(
            "SELECT count(*) FROM journal WHERE run_id = ? AND instr(body, ?)",
            (run_id, f"The answer to {query} is 42."),
        ).fetchone()[0]
    except sqlite3.OperationalError:
        known = 0  # no call of any run was journalled yet
    finally:
        connection.close()
    with calls.open("a") as file:
        file.write(f"{run_id} {query}{' REPEATED' if known else ''}\n")


def live(home: Path, port: int, calls: Path) -> None:
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
            await asyncio.to_thread(note_call, home, calls, context.run_id, args.query)
            return await super().run(args, context)

    logging.basicConfig(level=logging.WARNING, filename=home / "server.log")
    settings = Settings(home=home, server_drain_s=5, server_max_runs=8, server_lease_s=LEASE_S)
    app = create_app(settings, open_services=opener(home, Logged(SEARCH_S)), identify=by_header)
    config = uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=1)
    DrainingServer(config, app, settings.server_drain_s).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
