"""The heuristic judge: ranks what survived the check, and says why. Pure; no model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from agents.checks import CheckedCandidate
from agents.question import ParsedQuestion
from core.contracts import AnswerType, Contract, Route, Score
from core.text import content_words, find_dates, find_numbers, squash, words

_ROUTE_PRIOR: dict[Route, float] = {"extraction": 1.0, "chat": 0.9, "vlm": 0.8}
"""How far each route's own score is to be believed before a benchmark has calibrated it."""

_OBSERVED = 0.7
_OFF_TYPE = 0.6
"""An answer of another form than asked (a name for a share, three values for one) is seldom the answer."""
_AGREEMENT = 0.35
_NUMERIC: frozenset[AnswerType] = frozenset({"number", "money", "percent"})
_CODE = re.compile(r"\S*\d\S*|[+(]?\d[\d\s()./-]{5,}\d")
_YEAR_OR_DAY = re.compile(r"\b(?:1[5-9]|20)\d\d\b|days?\b")
_PARENTHESES = re.compile(r"\([^)]*\)")
_SEVERAL = re.compile(
    r"\b(?:and|each|both|all|respectively|list|values|percentages|shares|numbers|compare)\b|,", re.I
)
_CALIBRATION: tuple[tuple[float, float], ...] = ((0.0, 0.0), (1.0, 0.99))
"""Points (score, confidence) of a piecewise linear, monotone map, to be fitted on the development data."""


class RankedCandidate(Contract):
    """A candidate in its place: the judge's score, the calibrated confidence, and the reason."""

    checked: CheckedCandidate
    score: Score
    confidence: Score
    rationale: str


def rank(candidates: Sequence[CheckedCandidate], question: ParsedQuestion) -> list[RankedCandidate]:
    """Rank the candidates that survived, best first.

    Verified claims come before observed ones. Within a level the route's own score counts, lowered for routes
    known to be less reliable and for answers of another type than the question asks for, and raised when
    another route gives the same short answer. Of equals the one that speaks of what is asked comes first (the
    same may be true of another thing), then the one that says it in fewer words.
    """
    alive = [checked for checked in candidates if checked.survives]
    judged = [_judge(checked, alive, question) for checked in alive]
    return sorted(
        judged, key=lambda item: (item.checked.support != "verified", -item.score, *_tie(item, question))
    )


def _tie(item: RankedCandidate, question: ParsedQuestion) -> tuple[int, int]:
    """Order equals: fewer of the question's words missing, then fewer words."""
    said = words(item.checked.candidate.answer)
    return len(set(question.keywords) - set(said)), len(said)


def confidence(score: float) -> float:
    """Map a judge's score (0 to 1) to a confidence by the calibration table; monotone."""
    score = min(1.0, max(0.0, score))
    for (x0, y0), (x1, y1) in pairwise(_CALIBRATION):
        if score <= x1:
            return round(y0 + (y1 - y0) * (score - x0) / (x1 - x0), 4)
    return _CALIBRATION[-1][1]


def _judge(
    checked: CheckedCandidate, others: Sequence[CheckedCandidate], question: ParsedQuestion
) -> RankedCandidate:
    candidate = checked.candidate
    reasons = [f"{candidate.route} gave {candidate.score:.2f}", f"its claims are {checked.support}"]
    score = candidate.score * _ROUTE_PRIOR[candidate.route]
    if checked.support == "observed":
        score *= _OBSERVED
    if not type_matches(candidate.short_answer, question):
        score *= _OFF_TYPE
        reasons.append(f"its answer is not of the asked type ({question.answer_type})")
    backers = {
        (other.candidate.route, _sources(other))
        for other in others
        if other is not checked and same_answer(other.candidate.short_answer, candidate.short_answer)
    } - {(candidate.route, _sources(checked))}
    if backers:
        score += (1.0 - score) * _AGREEMENT
        reasons.append(f"{len(backers)} other route or source agrees")
    return RankedCandidate(
        checked=checked,
        score=round(min(1.0, score), 4),
        confidence=confidence(score),
        rationale="; ".join(reasons),
    )


def _sources(checked: CheckedCandidate) -> frozenset[str]:
    """The evidence an answer rests on: agreement counts only when it comes from somewhere else."""
    return frozenset(id_ for claim in checked.claims for id_ in claim.evidence_ids)


def same_answer(left: str, right: str) -> bool:
    """Return whether two short answers say the same: dates by day, numbers by value, words by their stems."""
    if squash(left) == squash(right):
        return True
    dates = [item.iso for item in find_dates(left)], [item.iso for item in find_dates(right)]
    if dates[0] or dates[1]:
        return dates[0] == dates[1]
    numbers = [item.value for item in find_numbers(left)], [item.value for item in find_numbers(right)]
    if numbers[0] or numbers[1]:
        return numbers[0] == numbers[1]
    return bool(content_words(left)) and set(content_words(left)) == set(content_words(right))


def type_matches(short_answer: str, question: ParsedQuestion) -> bool:  # noqa: PLR0911 - one return a type
    """Return whether a short answer has the form that the question asks for."""
    kind = question.answer_type
    if kind == "date":
        return bool(find_dates(short_answer)) or _YEAR_OR_DAY.search(short_answer) is not None
    if kind == "time":
        return bool(re.search(r"\d{1,2}:\d{2}", short_answer))
    if kind in _NUMERIC and _CODE.fullmatch(short_answer.strip()):
        return True  # `the number of the shop` may be its telephone
    if kind in _NUMERIC:
        values = {number.value for number in find_numbers(_PARENTHESES.sub("", short_answer), words=True)}
        return len(values) == 1 or (len(values) > 1 and _SEVERAL.search(question.stem) is not None)
    if kind == "yes_no":
        return squash(short_answer) in ("yes", "no", "maybe")
    if kind == "choice":
        return short_answer.strip() in question.options or short_answer in question.options.values()
    return bool(short_answer.strip())
