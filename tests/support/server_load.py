"""Clients that go on asking while servers are killed, and what must hold of every run at the end."""

from __future__ import annotations

import contextlib
import itertools
import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.support.live_server import Frame, ended, frames, start, stream, until
from tests.support.mortal_server import Mother, Nursery

QUESTION = {"question": "What is it?"}
AGAIN = (429, 503)
"""Refused for now: asked again."""


@dataclass
class Load:
    """Askers (who only start runs) and followers (who stream one run after another across every kill).

    Followers rate what they followed. A client whose server does not answer turns to the next one.
    """

    urls: Sequence[str]
    accepted: list[str] = field(default_factory=list)
    followed: dict[str, list[Frame]] = field(default_factory=dict)
    rated: dict[str, str] = field(default_factory=dict)
    """What was said of runs whose rating the server accepted."""
    refused: Counter[int] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        with httpx.Client(timeout=10) as client:
            for url in itertools.cycle(self.urls):
                with contextlib.suppress(httpx.TransportError):
                    while not self.stop.is_set():
                        reply = client.post(f"{url}/v1/runs", json=QUESTION)
                        if reply.status_code == 202:
                            self.accepted.append(reply.json()["run_id"])
                        else:
                            self._refused(reply)
                        time.sleep(0.15)
                if self.stop.is_set():
                    return
                time.sleep(0.02)

    def follow(self) -> None:
        with httpx.Client(timeout=10) as client:
            for url in itertools.cycle(self.urls):
                if self.stop.is_set():
                    return
                seen: list[Frame] = []
                with contextlib.suppress(httpx.TransportError):
                    self._read(client, "POST", f"{url}/v1/chat", seen, json=QUESTION)
                if not seen:
                    time.sleep(0.05)
                    continue
                run_id = seen[0].data["run_id"]
                self.accepted.append(run_id)
                self._rest(client, run_id, seen)
                self.followed[run_id] = seen
                self._rate(client, run_id)

    def _rest(self, client: httpx.Client, run_id: str, seen: list[Frame]) -> None:
        for url in itertools.cycle(self.urls):
            if seen[-1].event == "run.finished":
                return
            with contextlib.suppress(httpx.TransportError):
                place = {"Last-Event-ID": str(seen[-1].id)}
                self._read(client, "GET", f"{url}/v1/runs/{run_id}/events", seen, headers=place)
            time.sleep(0.02)

    def _rate(self, client: httpx.Client, run_id: str) -> None:
        """Rate a run until a server says that the rating is kept; the last word counts."""
        for number, url in enumerate(itertools.cycle(self.urls)):
            said = f"heard {number}"
            body = {"run_id": run_id, "rating": "down", "comment": said}
            with contextlib.suppress(httpx.TransportError):
                reply = client.post(f"{url}/v1/feedback", json=body)
                if reply.status_code == 201:
                    self.rated[run_id] = said
                    return
                self._refused(reply)
            time.sleep(0.02)

    def _read(
        self, client: httpx.Client, method: str, url: str, seen: list[Frame], **options: object
    ) -> None:
        with client.stream(method, url, **options) as reply:  # type: ignore[arg-type]
            if reply.status_code == 200:
                for frame in frames(reply.iter_lines()):
                    seen.append(frame)
            else:
                reply.read()
                self._refused(reply)

    def _refused(self, reply: httpx.Response) -> None:
        self.refused[reply.status_code] += 1
        if reply.status_code not in AGAIN:
            self.problems.append(f"{reply.status_code} {reply.text}")


def under_load(workers: Sequence[Nursery], act: Callable[[], None]) -> Load:
    """Do something while clients ask and follow; returns once they have stopped."""
    load = Load([worker.url for worker in workers])
    clients = [threading.Thread(target=load.ask) for _ in range(2)]
    clients += [threading.Thread(target=load.follow) for _ in range(2)]
    for client in clients:
        client.start()
    try:
        act()
        time.sleep(0.3)
    finally:
        load.stop.set()
        for client in clients:
            client.join()
    return load


def kill_under_load(mother: Mother, home: Path, kills: int, *, seed: int = 0) -> tuple[Load, Nursery]:
    """Kill the server at random moments while clients ask; returns once every accepted run should be over."""
    nursery = Nursery(home, mother)
    nursery.start()
    return under_load([nursery], lambda: kill_at_random([nursery], kills, seed=seed)), nursery


def kill_at_random(workers: Sequence[Nursery], kills: int, *, seed: int = 0) -> None:
    """Kill one of the workers at a random moment, and start it again, so often."""
    chance = random.Random(seed)
    for _ in range(kills):
        time.sleep(chance.uniform(0.05, 1.0))
        worker = chance.choice(workers)
        worker.kill()
        worker.start()


def check(load: Load, nursery: Nursery) -> Counter[str]:
    """Assert what must hold; returns the statuses of the accepted runs."""
    assert not load.problems, load.problems[:3]
    statuses: Counter[str] = Counter()
    with httpx.Client(base_url=nursery.url, timeout=90) as client:
        for run_id in load.accepted:
            run = client.get(f"/v1/runs/{run_id}", params={"wait": 60}).json()
            statuses[run["status"]] += 1
            events = stream(client, run_id)
            kinds = [frame.event for frame in events]
            assert [frame.id for frame in events] == list(range(1, len(events) + 1))
            assert kinds[0] == "run.started"
            assert Counter(kinds)["run.started"] == Counter(kinds)["run.finished"] == 1
            assert kinds[-1] == "run.finished"
            assert kinds.count("evidence.added") == 3
            begun = [frame.data["data"]["step"] for frame in events if frame.event == "step.started"]
            done = [frame.data["data"]["step"] for frame in events if frame.event == "step.finished"]
            assert sorted(begun) == sorted(done)
            assert len(set(begun)) == len(begun)
            if run_id in load.followed:
                assert load.followed[run_id] == events, "the joined stream is the log"
        for run_id, said in load.rated.items():
            kept = client.get(f"/v1/feedback/{run_id}")
            assert kept.status_code == 200, "a rating that was accepted is kept"
            assert kept.json()["comment"] == said
    calls = nursery.calls.read_text().split("\n")
    assert not [call for call in calls if call.endswith("REPEATED")], "a journalled call never runs again"
    return statuses


def repeated_calls(nursery: Nursery) -> tuple[int, int]:
    """Return how many tool calls ran, and how many of them again because a crash came before the journal."""
    calls = Counter(nursery.calls.read_text().split("\n")[:-1])
    return sum(calls.values()), sum(count - 1 for count in calls.values())


def outlive_a_sleeper(one: Nursery, two: Nursery) -> None:
    """Let a worker sleep over its lease: the other ends its run, and it writes nothing more when it wakes."""
    with httpx.Client(base_url=one.url, timeout=20) as client:
        run_id = start(client)["run_id"]
    sleep_between_writes(one)
    try:
        with httpx.Client(base_url=two.url, timeout=60) as client:
            until(lambda: client.get(f"/v1/runs/{run_id}").json()["status"] == "done", 60)
            run, events = ended(client, run_id), stream(client, run_id)
    finally:
        one.signal(signal.SIGCONT)
    time.sleep(1.5)
    with httpx.Client(base_url=one.url, timeout=20) as client:
        assert ended(client, run_id) == run
        assert stream(client, run_id) == events
    assert [frame.event for frame in events].count("run.finished") == 1


def sleep_between_writes(nursery: Nursery) -> None:
    """Stop a worker at a moment when it holds no SQLite file: within a write it would keep all others out."""

    def stopped() -> bool:
        nursery.signal(signal.SIGSTOP)
        if all(map(_can_be_written, nursery.home.glob("*.db"))):
            return True
        nursery.signal(signal.SIGCONT)
        return False

    until(stopped)


def _can_be_written(path: Path) -> bool:
    with contextlib.closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        return True
