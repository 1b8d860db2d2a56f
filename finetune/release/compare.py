"""Whether two forms of a model answer the same: greedy answers, and how far their scores lie apart."""

from __future__ import annotations

from collections.abc import Sequence

from core.contracts import Contract
from finetune.release.answering import Reply


class Agreement(Contract):
    """How two forms of a model answered the same questions."""

    questions: int
    equal: int
    largest_logit_difference: float
    largest_logprob_difference: float
    different: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether every answer is the same."""
        return self.questions > 0 and self.equal == self.questions


def agreement(ids: Sequence[str], one: Sequence[Reply], other: Sequence[Reply]) -> Agreement:
    """Compare replies question by question; scores up to the first token that differs.

    Args:
        ids: Name of each question.
        one: Replies of one form.
        other: Replies of the other, in the same order.

    Raises:
        ValueError: The lists differ in length.
    """
    pairs = list(zip(ids, one, other, strict=True))
    different = tuple(id_ for id_, a, b in pairs if a.text != b.text)
    return Agreement(
        questions=len(pairs),
        equal=len(pairs) - len(different),
        largest_logit_difference=max((_logits_apart(a, b) for _, a, b in pairs), default=0.0),
        largest_logprob_difference=max(
            (_logprobs_apart(a, b) for _, a, b in pairs if a.text == b.text), default=0.0
        ),
        different=different[:10],
    )


def _logits_apart(a: Reply, b: Reply) -> float:
    import numpy as np

    if a.logits is None or b.logits is None:
        return 0.0
    largest = 0.0
    for x, y in zip(a.logits, b.logits, strict=False):
        largest = max(largest, float(np.max(np.abs(x - y))))
        if x.argmax() != y.argmax():
            # From here on the two wrote different texts.
            break
    return largest


def _logprobs_apart(a: Reply, b: Reply) -> float:
    return max((abs(x - y) for x, y in zip(a.logprobs, b.logprobs, strict=False)), default=0.0)
