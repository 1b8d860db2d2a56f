"""What the words of a question give away: its commonest answer. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from evals.exact_match import exact_match

_ENOUGH = 5
"""So many times must a question be asked before its own commonest answer counts; else that of its kind."""


def right_by_prior(
    questions: Sequence[str], kinds: Sequence[str], answers: Sequence[Sequence[str]]
) -> list[bool]:
    """Return whether the commonest answer to a question's words, or else to its kind, is right.

    The commonest answer is taken from the same questions, so that this is the most that a constant answer can
    reach (the prior of Goyal et al. 2017, section 4).

    Args:
        questions: N questions.
        kinds: N kinds.
        answers: N lists of accepted answers, the one that counts first.
    """
    words = [" ".join(question.lower().split()) for question in questions]
    often = Counter(words)
    keys = [
        ("question", text) if often[text] >= _ENOUGH else ("kind", kind)
        for text, kind in zip(words, kinds, strict=True)
    ]
    given: dict[tuple[str, str], Counter[str]] = {}
    for key, accepted in zip(keys, answers, strict=True):
        given.setdefault(key, Counter())[accepted[0].strip().lower()] += 1
    best = {key: counts.most_common(1)[0][0] for key, counts in given.items()}
    return [exact_match(best[key], accepted) for key, accepted in zip(keys, answers, strict=True)]
