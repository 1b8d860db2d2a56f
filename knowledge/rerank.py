"""Re-ranking: late interaction over stored token vectors, or an external model's relevance.

The embedded step adds to the fused score how well each word of the query is met by a token of the piece
(Khattab and Zaharia 2020, "ColBERT", section 3.2), each word counting by its inverse document frequency and
its word pieces sharing that. The sum is put back on the scale of the fused score, so that thresholds on
scores keep their meaning whether or not a collection has token vectors.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.errors import VidenceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.sparse import SparseLeg
    from models.late_interaction import QueryTokens
    from models.reranker import Reranker

DEPTH = 64
"""Candidates that are re-ranked."""
TOKEN_WEIGHT = 0.7
"""Weight of late interaction beside the fused score's 1; fitted by `benchmarks.fit_reranker`."""
_OFFSET, _SLOPE = 0.319, 0.899
"""The late interaction that a fused score leads one to expect is `_OFFSET + _SLOPE * fused`; fitted there."""
_WORD = re.compile(r"\w+")
_LOG = logging.getLogger("vidence.search")


def word_weights(query: str, spans: Sequence[tuple[int, int]], leg: SparseLeg) -> NDArray[np.float32]:
    """Return the weight of each token of a query, shape (tokens,), summing to 1.

    Args:
        query: The query.
        spans: The characters that each token covers.
        leg: Knows how rare a word is in its collection.
    """
    import numpy as np

    words = [(match.start(), match.end()) for match in _WORD.finditer(query)]
    owner = [
        next((place for place, (a, b) in enumerate(words) if a < end and start < b), -1)
        for start, end in spans
    ]
    weight = {place: leg.weight(query[slice(*words[place])]) for place in set(owner) if place >= 0}
    weights = np.asarray(
        [weight[place] / owner.count(place) if place >= 0 else 0.0 for place in owner], dtype=np.float32
    )
    total = float(weights.sum())
    return weights / total if total > 0 else np.full(len(spans), 1.0 / max(len(spans), 1), dtype=np.float32)


def late_interaction(
    tokens: QueryTokens, weights: NDArray[np.float32], codes: Mapping[str, NDArray[np.int8]]
) -> dict[str, float]:
    """Return how well a query's words are met in each piece, in 0 to 1, by id."""
    from models.late_interaction import best_matches

    ids = [id_ for id_, code in codes.items() if len(code)]
    if not ids or not len(tokens.vectors):
        return {}
    matches = best_matches(tokens.vectors, [codes[id_] for id_ in ids])
    return {id_: min(max(float(value), 0.0), 1.0) for id_, value in zip(ids, weights @ matches, strict=True)}


def expected(fused: float) -> float:
    """Return the late interaction that pieces with this fused score have in the mean."""
    return _OFFSET + _SLOPE * fused


def combine(fused: float, tokens: float | None) -> float:
    """Return the re-ranked score, in 0 to 1, on the scale of the fused one.

    A piece that meets the words as well as its fused score leads one to expect keeps that score; so does
    one without token vectors.
    """
    if tokens is None:
        return fused
    surplus = tokens - expected(fused)
    return min(max(fused + TOKEN_WEIGHT / (1.0 + TOKEN_WEIGHT * _SLOPE) * surplus, 0.0), 1.0)


def external_order(
    reranker: Reranker, query: str, ranked: Sequence[tuple[str, float]], texts: Mapping[str, str]
) -> tuple[list[tuple[str, float]], dict[str, float], str]:
    """Order candidates by an external model; the scores stay, and go to the new order from high to low.

    So the order is the model's, and a score still says the same for every query and every model.

    Args:
        reranker: The model.
        query: The query.
        ranked: Ids and scores, best first.
        texts: The searched text of each id.

    Returns:
        The new order; the model's relevance by id, empty when it failed; what went wrong, if anything.
    """
    ids = [id_ for id_, _ in ranked]
    try:
        found = reranker.relevance(query, [texts[id_] for id_ in ids])
    except VidenceError as error:
        note = f"not re-ranked by {reranker.name}: {error.message}"
        _LOG.warning("%s", note)
        return list(ranked), {}, note
    relevance = dict(zip(ids, found, strict=True))
    order = sorted(ids, key=lambda id_: -relevance[id_])
    return list(zip(order, [score for _, score in ranked], strict=True)), relevance, ""
