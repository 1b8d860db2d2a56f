"""Keeps answers even, so that a question's words alone do not give its answer away."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable

from finetune.data.rows import TrainRow

SLACK = 1.25
_FEW = 4


def balanced(rows: Iterable[TrainRow], *, slack: float = SLACK) -> tuple[list[TrainRow], int]:
    """Leave out rows until no answer of a balance group is much more common than the middle one.

    A group is the rows of one split with the same `metadata["balance"]`; rows without one are kept. An answer
    keeps at most `slack` times the median count of its group. Which rows go depends on their ids alone.

    Returns:
        The rows that stay, and how many went.
    """
    kept: list[TrainRow] = []
    groups: dict[tuple[str, str], list[TrainRow]] = defaultdict(list)
    for row in rows:
        name = str(row.metadata.get("balance") or "")
        (groups[(row.split, name)] if name else kept).append(row)
    gone = 0
    for members in groups.values():
        even = _even(members, slack)
        gone += len(members) - len(even)
        kept += even
    return kept, gone


def _even(rows: list[TrainRow], slack: float) -> list[TrainRow]:
    counts = sorted(Counter(row.answers[0] for row in rows).values())
    # With a few answers the rarest sets the bar; with many, one rare word must not empty the group.
    middle = counts[0] if len(counts) <= _FEW else counts[len(counts) // 2]
    cap = max(1, math.ceil(slack * middle))
    taken: Counter[str] = Counter()
    kept = []
    for row in sorted(rows, key=lambda row: hashlib.sha256(row.id.encode()).digest()):
        if taken[row.answers[0]] < cap:
            taken[row.answers[0]] += 1
            kept.append(row)
    return kept


def text_alone(rows: Iterable[TrainRow]) -> dict[str, float]:
    """Return by kind how often the commonest answer to the same words is right: the bar without looking.

    Questions are told apart by their balance group (or their kind), which is what their words give away.
    """
    groups: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        groups[(row.kind, str(row.metadata.get("balance") or ""))][row.answers[0]] += 1
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for (kind, _), answers in groups.items():
        right[kind] += max(answers.values())
        total[kind] += sum(answers.values())
    return {kind: right[kind] / total[kind] for kind in sorted(total)}
