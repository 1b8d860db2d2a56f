"""Pseudo-relevance feedback: what is like the best pieces found is likely to bear on the question too.

Rocchio 1971, "Relevance Feedback in Information Retrieval", with vectors in place of words: the best few
candidates, weighted by how far ahead they are, make a second query, and the others are compared with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

PIECES = 5
"""How many of the best make the second query."""
TEMPERATURE = 0.03
"""A piece that scores this much less than the best counts 1/e of it; fitted with the weight below."""
FEEDBACK_WEIGHT = 0.4
"""Weight of likeness beside the score's 1; chosen on BioASQ and PubMedQA by `benchmarks.fit_reranker`."""


def likeness(scores: Array, vectors: Array) -> Array:
    """Return each candidate's cosine with the weighted mean of the best ones, shape (n,).

    Args:
        scores: A score a candidate, in 0 to 1, shape (n,), n at least 1.
        vectors: Unit vectors, shape (n, dim).
    """
    import numpy as np

    best = np.argsort(-scores, kind="stable")[:PIECES]
    weights = np.exp((scores[best] - scores[best[0]]) / TEMPERATURE)
    centre = weights @ vectors[best]
    return np.asarray(vectors @ centre / max(float(np.linalg.norm(centre)), 1e-12), dtype=np.float32)


def reordered(scores: Array, vectors: Array) -> Array:
    """Return new scores, shape (n,): the order takes likeness in, the values are those given.

    What is like itself says nothing about the question, so the level of the scores, which abstention rests
    on, is left as it was.
    """
    import numpy as np

    moved = scores + FEEDBACK_WEIGHT * likeness(scores, vectors)
    result = np.empty_like(scores)
    result[np.argsort(-moved, kind="stable")] = np.sort(scores)[::-1]
    return result
