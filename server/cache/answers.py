"""The cache of answers: looks an accepted run's question up, and keeps what a finished run found.

A run that finds its answer here is a run like any other: accepted, streamed, listed. Its result carries the
evidence, claims and citations of the run that looked, and `cached_from` with that run's id. Nothing that goes
wrong here ends a run: it is answered anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from core.contracts import RunResult, Usage
from core.errors import VidenceError
from core.questions import clean_question
from core.settings import Settings
from server.cache.scope import scope_of
from server.cache.sense import exact_of, sense_of, timeless
from server.cache.store import Asked, CacheIndex
from server.runs.ledger import RunLedger
from server.runs.records import Run
from server.storage.sql import SqlDatabase
from server.stream.events import Draft, EvidenceAdded
from server.stream.translate import plan_updated, shown
from server.telemetry.metrics import CacheKind, CacheWatch

if TYPE_CHECKING:
    from graph.services import Services

log = logging.getLogger(__name__)


class AnswerCache:
    """Answers of finished runs, by owner, question and all that they depend on.

    Args:
        settings: `server_cache` and its bounds.
        database: The server's.
        ledger: Has the results of runs.
        services: Returns the agent's services, once they are open.
        watch: Told of every look-up.
    """

    def __init__(
        self,
        settings: Settings,
        database: SqlDatabase,
        ledger: RunLedger,
        services: Callable[[], Services],
        watch: CacheWatch = lambda _cache, _hit: None,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._services = services
        self._watch = watch
        self.index = CacheIndex(database, settings.server_cache_entries)

    async def asked(self, run: Run) -> Asked | None:
        """Return what a run's answer is looked for and kept under; None when it is neither."""
        mode, spec = self._settings.server_cache, run.spec
        if mode == "off" or not spec.cache or not timeless(spec.question):
            return None
        try:
            question = clean_question(spec.question, self._settings.max_question_chars)
            if await self._goes_on(run):
                return None
            scope = await scope_of(spec, self._services())
        except VidenceError:
            return None  # the run says what is wrong
        except Exception:
            log.exception("The answer cache could not look at run %s", run.run_id)
            return None
        sense = sense_of(question, images=len(spec.images)) if mode == "semantic" else None
        return None if scope is None else Asked(run.owner, scope, exact_of(question), sense or "")

    async def find(self, run: Run, asked: Asked | None) -> RunResult | None:
        """Return a kept answer as this run's result, or None."""
        if asked is None:
            return None
        try:
            return await self._find(run, asked)
        except Exception:
            log.exception("The answer cache could not be read for run %s", run.run_id)
            return None

    async def keep(self, run: Run, asked: Asked | None, values: Mapping[str, Any], result: RunResult) -> None:
        """Keep a run's answer, if it is one to give again.

        Args:
            run: The run, before its end is written.
            asked: What `asked` returned at its beginning.
            values: The graph's last state.
            result: What it found.
        """
        if asked is None or run.reply is not None or not self._lasting(values, result):
            return
        try:
            if await scope_of(run.spec, self._services()) != asked.scope:
                return  # a collection or a model changed while it ran
            until = datetime.now(UTC) + timedelta(days=self._settings.server_cache_days)
            await self.index.put(asked, run.run_id, until.isoformat(timespec="milliseconds"))
        except Exception:
            log.exception("The answer of run %s could not be kept for later", run.run_id)

    async def _find(self, run: Run, asked: Asked) -> RunResult | None:
        found = await self.index.candidates(asked)
        same = [run_id for run_id, text in found if text == asked.question]
        result = await self._first(run, asked, "exact", same)
        if result is None:
            near = await self._near(asked.question, [item for item in found if item[1] != asked.question])
            result = await self._first(run, asked, "semantic", near)
        if result is None:
            self._watch("semantic" if asked.sense else "exact", False)
        return result

    async def _first(
        self, run: Run, asked: Asked, kind: CacheKind, candidates: list[str]
    ) -> RunResult | None:
        """Return the first candidate that is still there, as this run's result."""
        for run_id in candidates:
            result = await self._result(asked.owner, run_id)
            if result is not None and await self.index.used(asked.owner, run_id):
                self._watch(kind, True)
                return given_again(run, result)
        return None

    async def _near(self, question: str, others: list[tuple[str, str]]) -> list[str]:
        """Return the runs whose question is near by meaning too, the nearest first."""
        if not others:
            return []
        models = self._services().models
        texts = [question, *(text for _, text in others)]
        try:
            vectors = await asyncio.to_thread(lambda: models.embedder().embed(texts))
        except VidenceError as error:
            log.warning("No semantic look-up without the text model: %s", error.message)
            return []
        likeness = vectors[1:] @ vectors[0]
        ranked = sorted(zip(likeness, others, strict=True), key=lambda item: -float(item[0]))
        return [run_id for near, (run_id, _) in ranked if near >= self._settings.server_cache_similarity]

    async def _result(self, owner: str, run_id: str) -> RunResult | None:
        """Return the result of the owner's run; None when it is gone, as after its thread was deleted."""
        run = await self._ledger.get(run_id, owner)
        body = await self._ledger.result(run_id) if run is not None and run.status == "done" else None
        return None if body is None else RunResult.model_validate_json(body)

    async def _goes_on(self, run: Run) -> bool:
        """Whether the run is not the first of its conversation: what it asks may depend on what was said."""
        others = await self._ledger.runs(run.owner, thread_id=run.thread_id, limit=2)
        return any(other.run_id != run.run_id for other in others)

    def _lasting(self, values: Mapping[str, Any], result: RunResult) -> bool:
        """Whether an answer would be found again: whole, without failures, from what has a version."""
        if result.status != "done" or result.cached_from or any(not step.ok for step in result.steps):
            return False
        if any(values.get(name) for name in ("replies", "errors", "stopped", "error")):
            return False
        if any(count for name, count in result.usage.model_dump().items() if name.startswith("shed_")):
            return False  # a busy server looked less closely
        tools = self._services().registry
        used = {item.tool for item in result.plan if item.tool}
        return all(name in tools.names() and "network" not in tools.get(name).needs for name in used)


def given_again(run: Run, result: RunResult) -> RunResult:
    """Return an earlier run's result as this run's: its own ids and question, nothing spent."""
    return result.model_copy(
        update={
            "run_id": run.run_id,
            "thread_id": run.thread_id,
            "question": run.spec.question,
            "steps": (),
            "usage": Usage(),
            "cached_from": result.run_id,
        }
    )


def told_again(result: RunResult) -> list[Draft]:
    """Return the events of an answer that was found before: its plan and its evidence."""
    plan = {item.id: item.model_dump(mode="json", exclude={"args"}) for item in result.plan}
    seen = shown(result.evidence)
    drafts = [plan_updated(plan)] if plan else []
    if seen:
        # With a key of its own: were the run to be answered anew after a crash, its evidence is told then.
        data = EvidenceAdded(subquestion=result.plan[-1].id if result.plan else "", evidence=seen)
        drafts.append(Draft("evidence.added", "evidence:cached", data))
    return drafts
