"""What the graph reports, as events. Pure: one translator a run, fed in order.

Each draft has a key made of what it tells of (a task, a sub-question, a state of the plan), so that a step
that runs again after a crash is told once.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.contracts import Evidence, RunResult
from server.stream.events import (
    AnswerDelta,
    AnswerFinal,
    Draft,
    EvidenceAdded,
    EvidenceSeen,
    PlanItem,
    PlanUpdated,
    StepFinished,
    StepStarted,
)

CONTENT_SHOWN = 500
_SENTENCE = re.compile(r".+?(?:[.!?]\s+|\n+|$)", re.DOTALL)


@dataclass(frozen=True)
class Found:
    """Evidence that a step brought, by id: the caller looks it up and calls `evidence_added`."""

    subquestion: str
    tool: str
    ids: tuple[str, ...]


class Translator:
    """Turns the graph's task reports into drafts.

    Args:
        plan: The plan as the run left it when it stopped; empty for a new run.
        begun: Steps that were told to have begun, and not to have ended.
    """

    def __init__(
        self, plan: Mapping[str, dict[str, Any]] | None = None, begun: Iterable[StepStarted] = ()
    ) -> None:
        self._plan: dict[str, dict[str, Any]] = dict(plan or {})
        self._steps: dict[str, StepStarted] = {step.step: step for step in begun}

    def task(self, report: Mapping[str, Any]) -> tuple[list[Draft], Found | None]:
        """Translate one item of LangGraph's stream mode `tasks`: the start or the end of a node."""
        if "result" not in report:
            step = _step(report)
            self._steps[step.step] = step
            return [Draft("step.started", f"start:{step.step}", step)], None
        if report["error"] or report["interrupts"]:
            return [], None  # the run's end, or its question, tells of it
        return self._ended(report["id"], report["name"], report["result"])

    def _ended(self, id_: str, node: str, update: Mapping[str, Any]) -> tuple[list[Draft], Found | None]:
        step = self._steps.pop(short(id_), None) or StepStarted(step=short(id_), node=node)
        own = [item for item in update.get("steps") or [] if isinstance(item, dict) and item["node"] == node]
        record: Mapping[str, Any] = own[-1] if own else {"ms": 0.0, "ok": True, "error_kind": None}
        drafts = [finished(step, ms=record["ms"], ok=record["ok"], error_kind=record["error_kind"])]
        found = None
        refs = {key: ref for key, ref in (update.get("refs") or {}).items() if isinstance(ref, dict)}
        if refs:
            found = Found(next(iter(refs.values()))["subquestion"], step.tool, tuple(map(evidence_id, refs)))
        changed = {id_: item for id_, item in (update.get("plan") or {}).items() if isinstance(item, dict)}
        if changed:
            self._plan.update(changed)
            drafts.append(plan_updated(self._plan))
        return drafts, found


def _step(report: Mapping[str, Any]) -> StepStarted:
    given = report.get("input")
    asked = given.get("subquestion") if isinstance(given, dict) and report["name"] == "act" else None
    return StepStarted(
        step=short(report["id"]),
        node=report["name"],
        tool=asked["tool"] if asked else "",
        subquestion=asked["id"] if asked else "",
    )


def short(id_: str) -> str:
    """Return how events name a task of the graph."""
    return id_.replace("-", "")[:16]


def evidence_id(key: str) -> str:
    """Return the id of the evidence that a key of the state's `refs` stands for."""
    return key.rpartition(":")[2]


def finished(step: StepStarted, *, ms: float, ok: bool, error_kind: Any = None) -> Draft:
    """Return the event that ends a step."""
    data = StepFinished(**step.model_dump(), ms=ms, ok=ok, error_kind=error_kind)
    return Draft("step.finished", f"end:{step.step}", data)


def plan_updated(plan: Mapping[str, Mapping[str, Any]]) -> Draft:
    """Return the event of a plan as it stands."""
    names = PlanItem.model_fields
    data = PlanUpdated(
        plan=tuple(PlanItem(**{name: item[name] for name in names if name in item}) for item in plan.values())
    )
    digest = hashlib.sha256(data.model_dump_json().encode()).hexdigest()[:16]
    return Draft("plan.updated", f"plan:{digest}", data)


def shown(evidence: Iterable[Evidence]) -> tuple[EvidenceSeen, ...]:
    """Return evidence as events tell it, long texts cut."""
    return tuple(
        EvidenceSeen(
            id=item.id,
            kind=item.kind,
            source=item.source,
            locator=item.locator,
            content=item.content[:CONTENT_SHOWN],
            score=item.score,
        )
        for item in evidence
    )


def evidence_added(found: Found, evidence: Iterable[Evidence]) -> Draft:
    """Return the event of a tool call's evidence."""
    data = EvidenceAdded(subquestion=found.subquestion, tool=found.tool, evidence=shown(evidence))
    return Draft("evidence.added", f"evidence:{found.subquestion}", data)


def answered(result: RunResult) -> list[Draft]:
    """Return the events of a result: the checked answer in pieces, then as a whole."""
    pieces = _SENTENCE.finditer(result.answer)
    drafts = [
        Draft("answer.delta", f"delta:{place}", AnswerDelta(text=piece[0], at=piece.start()))
        for place, piece in enumerate(pieces)
    ]
    body = result.model_dump(include=set(AnswerFinal.model_fields))
    return [*drafts, Draft("answer.final", "final", AnswerFinal.model_validate(body))]


def said(report: Mapping[str, Any], epoch: int, place: int) -> Draft:
    """Return the event of a served model's words before the check.

    Args:
        report: What `graph.spoken` wrote.
        epoch: The lease that hears it: after a crash the model says it again, and that is another event.
        place: Tells this piece from others of the lease.
    """
    data = AnswerDelta(text=report["answer.delta"], checked=False, at=report["at"])
    return Draft("answer.delta", f"said:{epoch}:{place}", data)


def unchecked(draft: Draft) -> bool:
    """Whether a draft is a model's words before the check."""
    return isinstance(draft.data, AnswerDelta) and not draft.data.checked


def joined(first: Draft, then: Draft) -> Draft | None:
    """Return two pieces of a model's words as one event, or None when they do not follow each other."""
    one, two = first.data, then.data
    if not (unchecked(first) and unchecked(then)):
        return None
    assert isinstance(one, AnswerDelta)
    assert isinstance(two, AnswerDelta)
    if one.at + len(one.text) != two.at:
        return None
    return Draft(first.type, first.key, one.model_copy(update={"text": one.text + two.text}))


def left_open(events: Sequence[Mapping[str, Any]]) -> list[StepStarted]:
    """Return the steps that began and did not end, from the bodies of a run's events."""
    ended = {event["data"]["step"] for event in events if event["type"] == "step.finished"}
    return [
        StepStarted.model_validate(event["data"])
        for event in events
        if event["type"] == "step.started" and event["data"]["step"] not in ended
    ]


def bodies(events: Iterable[Any]) -> list[dict[str, Any]]:
    """Return the parsed bodies of logged events."""
    return [json.loads(event.body) for event in events]
