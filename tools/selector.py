"""Which tools of a catalogue fit a request: meaning by embeddings, words by BM25, a record of past runs.

BM25 follows Robertson and Zaragoza (2009), section 3.3. Without an embedder the words decide alone.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import invalid_input
from core.text import content_words, sentences
from tools.cards import ToolCard, read_catalogue, words_of
from tools.vectors import VectorCache

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.embeddings import Embedder

_K1, _B = 1.2, 0.5
_WORDS_WEIGHT = 0.2
"""Measured on requests over 199 tools: 0.1 to 0.3 are alike; from 0.5 shared small words outvote meaning."""
_NAME_REPEATS = 2
_SUFFIXES = ("ings", "ing", "ies", "ers", "ed", "es", "er", "s")


@dataclass(frozen=True)
class Choice:
    """A tool that fits, with its score (higher is better; comparable within one request only)."""

    name: str
    score: float


class ToolSelector:
    """Ranks a catalogue for requests. Vectors of the catalogue are made once, on first use.

    Args:
        cards: The tools.
        embedder: What gives meaning; without it words decide alone.
        cache: Where vectors of cards are kept; by default in memory, for this selector.
        adjustments: What is added to a tool's score by name, from `tools.track_record`.
    """

    def __init__(
        self,
        cards: Sequence[ToolCard],
        embedder: Embedder | None = None,
        *,
        cache: VectorCache | None = None,
        adjustments: Mapping[str, float] | None = None,
    ) -> None:
        if not cards:
            raise invalid_input("The catalogue has no tools", help="Give one JSON object a line.")
        self._cards = tuple(cards)
        self._embedder = embedder
        self._cache = cache or (VectorCache(embedder) if embedder is not None else None)
        self._words = _WordIndex([_card_words(card) for card in cards])
        self._vectors: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]] | None = None
        known = adjustments or {}
        self._adjusted = [known.get(card.name, 0.0) for card in cards]

    def select(self, query: str, k: int = 3) -> list[Choice]:
        """Return the `k` best tools for a request, best first; equal scores keep catalogue order."""
        return self.select_many([query], k)[0]

    def select_many(self, queries: Sequence[str], k: int = 3) -> list[list[Choice]]:
        """Return the `k` best tools for each request; the embedder sees them as one batch."""
        import numpy as np

        scores = np.stack([self._words.scores(query) for query in queries])
        if self._embedder is not None:
            scores = _standard(self._meaning(queries)) + _WORDS_WEIGHT * _standard(scores)
        elif any(self._adjusted):
            scores = _standard(scores)
        scores = scores + np.asarray(self._adjusted, dtype=np.float32)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return [
            [Choice(self._cards[place].name, round(float(row[place]), 4)) for place in places]
            for row, places in zip(scores, order, strict=True)
        ]

    def _meaning(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Return similarities, shape (queries, tools): to the whole card plus to its nearest part."""
        import numpy as np

        assert self._embedder is not None
        whole, parts, starts = self._catalogue()
        asked = self._embedder.embed(list(queries))
        nearest = np.maximum.reduceat(asked @ parts.T, starts, axis=1)
        return np.asarray(asked @ whole.T + nearest, dtype=np.float32)

    def _catalogue(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
        """Return the vectors of whole cards, of their parts, and where each card's parts begin."""
        import numpy as np

        if self._vectors is None:
            assert self._cache is not None
            whole = [f"{card.title}: {card.description}" for card in self._cards]
            parts = [_parts(card) for card in self._cards]
            starts = np.cumsum([0, *(len(own) for own in parts[:-1])])
            flat = [text for own in parts for text in own]
            vectors = self._cache.embed([*whole, *flat])
            self._vectors = (vectors[: len(whole)], vectors[len(whole) :], starts)
        return self._vectors


class LiveSelector:
    """A selector over a catalogue file that follows the file: a changed line alone is embedded again.

    Args:
        path: The catalogue, looked at before each request.
        embedder: As for `ToolSelector`.
        cache: Where vectors of cards are kept between versions of the file, and between processes.
        adjustments: Called when the catalogue is read.
    """

    def __init__(
        self,
        path: Path,
        embedder: Embedder | None = None,
        *,
        cache: VectorCache | None = None,
        adjustments: Callable[[], Mapping[str, float]] = dict,
    ) -> None:
        self._path = path
        self._embedder = embedder
        self._cache = cache or (VectorCache(embedder) if embedder is not None else None)
        self._adjustments = adjustments
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, int], ToolSelector] | None = None

    def select(self, query: str, k: int = 3) -> list[Choice]:
        """Return the `k` best tools of the file as it is now; raises like `read_catalogue`."""
        return self.current().select(query, k)

    def select_many(self, queries: Sequence[str], k: int = 3) -> list[list[Choice]]:
        """Return the `k` best tools for each request; raises like `read_catalogue`."""
        return self.current().select_many(queries, k)

    def current(self) -> ToolSelector:
        """Return the selector of the file as it is now, reading it only when it changed."""
        with self._lock:
            stamp = self._stamp()
            if self._read is None or self._read[0] != stamp:
                cards = read_catalogue(self._path)
                selector = ToolSelector(
                    cards, self._embedder, cache=self._cache, adjustments=self._adjustments()
                )
                self._read = (stamp, selector)
            return self._read[1]

    def _stamp(self) -> tuple[int, int]:
        try:
            about = self._path.stat()
        except OSError:
            return (-1, -1)
        return (about.st_mtime_ns, about.st_size)


class _WordIndex:
    """BM25 over short texts."""

    def __init__(self, texts: Sequence[list[str]]) -> None:
        self._counts = [Counter(text) for text in texts]
        self._lengths = [len(text) for text in texts]
        self._mean = max(1.0, sum(self._lengths) / len(texts))
        self._holders: dict[str, list[int]] = {}
        for place, counts in enumerate(self._counts):
            for word in counts:
                self._holders.setdefault(word, []).append(place)

    def scores(self, query: str) -> NDArray[np.float32]:
        """Return one score a text, shape (texts,)."""
        import numpy as np

        total = np.zeros(len(self._counts), dtype=np.float32)
        for word in dict.fromkeys(_stem(word) for word in content_words(query)):
            holders = self._holders.get(word, [])
            rarity = math.log(1 + (len(self._counts) - len(holders) + 0.5) / (len(holders) + 0.5))
            for place in holders:
                count = self._counts[place][word]
                length = 1 - _B + _B * self._lengths[place] / self._mean
                total[place] += rarity * count * (_K1 + 1) / (count + _K1 * length)
        return total


def _standard(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Centre and scale each row, so that two kinds of score can be added."""
    import numpy as np

    spread = np.maximum(scores.std(axis=1, keepdims=True), 1e-6)
    return np.asarray((scores - scores.mean(axis=1, keepdims=True)) / spread, dtype=np.float32)


def _parts(card: ToolCard) -> list[str]:
    """Return what a request may be near to: a sentence of the description, the arguments, an example."""
    parts = sentences(card.description) or [card.title]
    if card.parameters:
        parts = [*parts, f"{card.title}: {', '.join(words_of(name) for name in card.parameters)}"]
    return [*parts, *card.examples]


def _card_words(card: ToolCard) -> list[str]:
    text = content_words(card.title) * _NAME_REPEATS + content_words(card.description)
    return [
        _stem(word) for word in [*text, *(word for name in card.parameters for word in content_words(name))]
    ]


def _stem(word: str) -> str:
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word
