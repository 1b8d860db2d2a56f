"""One answer from the answers to parts: joined, or compared when the question compares."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.decompose import compared_names
from agents.question import ParsedQuestion
from agents.question_words import AUXILIARIES
from core.contracts import Candidate, DraftClaim
from core.text import find_dates, find_numbers

_MORE = re.compile(
    r"\b(?:larger|bigger|higher|more|greater|longer|taller|heavier|wider|deeper|faster|hotter|stronger|most|largest"
    r"|highest|later|newer|younger|latest|longest|tallest|heaviest)\b",
    re.I,
)
_LESS = re.compile(
    r"\b(?:smaller|lower|less|fewer|shorter|lighter|slower|cheaper|narrower|least|smallest|lowest|earlier|older|oldest"
    r"|first|earliest|shortest|lightest|cheapest)\b",
    re.I,
)
_COMPARES = re.compile(
    rf"\b(?:which|who|what)\b.*\b(?:or|,)\b|^\s*(?:{AUXILIARIES})\b.*\bor\b",
    re.I | re.S,
)
_SUBTRACTS = re.compile(
    r"\bhow (?:much|many)\b.*\b(?:more|fewer|less|\w+er)\b.*\bthan\b|\bdifference\b", re.I | re.S
)
_AGES = re.compile(r"\b(?:older|younger|oldest|youngest)\b", re.I)
_A_YEAR = 1000
"""Ages are smaller, and who is older has more years; who was born in a smaller year is older too."""


def compose(question: ParsedQuestion, parts: Sequence[tuple[str, Candidate]]) -> Candidate | None:
    """Return one candidate from the best answer of each part (its question and candidate).

    A comparison of two parts yields the winner; anything else joins the parts in order.
    """
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0][1]
    return _subtracted(question, parts) or _compared(question, parts) or _joined(parts)


def _joined(parts: Sequence[tuple[str, Candidate]]) -> Candidate:
    claims: list[DraftClaim] = []
    for _, candidate in parts:
        claims += [claim for claim in candidate.claims if claim not in claims]
    return Candidate(
        id="composed",
        route=parts[0][1].route,
        answer=" ".join(_sentence(candidate.answer) for _, candidate in parts),
        short_answer="; ".join(candidate.short_answer for _, candidate in parts),
        answer_type="list",
        claims=tuple(claims),
        # A chain is as strong as its weakest link.
        score=min(candidate.score for _, candidate in parts),
    )


def _subtracted(question: ParsedQuestion, parts: Sequence[tuple[str, Candidate]]) -> Candidate | None:
    """Return the difference of two measures, as a derived claim that the check computes again."""
    if len(parts) != 2 or not _SUBTRACTS.search(question.stem):
        return None
    shorts = [candidate.short_answer for _, candidate in parts]
    numbers = [find_numbers(short) for short in shorts]
    if any(len(found) != 1 or find_dates(short) for found, short in zip(numbers, shorts, strict=True)):
        return None
    (one,), (other,) = numbers
    units = {
        short.replace(found.text.strip(), "").strip() for short, (found,) in zip(shorts, numbers, strict=True)
    }
    unit = f" {units.pop()}" if len(units) == 1 and units != {""} else ""
    gap = f"{round(abs(one.value - other.value), 6):,.6g}"
    joined = _joined(parts)
    told = f"The difference between {shorts[0]} and {shorts[1]} is {gap}{unit}."
    quoted = tuple(citation for claim in joined.claims for citation in claim.citations)
    derived = DraftClaim(text=told, citations=quoted, derived=True)
    return joined.model_copy(
        update={
            "id": "difference",
            "answer": f"{gap}{unit}. {joined.answer}",
            "short_answer": f"{gap}{unit}",
            "answer_type": "number",
            "claims": (derived, *joined.claims),
        }
    )


def _compared(question: ParsedQuestion, parts: Sequence[tuple[str, Candidate]]) -> Candidate | None:
    more, less = _MORE.search(question.stem), _LESS.search(question.stem)
    if len(parts) != 2 or bool(more) == bool(less) or not _COMPARES.search(question.stem):
        return None
    values = [_measure(candidate.short_answer) for _, candidate in parts]
    if values[0] is None or values[1] is None or values[0] == values[1]:
        return None
    first_wins = (values[0] > values[1]) == bool(more)
    if _AGES.search(question.stem) and max(values[0], values[1]) < _A_YEAR:
        first_wins = not first_wins
    names = compared_names(question.stem) or _compared_names(question.stem)
    if names is None:
        return None
    joined = _joined(parts)
    winner = names[0] if first_wins else names[1]
    return joined.model_copy(
        update={
            "id": "compared",
            "answer": f"{winner[:1].upper()}{winner[1:]}. {joined.answer}",
            "short_answer": winner,
            # One of the two that the question names: it stands for the values, whose quotes may not name it.
            "answer_type": "choice",
        }
    )


def _measure(text: str) -> float | None:
    dates = find_dates(text)
    if dates:
        return float(dates[0].iso.replace("-", ""))
    numbers = find_numbers(text)
    return numbers[0].value if numbers else None


def _compared_names(stem: str) -> tuple[str, str] | None:
    match = re.search(r"[,:]\s*(?:the\s+)?([^,:?]+?),?\s+or\s+(?:the\s+)?([^,?]+)\??$", stem)
    return (match[1].strip(), match[2].strip()) if match else None


def _sentence(text: str) -> str:
    return text if text.rstrip().endswith((".", "!", "?")) else f"{text.rstrip()}."
