"""Candidates of a query: the best pieces of both legs, each with its exact score in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from knowledge.collection import Collection
from knowledge.fusion import normalise_dense, normalise_sparse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.sparse import SparseLeg

    Vector = NDArray[np.float32]


@dataclass
class Scored:
    """A candidate's normalised score in each leg that has seen it."""

    collection: Collection
    number: int
    dense: float | None = None
    sparse: float | None = None
    tokens: float | None = None
    """Late interaction, for the candidates that were re-ranked."""
    fused: float = 0.0
    score: float = 0.0
    note: str = ""
    """What a reader should know of how it was scored."""


@dataclass(frozen=True)
class WordScores:
    """What the word leg says of every piece, and the leg itself: the next generation may have another."""

    leg: SparseLeg
    scores: NDArray[np.float32]
    """A score a piece, in the order of the leg's numbers."""
    bound: float

    def best(self, depth: int, allowed: NDArray[np.int64] | None) -> list[int]:
        """Return the numbers of the pieces with the highest scores above zero, in no order."""
        import numpy as np

        scores = self.scores
        if allowed is not None:
            scores = np.where(np.isin(self.leg.numbers, allowed), scores, 0.0)
        depth = min(depth, len(scores))
        places = np.argpartition(scores, -depth)[-depth:] if depth else np.zeros(0, dtype=int)
        return [int(number) for number in self.leg.numbers[places[scores[places] > 0]]]

    def of(self, numbers: Sequence[int]) -> list[float]:
        """Return the normalised score of pieces; what the leg does not hold has none of the words."""
        import numpy as np

        if not len(self.scores):
            return [0.0] * len(numbers)
        wanted = np.asarray(numbers, dtype=np.int64)
        places = np.minimum(np.searchsorted(self.leg.numbers, wanted), len(self.scores) - 1)
        values = np.where(self.leg.numbers[places] == wanted, self.scores[places], 0.0)
        return [normalise_sparse(float(value), self.bound) for value in values]


def word_scores(collection: Collection, query: str) -> WordScores:
    """Score every piece of a collection by the words of a query."""
    leg = collection.sparse_leg()
    return WordScores(leg, *leg.scores(query))


def candidates(
    collection: Collection,
    words: WordScores | None,
    vector: Vector | None,
    depth: int,
    where: Mapping[str, Any],
) -> dict[str, Scored]:
    """Return the best pieces by id.

    Args:
        collection: Where to search.
        words: The scores by words, None to leave words out.
        vector: The query's unit vector, None to leave vectors out.
        depth: How many pieces each leg gives.
        where: Equality filter.
    """
    allowed = collection.allowed(where)
    numbers = [] if words is None else words.best(depth, allowed)
    near: dict[int, float] = {}
    if vector is not None:
        # A filter that lets everything through would only slow the vectors down.
        near = dict(collection.dense_leg().search(vector, depth, where if allowed is not None else {}))
    # Pieces that the present generation does not show have no name and are left out.
    names = collection.manifest.names(list(dict.fromkeys([*numbers, *near])))
    found = {number: Scored(collection, number) for number in names}
    if words is not None:
        for item, value in zip(found.values(), words.of(list(found)), strict=True):
            item.sparse = value
    if vector is not None:
        _add_cosines(collection, vector, near, found)
    return {names[number]: item for number, item in found.items()}


def _add_cosines(
    collection: Collection, vector: Vector, near: Mapping[int, float], found: Mapping[int, Scored]
) -> None:
    """Give every candidate its cosine; what only the words found gets its exact one, not a guess."""
    for number, item in found.items():
        if number in near:
            item.dense = normalise_dense(near[number])
    missing = [number for number, item in found.items() if item.dense is None]
    for number, stored in collection.manifest.vectors_at(missing).items():
        found[number].dense = normalise_dense(float(stored @ vector))
