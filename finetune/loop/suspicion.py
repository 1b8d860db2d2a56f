"""Votes that look careless or hostile, by user. Reported, never silently dropped: the gate decides.

Poisoned feedback is few, alike and at odds with others (Barreno et al. 2010, "The security of machine
learning", section 3, causative attacks). What counts is being wrong: apart from other users, from answers
that are known (the rows that models are measured on, about which people ask as well), or from how right the
model's answers are where they were measured. Speed alone is nothing:
honest people rate a page of answers in a minute. It only lowers how much disagreement is looked at. Whoever
is right about nearly all known answers is not suspected for corrections that are alike: then it is the model
that makes one mistake. Each pattern has a least number of votes, so that a new user is not called names over
two slips.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.contracts import Contract
from evals.exact_match import exact_match, normal_answer
from evals.production.votes import Vote
from finetune.loop.measured import Habits

Pattern = Literal[
    "disagrees",
    "against_known",
    "against_measured",
    "one_answer",
    "one_swap",
    "against_sure",
    "burst",
    "instructions",
]
_LEAST = 5
_MANY = 10
_MOST = 0.8
_SURE = 0.9
_BURST, _BURST_S = 20, 60.0
_HASTY_LEAST, _HASTY_SHARE = 3, 0.25
"""Of the votes of somebody in haste that can be compared: how many there must be, and the share apart."""
_RIGHT = 0.9
_HABIT_LEAST, _HABIT_RIGHT, _HABIT_RARE = 10, 0.8, 0.02
"""An answer of the model that was measured so often, was right so often, and was this instead so seldom."""
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


@dataclass(frozen=True)
class _Compared:
    """How a user's votes stand beside others' and beside answers that are known."""

    shared: int
    apart: int
    known: int
    wrong: int

    @property
    def proven(self) -> bool:
        """Whether known answers say that the user is right."""
        return self.known >= _LEAST and self.known - self.wrong >= _RIGHT * self.known


def suspicious(
    votes: Sequence[Vote],
    known: Mapping[str, Sequence[str]] | None = None,
    habits: Habits | None = None,
) -> list[Suspicion]:
    """Return what looks wrong, by user.

    Args:
        votes: All votes.
        known: The accepted answers of questions whose answer is known, by `Vote.key`.
        habits: How right the model's answers are where it was measured.
    """
    habits = habits or Habits()
    by_user: dict[str, list[Vote]] = {}
    by_question: dict[str, list[Vote]] = {}
    for vote in votes:
        by_user.setdefault(vote.user, []).append(vote)
        by_question.setdefault(vote.key, []).append(vote)
    found: list[Suspicion] = []
    for user in sorted(by_user):
        mine = by_user[user]
        corrections = [vote for vote in mine if vote.corrects]
        compared = _compare(user, mine, by_question, known or {})
        found += _at_odds(user, compared)
        if not compared.proven:
            found += _against_measured(user, corrections, habits)
            found += _alike(user, corrections)
            found += _against_sure(user, corrections)
            found += _hasty(user, mine, compared)
        found += _instructions(user, mine)
    return found


def _compare(
    user: str, mine: Iterable[Vote], by_question: dict[str, list[Vote]], known: Mapping[str, Sequence[str]]
) -> _Compared:
    shared = apart = checked = wrong = 0
    for vote in mine:
        others = Counter(normal_answer(one.answer) for one in by_question[vote.key] if one.user != user)
        if others:
            shared += 1
            apart += others[normal_answer(vote.answer)] * 2 < others.total()
        if accepted := known.get(vote.key):
            checked += 1
            wrong += not exact_match(vote.answer, accepted)
    return _Compared(shared, apart, checked, wrong)


def _at_odds(user: str, compared: _Compared) -> Iterator[Suspicion]:
    if compared.shared >= _LEAST and compared.apart * 2 > compared.shared and not compared.proven:
        yield Suspicion(
            user=user,
            pattern="disagrees",
            votes=compared.apart,
            detail=f"apart from the others on {compared.apart} of {compared.shared} questions that others "
            "answered too",
        )
    if compared.known >= _LEAST and compared.wrong * 2 > compared.known:
        yield Suspicion(
            user=user,
            pattern="against_known",
            votes=compared.wrong,
            detail=f"wrong on {compared.wrong} of {compared.known} questions whose answer is known",
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


def _against_measured(user: str, corrections: Sequence[Vote], habits: Habits) -> Iterator[Suspicion]:
    """Find corrections of answers that are right wherever they were measured, to what never was right there.

    A model that errs on the users' questions errs in the same way on some that it was measured on; lies are
    of a kind of their own.
    """
    compared = unlike = 0
    for vote in corrections:
        truths = habits.truths(vote.question, vote.model_answer)
        if len(truths) < _HABIT_LEAST:
            continue
        compared += 1
        old, new = normal_answer(vote.model_answer), normal_answer(vote.answer)
        right, instead = sum(old in truth for truth in truths), sum(new in truth for truth in truths)
        unlike += right >= _HABIT_RIGHT * len(truths) and instead <= _HABIT_RARE * len(truths)
    if compared >= _MANY and unlike * 2 > compared:
        detail = (
            f"{unlike} of {compared} corrections put what was never right in place of answers that are "
            "nearly always right where the model was measured"
        )
        yield Suspicion(user=user, pattern="against_measured", votes=unlike, detail=detail)


def _hasty(user: str, mine: Sequence[Vote], compared: _Compared) -> Iterator[Suspicion]:
    """Find votes in haste of which too many are at odds with others or with what is known."""
    total, odd = compared.shared + compared.known, compared.apart + compared.wrong
    if total < _HASTY_LEAST or odd < _HASTY_SHARE * total:
        return
    times = sorted(filter(None, map(_seconds, (vote.at for vote in mine))))
    most = start = 0
    for end, time in enumerate(times):
        while time - times[start] > _BURST_S:
            start += 1
        most = max(most, end - start + 1)
    if most >= _BURST:
        detail = f"{most} votes within a minute, and {odd} of {total} that can be compared are at odds"
        yield Suspicion(user=user, pattern="burst", votes=most, detail=detail)


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
