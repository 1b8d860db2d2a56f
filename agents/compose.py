"""One answer from the answers to parts: joined, or compared when the question compares."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.question import ParsedQuestion
from core.contracts import Candidate, DraftClaim
from core.text import find_dates, find_numbers

_MORE = re.compile(
    r"\b(?:larger|bigger|higher|more|greater|longer|taller|most|largest|highest|later|newer|younger|"
    r"latest)\b",
    re.I,
)
_LESS = re.compile(
    r"\b(?:smaller|lower|less|fewer|shorter|least|smallest|lowest|earlier|older|first|earliest)\b", re.I
)
_COMPARES = re.compile(r"\b(?:which|who|what)\b.*\b(?:or|,)\b", re.I | re.S)


def compose(question: ParsedQuestion, parts: Sequence[tuple[str, Candidate]]) -> Candidate | None:
    """Return one candidate from the best answer of each part (its question and candidate).

    A comparison of two parts yields the winner; anything else joins the parts in order.
    """
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0][1]
    return _compared(question, parts) or _joined(parts)


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


def _compared(question: ParsedQuestion, parts: Sequence[tuple[str, Candidate]]) -> Candidate | None:
    more, less = _MORE.search(question.stem), _LESS.search(question.stem)
    if len(parts) != 2 or bool(more) == bool(less) or not _COMPARES.search(question.stem):
        return None
    values = [_measure(candidate.short_answer) for _, candidate in parts]
    if values[0] is None or values[1] is None or values[0] == values[1]:
        return None
    first_wins = (values[0] > values[1]) == bool(more)
    names = _compared_names(question.stem)
    if names is None:
        return None
    joined = _joined(parts)
    winner = names[0] if first_wins else names[1]
    return joined.model_copy(
        update={
            "id": "compared",
            "answer": f"{winner[:1].upper()}{winner[1:]}. {joined.answer}",
            "short_answer": winner,
            "answer_type": "text",
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
