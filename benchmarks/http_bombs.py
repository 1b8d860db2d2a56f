"""Images and bodies made to harm, sent to a server in a process of its own: what it answers, and its memory.

    python -m benchmarks.http_bombs [--json]

Memory is the resident size of the server's process in MB (1,000,000 bytes): before, its peak while a case
ran, and after. Cases, and the statuses that refuse them, are those of `tests/support/bombs.py`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psutil

from tests.support.bombs import BODIES, CLEANED, LARGE, MB, REFUSED, own_process, send


@dataclass(frozen=True)
class Row:
    """A case and what came of it."""

    kind: str
    name: str
    status: int
    expected: bool
    before: float
    peak: float
    after: float
    seconds: float


class Memory:
    """Looks at a process's resident size all the time."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.peak = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    @property
    def now(self) -> float:
        """Resident size in MB."""
        return float(self._process.memory_info().rss) / MB

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self.peak = max(self.peak, self.now)

    def close(self) -> None:
        """Stop looking."""
        self._done.set()
        self._thread.join()


def main() -> None:
    """Send every case and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as home,
        own_process(Path(home), server_body_patience_s=3) as (url, pid),
    ):
        rows = measure(url, pid)
    if args.json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    for row in rows:
        print(
            f"{row.kind:8} {row.name:45} {row.status} {'as documented' if row.expected else 'UNEXPECTED':14} "
            f"{row.before:6.0f} {row.peak:6.0f} {row.after:6.0f} MB  {row.seconds:5.2f} s"
        )
    wrong = sum(not row.expected for row in rows)
    small = max(row.peak for row in rows if row.kind != "large")
    before, after = rows[0].before, rows[-1].after
    print(f"{len(rows)} cases, {wrong} unexpected; memory {before:.0f} MB before, {after:.0f} MB after,")
    print(f"peak {small:.0f} MB ({max(row.peak for row in rows):.0f} MB with images of 100 million pixels)")


def measure(url: str, pid: int) -> list[Row]:
    """Return a row for each case, in order."""
    memory = Memory(pid)
    with httpx.Client(base_url=url, timeout=120) as client:
        while not _ready(client):
            time.sleep(0.1)

        def upload(data: bytes) -> int:
            return client.post("/v1/images", content=data, headers={"Content-Type": "image/png"}).status_code

        for name in ("JPEG named as a PNG", "16-bit PNG"):
            upload(CLEANED[name]())  # what is loaded once
        rows = []
        for kind, cases, wanted in (
            ("refused", REFUSED, 422),
            ("cleaned", CLEANED, 201),
            ("large", LARGE, 201),
        ):
            for name, make in cases.items():
                data = make()
                rows.append(_row(memory, kind, name, lambda data=data: upload(data), (wanted,)))  # type: ignore[misc]
        for name, (make_request, statuses) in BODIES.items():
            request = make_request()
            rows.append(_row(memory, "body", name, lambda request=request: send(url, request)[0], statuses))  # type: ignore[misc]
    memory.close()
    return rows


def _row(memory: Memory, kind: str, name: str, work: Callable[[], int], wanted: tuple[int, ...]) -> Row:
    before = memory.peak = memory.now
    began = time.monotonic()
    status = work()
    seconds = time.monotonic() - began
    time.sleep(0.05)
    return Row(kind, name, status, status in wanted, before, memory.peak, memory.now, seconds)


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/ready").status_code == 200
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
