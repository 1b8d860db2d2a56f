"""Votes that look careless or hostile, by user. Reported, never silently dropped: the gate decides.

Poisoned feedback is few, alike and at odds with others (Barreno et al. 2010, "The security of machine
learning", section 3, causative attacks). Each pattern has a least number of votes, so that a new user is not
called names over two slips.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal

from core.contracts import Contract
from evals.exact_match import normal_answer
from finetune.loop.votes import Vote

Pattern = Literal["disagrees", "one_answer", "one_swap", "against_sure", "burst", "instructions"]
_LEAST = 5
_MANY = 10
_MOST = 0.8
_SURE = 0.9
_BURST, _BURST_S = 20, 60.0
_INSTRUCTION = re.compile(
    r"\b(?:ignore|disregard|forget)\b.{0,40}\b(?:previous|above|instructions?|rules?)\b"
    r"|https?://|<\|[a-z_]+\|>|\bsystem prompt\b",
    re.I | re.S,
)


class Suspicion(Contract):
    """A pattern in what a user said. `votes` is how many votes show it."""

    user: str
    pattern: Pattern
    votes: int
    detail: str


def suspicious(votes: Sequence[Vote]) -> list[Suspicion]:
    """Return what looks wrong, by user."""
    by_user: dict[str, list[Vote]] = {}
    by_question: dict[str, list[Vote]] = {}
    for vote in votes:
        by_user.setdefault(vote.user, []).append(vote)
        by_question.setdefault(vote.key, []).append(vote)
    found: list[Suspicion] = []
    for user in sorted(by_user):
        mine = by_user[user]
        corrections = [vote for vote in mine if vote.corrects]
        found += _disagrees(user, mine, by_question)
        found += _alike(user, corrections)
        found += _against_sure(user, corrections)
        found += _burst(user, mine)
        found += _instructions(user, mine)
    return found


def _disagrees(user: str, mine: Iterable[Vote], by_question: dict[str, list[Vote]]) -> Iterator[Suspicion]:
    shared = apart = 0
    for vote in mine:
        others = Counter(normal_answer(one.answer) for one in by_question[vote.key] if one.user != user)
        if others:
            shared += 1
            apart += others[normal_answer(vote.answer)] * 2 < others.total()
    if shared >= _LEAST and apart * 2 > shared:
        yield Suspicion(
            user=user,
            pattern="disagrees",
            votes=apart,
            detail=f"apart from the others on {apart} of {shared} questions that others answered too",
        )


def _alike(user: str, corrections: Sequence[Vote]) -> Iterator[Suspicion]:
    """Find corrections that are all one answer, or all one answer in place of one other."""
    if len(corrections) < _MANY:
        return
    answers = Counter(normal_answer(vote.answer) for vote in corrections)
    swaps = Counter((normal_answer(vote.model_answer), normal_answer(vote.answer)) for vote in corrections)
    (answer, count), ((old, new), swapped) = answers.most_common(1)[0], swaps.most_common(1)[0]
    if swapped >= _MOST * len(corrections):
        detail = f"{swapped} of {len(corrections)} corrections put {new!r} in place of {old!r}"
        yield Suspicion(user=user, pattern="one_swap", votes=swapped, detail=detail)
    elif count >= _MOST * len(corrections):
        detail = f"{count} of {len(corrections)} corrections are {answer!r}"
        yield Suspicion(user=user, pattern="one_answer", votes=count, detail=detail)


def _against_sure(user: str, corrections: Sequence[Vote]) -> Iterator[Suspicion]:
    sure = [vote for vote in corrections if vote.confidence >= _SURE]
    if len(sure) >= _LEAST and len(sure) * 2 > len(corrections):
        yield Suspicion(
            user=user,
            pattern="against_sure",
            votes=len(sure),
            detail=f"{len(sure)} of {len(corrections)} corrections are of answers that were 90% sure or more",
        )


def _burst(user: str, mine: Sequence[Vote]) -> Iterator[Suspicion]:
    times = sorted(filter(None, map(_seconds, (vote.at for vote in mine))))
    most = start = 0
    for end, time in enumerate(times):
        while time - times[start] > _BURST_S:
            start += 1
        most = max(most, end - start + 1)
    if most >= _BURST:
        yield Suspicion(user=user, pattern="burst", votes=most, detail=f"{most} votes within a minute")


def _instructions(user: str, mine: Iterable[Vote]) -> Iterator[Suspicion]:
    count = sum(bool(_INSTRUCTION.search(vote.answer)) for vote in mine)
    if count:
        yield Suspicion(
            user=user, pattern="instructions", votes=count, detail="answers with instructions or addresses"
        )


def _seconds(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
