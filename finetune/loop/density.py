"""Which candidates to label first: unsure, typical of what is asked, and unlike each other.

Information density (Settles and Craven 2008, section 3.4; Settles 2009, section 3.6): an unsure answer to a
question that nobody else asks teaches little, so `score = uncertainty * density^beta`. There, density is the
mean likeness to the whole pool; here it counts near neighbours, as retrieval finds them, so that one large
cluster far away does not make everything look typical. Among the best, each pick lowers the score of what is
like it (the greedy trade of Carbonell and Goldstein 1998, as Brinker 2003 uses it to choose batches).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

NEAR = 0.6
"""Cosine from which two questions count as neighbours: MiniLM's paraphrases lie above it, most others not."""
BETA = 0.5
_BLOCK = 1_024


def density(vectors: Array, pool: Array | None = None, *, near: float = NEAR) -> Array:
    """Return how typical each question is, shape (n,), 0 to 1: neighbours relative to the densest place.

    A question counts as its own neighbour, so that none has the density 0.

    Args:
        vectors: Unit vectors of the questions, shape (n, dim).
        pool: Unit vectors of more questions that were asked, shape (m, dim).
        near: Cosine from which two questions are neighbours.
    """
    import numpy as np

    if not len(vectors):
        return np.zeros(0, dtype=np.float32)
    everyone = vectors if pool is None or not len(pool) else np.concatenate([vectors, pool])
    counts = np.empty(len(vectors), dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK] @ everyone.T
        own = np.arange(start, start + len(block))
        block[np.arange(len(block)), own] = 1.0
        counts[start : start + len(block)] = (block >= near).sum(axis=1)
    return np.asarray(counts / counts.max(), dtype=np.float32)


def combined(uncertainty: Array, typical: Array, *, beta: float = BETA) -> Array:
    """Return `uncertainty * density^beta`, shape (n,); with beta 0 density does not count."""
    import numpy as np

    return np.asarray(uncertainty * typical**beta, dtype=np.float32)


def pick_diverse(scores: Array, vectors: Array, count: int, *, weight: float = 0.7) -> list[int]:
    """Return the indices of up to `count` candidates, best first.

    Each pick multiplies the score of every other one by `1 - weight * cosine` with it.

    Args:
        scores: Shape (n,), 0 or more.
        vectors: Unit vectors, shape (n, dim).
        count: How many.
        weight: 0 takes the best scores as they are; 1 never takes the same question twice.
    """
    import numpy as np

    left = np.asarray(scores, dtype=np.float64).copy()
    closest = np.zeros(len(left))
    open_ = np.ones(len(left), dtype=bool)
    picked: list[int] = []
    for _ in range(min(count, len(left))):
        worth = np.where(open_, left * (1.0 - weight * closest), -np.inf)
        best = int(np.argmax(worth))
        picked.append(best)
        open_[best] = False
        closest = np.maximum(closest, np.clip(vectors @ vectors[best], 0.0, 1.0))
    return picked
