"""One run, from where it stands to its end, its question, or its cancellation."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from core.contracts import InputRequired, RunResult
from core.errors import VidenceError
from server.cache.answers import AnswerCache, told_again
from server.runs.engine import Engine, failure_of
from server.runs.ledger import RunLedger
from server.runs.records import Failure, LeaseLost, Run, Waiting
from server.runs.recover import cut_off, missed, point_of
from server.storage.database import held_elsewhere, is_locked
from server.storage.image_files import ImageFiles
from server.storage.sql import StoreAway
from server.stream.events import Draft, InputRequiredData, RunErrorData, RunFinished
from server.stream.log import EventLog
from server.stream.outbox import Outbox
from server.stream.translate import Translator, answered, evidence_added, said
from server.telemetry.scope import enter_run

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 10
"""Times that a run is taken up again without having come further: then it is what kills its workers."""


@dataclass(frozen=True)
class Parts:
    """What a run is executed with."""

    engine: Engine
    ledger: RunLedger
    log: EventLog
    answers: AnswerCache
    files: ImageFiles


Outcome = RunResult | Waiting | VidenceError | None
"""How a run ended; None when it was cancelled."""


async def drive(run: Run, parts: Parts) -> Outcome:
    """Run the graph from the last checkpoint on.

    Only `LeaseLost`, `StoreAway` and a cancellation escape: with these the run has not ended.
    """
    enter_run(run)
    try:
        return await _drive(run, parts)
    except (LeaseLost, StoreAway):
        raise
    except VidenceError as error:
        return error
    except Exception as error:
        if is_locked(error):  # evidence and journal are not behind the server's `Database`
            raise held_elsewhere(error) from error
        log.exception("Run %s failed", run.run_id)
        return failure_of(error)


async def _drive(run: Run, parts: Parts) -> Outcome:
    engine = parts.engine
    await engine.take(run)
    snapshot = await engine.snapshot(run.thread_key)
    await parts.files.bring(_images(run, snapshot))
    begun = snapshot.values.get("run_id") == run.run_id
    if run.attempts > 1:
        await _note_attempt(run, parts, point_of(snapshot) if begun else "")
    async with _sending(run, parts.log) as outbox:
        translator = Translator()
        if begun:
            translator, drafts = await missed(run, snapshot, parts.log, engine.evidence)
            outbox.put(drafts)
        elif run.attempts > 1:
            outbox.put(await cut_off(run, parts.log))
        asked = None if begun else await parts.answers.asked(run)
        known = await parts.answers.find(run, asked)
        if known is not None:
            outbox.put(told_again(known))
            return known
        payload = _payload(run, snapshot, begun=begun)
        if payload is not STOP:
            async for mode, report in engine.reports(payload, run.thread_key):
                await _tell(run, engine, outbox, translator, mode, report)
            snapshot = await engine.snapshot(run.thread_key)
    waiting = _waiting(snapshot)
    if waiting is not None:
        return waiting
    result = await engine.result(run.run_id, snapshot.values)
    await parts.answers.keep(run, asked, snapshot.values, result)
    return result


def _images(run: Run, snapshot: Any) -> list[str]:
    """Return the images that the run may look at: its own, and those that its thread has shown before."""
    shown = [image["sha256"] for image in snapshot.values.get("images", ())]
    return [*(image.sha256 for image in run.spec.images), *shown]


STOP: Any = object()


def _payload(run: Run, snapshot: Any, *, begun: bool) -> Any:
    """Return what the graph is given: the question, the reply, nothing to go on, or STOP when it is done."""
    if not begun:
        return run.spec.graph_input(run.run_id, run.thread_id)
    waiting = _waiting(snapshot)
    if waiting is not None:
        if run.reply is None or run.reply.interrupt_id != waiting.interrupt_id:
            return STOP
        from langgraph.types import Command

        return Command(resume=run.reply.text)
    # Not `next`: that leaves out tasks whose results are kept and only wait for the checkpoint.
    return None if snapshot.tasks else STOP


def _waiting(snapshot: Any) -> Waiting | None:
    for task in snapshot.tasks:
        for item in task.interrupts if task.result is None else ():
            asked = InputRequired(
                question=item.value["question"], options=tuple(item.value.get("options", ()))
            )
            return Waiting(interrupt_id=item.id, asked=asked)
    return None


async def _tell(
    run: Run, engine: Engine, outbox: Outbox, translator: Translator, mode: str, report: Any
) -> None:
    if mode == "custom":
        if isinstance(report, dict) and "answer.delta" in report:
            outbox.put([said(report, run.epoch, outbox.count)])
        return
    drafts, found = translator.task(report)
    if found is not None:
        drafts.append(evidence_added(found, await engine.evidence(run.run_id, found.ids)))
    outbox.put(drafts)


async def _note_attempt(run: Run, parts: Parts, point: str) -> None:
    if point != run.progress:
        await parts.ledger.mark_progress(run, point)
    elif run.attempts > MAX_ATTEMPTS:
        raise VidenceError(
            "internal",
            f"The run was taken up {MAX_ATTEMPTS} times and came no further",
            help="It may be what ends its workers. The server's log has the details.",
        )


@asynccontextmanager
async def _sending(run: Run, to: EventLog) -> AsyncIterator[Outbox]:
    """Append events beside the run's work; all of them are in the log when it ends, also by an error."""
    outbox = Outbox(run, to)
    sender = asyncio.create_task(outbox.send_all())
    try:
        yield outbox
    except (LeaseLost, StoreAway):
        sender.cancel()  # whoever continues the run tells what is missing
        await asyncio.wait([sender])
        raise
    except asyncio.CancelledError:
        outbox.close()
        await asyncio.gather(sender, return_exceptions=True)
        raise
    except Exception:
        outbox.close()
        await sender
        raise
    outbox.close()
    await sender


async def conclude(run: Run, outcome: Outcome, ledger: RunLedger) -> None:
    """Keep how a run ended, with its last events, in one go."""
    if isinstance(outcome, Waiting):
        asked = InputRequiredData.model_validate(outcome.asked.model_dump())
        drafts = [Draft("input.required", f"input:{outcome.interrupt_id}", asked)]
        await ledger.wait_for_input(run, outcome, drafts)
    elif isinstance(outcome, VidenceError):
        failure = Failure.of(outcome)
        drafts = [
            Draft("run.error", "error", RunErrorData.model_validate(failure.model_dump())),
            Draft("run.finished", "finished", RunFinished(status="failed")),
        ]
        await ledger.finish(run, "failed", error=failure, drafts=drafts)
    elif outcome is None:
        drafts = [Draft("run.finished", "finished", RunFinished(status="cancelled"))]
        await ledger.finish(run, "cancelled", drafts=drafts)
    else:
        status: Literal["abstained", "done"] = "abstained" if outcome.status == "abstained" else "done"
        last = Draft("run.finished", "finished", RunFinished(status=status, usage=outcome.usage))
        await ledger.finish(run, status, result=outcome.model_dump_json(), drafts=[*answered(outcome), last])
