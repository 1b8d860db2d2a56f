"""Killed at any moment, an add is finished by the next one: the index is that of an undisturbed run."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from knowledge.collections import Collections
from knowledge.store.manifest import Manifest
from tests.support.hash_embedder import HashEmbedder

ROOT = Path(__file__).resolve().parents[2]
KILLS = 10
SERVER = """
import os, sys, time
from pathlib import Path
import chromadb
from knowledge.collections import Collections
from tests.support.hash_embedder import HashEmbedder

class Slow(HashEmbedder):
    def embed(self, texts):
        time.sleep(0.02)
        return super().embed(texts)

for line in sys.stdin:
    root, source = line.split()
    pid = os.fork()
    if pid == 0:
        embedder = Slow()
        Collections(Path(root), lambda: embedder).add("home", [source])
        os._exit(0)
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""
"""Forks a process for each add, so that the packages are imported once and the kills hit the work."""
WORDS = (
    "pressure boiler valve garden tomato rose config cache evict warranty month sun water heat pump".split()
)


def write_records(path: Path, seed: int) -> None:
    chosen = random.Random(seed)
    lines = [
        {
            "id": f"r{number}",
            "title": f"Record {number}",
            "text": f"only{seed}x{number} " + " ".join(chosen.choices(WORDS, k=30)),
        }
        for number in range(200)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


class Adder:
    """Runs adds in processes of their own, which can be killed."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SERVER],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def start(self, root: Path, source: Path) -> int:
        assert self._server.stdin is not None
        self._server.stdin.write(f"{root} {source}\n")
        return int(self._line())

    def status(self) -> int:
        return int(self._line())

    def ended(self, seconds: float) -> bool:
        return bool(select.select([self._server.stdout], [], [], seconds)[0])

    def finish(self, root: Path, source: Path) -> float:
        begun = time.perf_counter()
        self.start(root, source)
        assert self.status() == 0
        return time.perf_counter() - begun

    def close(self) -> None:
        self._server.kill()
        self._server.communicate()

    def _line(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline()


@pytest.fixture
def adder() -> Iterator[Adder]:
    opened = Adder()
    yield opened
    opened.close()


def test_kill_9_at_ten_random_moments_leaves_the_index_of_an_undisturbed_run(
    tmp_path: Path, adder: Adder
) -> None:
    source, calm_root, torn_root = tmp_path / "records.jsonl", tmp_path / "calm", tmp_path / "torn"
    write_records(source, 1)
    adder.finish(tmp_path / "warm", source)
    whole = adder.finish(calm_root, source)
    # The same documents change in between: replacing is interrupted too.
    write_records(source, 2)
    adder.finish(calm_root, source)

    write_records(source, 1)
    moments = random.Random(7)
    killed = 0
    for turn in range(KILLS):
        if turn == KILLS // 2:
            adder.finish(torn_root, source)
            write_records(source, 2)
        process = adder.start(torn_root, source)
        # What was done stays done, so that a whole run gets shorter from kill to kill.
        if not adder.ended(moments.uniform(0.02, 0.7 * whole)):
            os.kill(process, signal.SIGKILL)
        killed += adder.status() == signal.SIGKILL
    assert killed >= KILLS // 2
    adder.finish(torn_root, source)

    reports = []
    for name in ("calm", "torn"):
        collections = Collections(tmp_path / name, HashEmbedder)
        reports.append(collections.verify("home"))
        hits = [collections.search("home", query, 10) for query in ("boiler pressure", "tomato sun water")]
        reports.append([[(hit.doc_id, hit.score) for hit in found] for found in hits])
        collections.close()
    calm, calm_hits, torn, torn_hits = reports
    assert calm.ok
    assert torn.ok
    assert not torn.unfinished
    assert torn.digest == calm.digest
    assert torn_hits == calm_hits


def test_readers_see_the_finished_index_until_the_next_is_whole(tmp_path: Path, adder: Adder) -> None:
    source = tmp_path / "records.jsonl"
    write_records(source, 1)
    reader = Collections(tmp_path / "c", HashEmbedder)
    reader.add("home", [source])
    before = reader.verify("home").digest
    write_records(source, 2)
    process = adder.start(tmp_path / "c", source)
    manifest = Manifest(tmp_path / "c" / "home" / "manifest.db")
    while not manifest.waiting():
        assert not adder.ended(0.005)
    os.kill(process, signal.SIGKILL)
    assert adder.status() == signal.SIGKILL
    manifest.close()
    report = reader.verify("home")
    assert report.unfinished
    assert report.digest == before
    assert "only1x0" in reader.search("home", "only1x0", 1, mode="sparse")[0].text
    assert reader.describe()[0].documents == 200
    assert reader.verify("home", repair=True).ok
    reader.close()
