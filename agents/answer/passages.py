"""Answers from retrieved text: the sentence or table row that bears most on the question, and its value.

Pure and deterministic. A weak match scores low rather than pretending: when the words that carry the question
do not stand in the passages, or no value of the wanted form stands near, there is no answer here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from agents.answer.base import AnswerTask
from agents.answer.enumerated import asks_for_list, listed
from agents.answer.relevance import bag, key, relevance
from agents.answer.spans import Span, kind_needs_value, spans
from agents.answer.studied import reporting
from agents.answer.tables import Cell, read_row
from agents.answer.units import Unit, prose
from agents.answer.wanted import Want, Wanted, wanted
from agents.answer.yesno import asks_of_oneself, is_aim, is_finding, verdict
from agents.question import ParsedQuestion
from core.contracts import AnswerType, Candidate, Citation, DraftClaim
from core.text import words

_MIN_COVERAGE = 0.28
_MISSING_ENTITY = 0.35
"""What is left of a score when a name, number or code of the question is not in the passage."""
_CANDIDATES = 5
_AGREEMENT = 0.6
"""How much of its own score another document with the same answer adds, of what is left to 1."""
_TYPES: dict[Want, AnswerType] = {
    "number": "number", "measure": "number", "percent": "percent", "money": "money", "date": "date",
    "year": "date", "time": "time", "person": "name", "yes_no": "yes_no", "list": "list",
}  # fmt: skip


@dataclass(frozen=True)
class _Scored:
    unit: Unit
    own: float
    """The share of the question that the unit says itself, without its surroundings."""
    score: float


class PassageExtractor:
    """Answers from passages of collections and PubMed records."""

    name: ClassVar[str] = "passages"

    def propose(self, task: AnswerTask) -> list[Candidate]:
        """Return the best few answers, best first; none when the passages do not bear on the question."""
        units = task.once(prose).units
        if not units or not task.question.keywords or asks_of_oneself(task.question):
            return []
        if task.once(reporting):
            return []  # `studied.py` weighs what studies find; a sentence alone says little there
        want = wanted(task.question)
        ranked = _rank(units, task.question)
        found = [
            candidate
            for scored in ranked[:12]
            for candidate in _answers(scored, task.question, want, task.subquestion_id)
        ]
        best = _agreed(found)[:_CANDIDATES]
        if asks_for_list(task.question):
            near = [(scored.unit, scored.score) for scored in ranked[:12]]
            several = listed(near, task.question, task.subquestion_id)
            # What enumerates is asked for; a single thing stands in only where nothing does.
            best = [several, *best[: _CANDIDATES - 1]] if several else best
        return best


def _agreed(found: Sequence[Candidate]) -> list[Candidate]:
    """Return each short answer once, best first; the more documents give it, the surer it is."""
    groups: dict[str, list[Candidate]] = {}
    for candidate in sorted(found, key=lambda item: -item.score):
        groups.setdefault(candidate.short_answer.lower(), []).append(candidate)
    agreed = []
    for group in groups.values():
        score, seen = group[0].score, {_source(group[0])}
        for other in group[1:]:
            if _source(other) not in seen:
                seen.add(_source(other))
                score += (1.0 - score) * _AGREEMENT * other.score
        agreed.append(group[0].model_copy(update={"score": round(score, 4)}))
    return sorted(agreed, key=lambda item: -item.score)


def _source(candidate: Candidate) -> str:
    return candidate.claims[0].citations[0].source


def _rank(units: Sequence[Unit], question: ParsedQuestion) -> list[_Scored]:
    weigh = relevance(question, units)
    whole: dict[str, frozenset[str]] = {}
    retrieved = max((unit.evidence.score for unit in units), default=0.0)
    scored = []
    for unit in units:
        known = whole.setdefault(unit.evidence.id, bag(unit.evidence.content))
        coverage = weigh.coverage(unit, known)
        if coverage < _MIN_COVERAGE or unit.text.rstrip().endswith("?"):
            continue
        rank_share = unit.evidence.score / retrieved if retrieved > 0 else 1.0
        score = _confidence(coverage) * (0.92 + 0.08 * max(0.0, min(1.0, rank_share)))
        score *= _MISSING_ENTITY ** weigh.missing_entities(unit, known)
        scored.append(_Scored(unit, weigh.own_coverage(unit), score))
    return sorted(scored, key=lambda item: -item.score)


def _confidence(coverage: float) -> float:
    """Map coverage to a score: half a question is no answer, nine tenths is a good one."""
    return float(min(1.0, max(0.0, (coverage - 0.2) / 0.7)) ** 1.2)


def _answers(scored: _Scored, question: ParsedQuestion, want: Wanted, need: str) -> list[Candidate]:
    if want.kind == "yes_no":
        return [] if is_aim(scored.unit.text) else [_yes_no(scored, question, need)]
    if scored.unit.is_row:
        return _row(scored, question, want, need)
    if want.kind in ("text", "meaning"):
        return [_sentence(scored, want, need)]
    found = [(span, _span_score(span, scored, question, want)) for span in spans(scored.unit.text, want)]
    best = sorted((item for item in found if item[1] > 0), key=lambda item: -item[1])[:3]
    if best:
        return [_candidate(scored.unit, span.text, want, score, need) for span, score in best]
    if kind_needs_value(want.kind):
        return []
    return [_sentence(scored, want, need)]


def _sentence(scored: _Scored, want: Wanted, need: str) -> Candidate:
    return _candidate(scored.unit, scored.unit.text, want, scored.score * 0.8, need)


def _span_score(span: Span, scored: _Scored, question: ParsedQuestion, want: Wanted) -> float:
    """Score a value by its sentence, its form, and how near the question's words stand to it."""
    own, asked = bag(span.text), set(map(key, question.keywords))
    if own and own <= asked | bag(question.stem):
        return 0.0  # the question said it already
    near = _nearness(span, scored.unit.text, asked)
    beside = _beside(span, scored.unit.text, want)
    repeated = 0.85 if own & asked else 1.0
    return min(1.0, scored.score * span.fit * (0.55 + 0.45 * near) * beside * repeated)


def _beside(span: Span, sentence: str, want: Wanted) -> float:
    """Favour a value beside the noun that the question asks for: `10 requests`, `the band Rush`."""
    if not want.focus:
        return 1.0
    after = {key(word) for word in words(sentence[span.end :])[:3]} | {key(word) for word in words(span.text)}
    before = {key(word) for word in words(sentence[: span.start])[-4:]}
    if want.kind == "number":
        return 1.1 if want.focus & after else 0.9 if want.focus & before else 0.7
    return 1.1 if want.focus & (after | before) else 1.0


def _nearness(span: Span, sentence: str, asked: set[str]) -> float:
    """Return 1 for a value amid the question's words, falling to 0 as they stand ten words away."""
    before = [key(word) for word in words(sentence[: span.start])][::-1]
    after = [key(word) for word in words(sentence[span.end :])]
    gaps = sorted(gap for side in (before, after) for gap, word in enumerate(side) if word in asked)[:3]
    return sum(max(0.0, 1.0 - gap / 10) for gap in gaps) / 3 if gaps else 0.0


def _row(scored: _Scored, question: ParsedQuestion, want: Wanted, need: str) -> list[Candidate]:
    unit = scored.unit
    asked = bag(question.stem)
    cell = read_row(unit, asked, want)
    if cell is None:
        return []
    citations = [Citation.of(unit.evidence, unit.text)]
    if cell.header and unit.header in unit.evidence.content:
        citations.append(Citation.of(unit.evidence, unit.header))
    short, fit = _within(cell, asked, want)
    named = (
        f"{cell.label}: {cell.header.strip()} {cell.value}" if cell.header else f"{cell.label}: {cell.value}"
    )
    return [
        Candidate(
            id="passages",
            route="extraction",
            subquestion_id=need,
            answer=named,
            short_answer=short,
            answer_type=_TYPES.get(want.kind, "text"),
            claims=(DraftClaim(text=named, citations=tuple(citations)),),
            score=round(min(1.0, scored.score * (0.6 + 0.4 * cell.fit) * fit), 4),
        )
    ]


def _within(cell: Cell, asked: frozenset[str], want: Wanted) -> tuple[str, float]:
    """Return the value inside a cell of prose when a value is wanted; the whole cell otherwise."""
    if not kind_needs_value(want.kind) or len(cell.value.split()) < 4:
        return cell.value, 1.0
    scored = [
        (
            span.fit
            * _beside(span, cell.value, want)
            * (0.5 + 0.5 * _nearness(span, cell.value, set(asked))),
            -span.start,
            span,
        )
        for span in spans(cell.value, want)
    ]
    if not scored:
        return cell.value, 0.5
    best = max(scored, key=lambda item: item[:2])
    return best[2].text, 0.9


def _yes_no(scored: _Scored, question: ParsedQuestion, need: str) -> Candidate:
    unit = scored.unit
    answer = verdict(question, unit.text)
    # The sentence itself has to speak of what is asked; sharing a topic with its page is not enough.
    score = scored.score * (0.75 if answer != "maybe" else 0.5) * min(1.0, scored.own / 0.75) ** 2
    if unit.evidence.kind == "pubmed":
        score *= (1.0 if is_finding(unit.text) else 0.6) * (0.85 + 0.15 * unit.position)
    draft = _candidate(unit, answer, Wanted("yes_no", frozenset()), score, need)
    return draft.model_copy(update={"answer": f"{answer.capitalize()}: {_flat(unit.text)}"})


def _candidate(unit: Unit, short: str, want: Wanted, score: float, need: str) -> Candidate:
    text = _flat(unit.text)
    return Candidate(
        id="passages",
        route="extraction",
        subquestion_id=need,
        answer=text,
        short_answer=_flat(short),
        answer_type=_TYPES.get(want.kind, "text"),
        claims=(DraftClaim(text=text, citations=(Citation.of(unit.evidence, unit.text),)),),
        score=round(min(1.0, max(0.0, score)), 4),
    )


def _flat(text: str) -> str:
    return " ".join(text.split())
