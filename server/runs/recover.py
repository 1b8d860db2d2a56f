"""Taking up a run that another worker left: which workers are gone, and which events they owed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core.contracts import Evidence
from server.runs.records import Run
from server.stream.events import Draft
from server.stream.log import EventLog
from server.stream.translate import (
    Found,
    Translator,
    bodies,
    evidence_added,
    evidence_id,
    finished,
    left_open,
    plan_updated,
    short,
)

Lookup = Callable[[str, tuple[str, ...]], Awaitable[list[Evidence]]]


def point_of(snapshot: Any) -> str:
    """Return the id of a snapshot's checkpoint."""
    return str(snapshot.config["configurable"].get("checkpoint_id", ""))


async def cut_off(run: Run, log: EventLog) -> list[Draft]:
    """Return the ends of steps that a crash cut off before the run's first checkpoint: it begins anew."""
    told = await log.take_up(run)
    return [finished(step, ms=0.0, ok=False) for step in left_open(bodies(told))]


async def missed(run: Run, snapshot: Any, log: EventLog, evidence: Lookup) -> tuple[Translator, list[Draft]]:
    """Return a translator that goes on, and what the checkpoint knows and the log may lack.

    Events are written a moment after the state they tell of, so a crash in between loses some. What the log
    has is left out when it is appended, by its key.
    """
    values = snapshot.values
    begun = left_open(bodies(await log.take_up(run)))
    translator = Translator(values.get("plan"), begun)
    drafts: list[Draft] = []
    if values.get("plan"):
        drafts.append(plan_updated(values["plan"]))
    refs: dict[str, list[str]] = {}
    for id_, ref in (values.get("refs") or {}).items():
        refs.setdefault(ref["subquestion"], []).append(evidence_id(id_))
    for subquestion, ids in refs.items():
        tool = values.get("plan", {}).get(subquestion, {}).get("tool", "")
        known = Found(subquestion, tool, tuple(ids))
        drafts.append(evidence_added(known, await evidence(run.run_id, known.ids)))
    for task in snapshot.tasks:
        if task.result is not None and task.name != "__start__":
            # It ended, its siblings did not: the graph does not run it again, and does not tell of it.
            ended = {"id": task.id, "name": task.name, "result": task.result, "error": None, "interrupts": ()}
            told, found = translator.task(ended)
            drafts += told
            if found is not None:
                drafts.append(evidence_added(found, await evidence(run.run_id, found.ids)))
    pending = {short(task.id) for task in snapshot.tasks}
    drafts += [finished(step, ms=0.0, ok=True) for step in begun if step.step not in pending]
    return translator, drafts


class Unseen:
    """The presence of workers that share no machine: only their leases tell that they are gone."""

    async def enter(self) -> None:
        """Do nothing."""

    async def leave(self) -> None:
        """Do nothing."""

    async def gone(self) -> list[str]:
        """Return none: nobody can be known to be gone."""
        return []


class Presence:
    """A lock file a worker, which the system lets go of when the process dies, however it dies.

    So that a restarted server need not wait for the leases of the one that was killed.
    """

    def __init__(self, folder: Path, worker: str) -> None:
        self._folder = folder
        self._worker = worker
        self._lock = FileLock(folder / f"{worker}.lock", timeout=0, thread_local=False)

    async def enter(self) -> None:
        """Hold this worker's lock."""
        await asyncio.to_thread(self._enter)

    async def leave(self) -> None:
        """Let go of it."""
        await asyncio.to_thread(self._leave)

    async def gone(self) -> list[str]:
        """Return workers whose process is gone, each once."""
        return await asyncio.to_thread(self._gone)

    def _enter(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock.acquire(timeout=5)  # another worker may be looking whether we are gone

    def _leave(self) -> None:
        self._lock.release()
        (self._folder / f"{self._worker}.lock").unlink(missing_ok=True)

    def _gone(self) -> list[str]:
        found: list[str] = []
        for path in self._folder.glob("*.lock"):
            if path.stem == self._worker:
                continue
            lock = FileLock(path, timeout=0, thread_local=False)
            try:
                lock.acquire()
            except Timeout:
                continue
            found.append(path.stem)
            path.unlink(missing_ok=True)
            lock.release()
        return found
