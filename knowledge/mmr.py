"""Diversity: prefer what is relevant and unlike what was already chosen.

Carbonell and Goldstein 1998, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and
Producing Summaries": maximal marginal relevance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def diversify(
    relevance: Sequence[float], vectors: NDArray[np.float32], k: int, diversity: float
) -> list[int]:
    """Return the places of k items, chosen one by one.

    Args:
        relevance: A score an item, in 0 to 1.
        vectors: A unit vector an item, shape (n, dim).
        k: How many to choose; fewer when there are fewer.
        diversity: Share of unlikeness in 0 to 1; 0 keeps the order of relevance, 1 asks for nothing else.
            It is one minus the paper's lambda.
    """
    import numpy as np

    scores = np.asarray(relevance, dtype=np.float32)
    left = list(np.argsort(-scores, kind="stable"))
    chosen: list[int] = []
    # What was chosen so far pulls down what is like it; before the first choice nothing does.
    likest = np.zeros(len(scores), dtype=np.float32)
    while left and len(chosen) < k:
        gains = (1.0 - diversity) * scores[left] - diversity * likest[left]
        place = int(left.pop(int(np.argmax(gains))))
        chosen.append(place)
        near = np.clip(vectors @ vectors[place], 0.0, 1.0)
        likest = near if len(chosen) == 1 else np.maximum(likest, near)
    return chosen
