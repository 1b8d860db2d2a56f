"""Clients that go on asking while the server is killed, and what must hold of every run at the end."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.support.live_server import Frame, frames, stream
from tests.support.mortal_server import Mother, Nursery


@dataclass
class Load:
    """Askers (who only start runs) and followers (who stream one run after another across every kill)."""

    url: str
    accepted: list[str] = field(default_factory=list)
    followed: dict[str, list[Frame]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        with httpx.Client(base_url=self.url, timeout=10) as client:
            while not self.stop.is_set():
                try:
                    reply = client.post("/v1/runs", json={"question": "What is it?"})
                except httpx.TransportError:
                    time.sleep(0.02)
                    continue
                if reply.status_code == 202:
                    self.accepted.append(reply.json()["run_id"])
                elif reply.status_code not in (429, 503):
                    self.problems.append(reply.text)
                time.sleep(0.15)

    def follow(self) -> None:
        with httpx.Client(base_url=self.url, timeout=10) as client:
            while not self.stop.is_set():
                seen: list[Frame] = []
                with contextlib.suppress(httpx.TransportError):
                    body = {"question": "What is it?"}
                    with client.stream("POST", "/v1/chat", json=body) as reply:
                        if reply.status_code == 200:
                            for frame in frames(reply.iter_lines()):
                                seen.append(frame)
                if not seen:
                    time.sleep(0.02)
                    continue
                run_id = seen[0].data["run_id"]
                self.accepted.append(run_id)
                self.followed[run_id] = self._rest(client, run_id, seen)

    def _rest(self, client: httpx.Client, run_id: str, seen: list[Frame]) -> list[Frame]:
        while seen[-1].event != "run.finished":
            try:
                with client.stream(
                    "GET", f"/v1/runs/{run_id}/events", headers={"Last-Event-ID": str(seen[-1].id)}
                ) as reply:
                    if reply.status_code != 200:
                        self.problems.append(f"{reply.status_code} {reply.read()!r}")
                        return seen
                    for frame in frames(reply.iter_lines()):
                        seen.append(frame)
            except httpx.TransportError:
                time.sleep(0.02)
        return seen


def kill_under_load(mother: Mother, home: Path, kills: int, *, seed: int = 0) -> tuple[Load, Nursery]:
    """Kill the server at random moments while clients ask; returns once every accepted run should be over."""
    nursery = Nursery(home, mother)
    load = Load(nursery.url)
    clients = [threading.Thread(target=load.ask) for _ in range(2)]
    clients += [threading.Thread(target=load.follow) for _ in range(2)]
    chance = random.Random(seed)
    nursery.start()
    for client in clients:
        client.start()
    for _ in range(kills):
        time.sleep(chance.uniform(0.05, 1.0))
        nursery.kill()
        nursery.start()
    time.sleep(0.3)
    load.stop.set()
    for client in clients:
        client.join()
    return load, nursery


def check(load: Load, nursery: Nursery) -> Counter[str]:
    """Assert what must hold; returns the statuses of the accepted runs."""
    assert not load.problems, load.problems[:3]
    statuses: Counter[str] = Counter()
    with httpx.Client(base_url=nursery.url, timeout=60) as client:
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
    calls = nursery.calls.read_text().split("\n")
    assert not [call for call in calls if call.endswith("REPEATED")], "a journalled call never runs again"
    return statuses


def repeated_calls(nursery: Nursery) -> tuple[int, int]:
    """Return how many tool calls ran, and how many of them again because a crash came before the journal."""
    calls = Counter(nursery.calls.read_text().split("\n")[:-1])
    return sum(calls.values()), sum(count - 1 for count in calls.values())
