"""What metrics, log lines and traces cost a run, as a share of the CPU time that the run takes.

Runs over instant fakes, so that the share is as large as it gets. CPU time of the calls is compared
with the CPU time of the whole process, so a busy machine changes neither.

    python -m benchmarks.telemetry --runs 200
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.settings import Settings
from server.telemetry import listen, middleware
from server.telemetry.logs import set_up
from tests.support.live_server import chat, live

WATCHED: tuple[tuple[type[Any], tuple[str, ...]], ...] = (
    (listen.Watch, ("named", "accepted", "begun", "told", "ended", "left")),
    (middleware._Request, ("__init__", "_note_lag", "end")),
)


class Spent:
    """CPU time within some methods."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._inside = False

    def watch(self, owner: type[Any], name: str) -> None:
        """Count a method's time; calls within counted ones are not counted twice."""
        work: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(work)
        def counted(*args: Any, **kwargs: Any) -> Any:
            if self._inside:
                return work(*args, **kwargs)
            self._inside, began = True, time.thread_time()
            try:
                return work(*args, **kwargs)
            finally:
                self.seconds += time.thread_time() - began
                self._inside = False

        setattr(owner, name, counted)


def measure(spent: Spent, runs: int, **settings: Any) -> dict[str, float]:
    """Return CPU milliseconds a run, of the process and of telemetry alone."""
    with tempfile.TemporaryDirectory() as home, live(Path(home), **settings) as client:
        for number in range(10):
            chat(client, f"Warm {number}?")
        spent.seconds, began = 0.0, time.process_time()
        for number in range(runs):
            chat(client, f"What is {number}?")
        whole = time.process_time() - began
        return {
            "run_ms": round(whole / runs * 1e3, 2),
            "telemetry_ms": round(spent.seconds / runs * 1e3, 3),
            "share": round(spent.seconds / whole, 4),
        }


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    runs = parser.parse_args().runs
    spent = Spent()
    for owner, names in WATCHED:
        for name in names:
            spent.watch(owner, name)
    set_up(Settings(server_log_format="json"), io.StringIO())
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    found = {
        "metrics_and_logs": measure(spent, runs),
        # A collector that is away: the spans are made and dropped.
        "and_traces": measure(spent, runs, otel_endpoint="http://127.0.0.1:9"),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
