"""Which tools of a catalogue fit a request: meaning by embeddings, words by BM25, fused.

BM25 follows Robertson and Zaragoza (2009), section 3.3. Without an embedder the words decide alone.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import invalid_input, not_found
from core.text import content_words, sentences

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.embeddings import Embedder

_K1, _B = 1.2, 0.5
_WORDS_WEIGHT = 0.2
"""Measured on requests over 199 tools: 0.1 to 0.3 are alike; from 0.5 shared small words outvote meaning."""
_NAME_REPEATS = 2
_SUFFIXES = ("ings", "ing", "ies", "ers", "ed", "es", "er", "s")
_MAX_CATALOGUE = 20_000


@dataclass(frozen=True)
class ToolCard:
    """A tool as a catalogue describes it."""

    name: str
    description: str
    parameters: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The name as words: `getWeather_v2` is "get Weather v2"."""
        return re.sub(r"[_\-./]+", " ", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", self.name)).strip()


@dataclass(frozen=True)
class Choice:
    """A tool that fits, with its score (higher is better; comparable within one request only)."""

    name: str
    score: float


class ToolSelector:
    """Ranks a fixed catalogue for requests. Vectors of the catalogue are made once, on first use."""

    def __init__(self, cards: Sequence[ToolCard], embedder: Embedder | None = None) -> None:
        if not cards:
            raise invalid_input("The catalogue has no tools", help="Give one JSON object a line.")
        self._cards = tuple(cards)
        self._embedder = embedder
        self._words = _WordIndex([_card_words(card) for card in cards])
        self._vectors: tuple[NDArray[np.float32], NDArray[np.float32], list[int]] | None = None

    def select(self, query: str, k: int = 3) -> list[Choice]:
        """Return the `k` best tools for a request, best first; equal scores keep catalogue order."""
        return self.select_many([query], k)[0]

    def select_many(self, queries: Sequence[str], k: int = 3) -> list[list[Choice]]:
        """Return the `k` best tools for each request; the embedder sees them as one batch."""
        import numpy as np

        scores = np.stack([self._words.scores(query) for query in queries])
        if self._embedder is not None:
            scores = _standard(self._meaning(queries)) + _WORDS_WEIGHT * _standard(scores)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return [
            [Choice(self._cards[place].name, round(float(row[place]), 4)) for place in places]
            for row, places in zip(scores, order, strict=True)
        ]

    def _meaning(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Return similarities, shape (queries, tools): to the whole card plus to its nearest sentence."""
        import numpy as np

        assert self._embedder is not None
        whole, parts, owner = self._catalogue()
        asked = self._embedder.embed(list(queries))
        nearest = np.full((len(queries), len(self._cards)), -1.0, dtype=np.float32)
        for column, tool in enumerate(owner):
            nearest[:, tool] = np.maximum(nearest[:, tool], asked @ parts[column])
        return np.asarray(asked @ whole.T + nearest, dtype=np.float32)

    def _catalogue(self) -> tuple[NDArray[np.float32], NDArray[np.float32], list[int]]:
        if self._vectors is None:
            assert self._embedder is not None
            whole = self._embedder.embed([f"{card.title}: {card.description}" for card in self._cards])
            texts: list[str] = []
            owner: list[int] = []
            for place, card in enumerate(self._cards):
                for sentence in sentences(card.description) or [card.title]:
                    texts.append(sentence)
                    owner.append(place)
            self._vectors = (whole, self._embedder.embed(texts), owner)
        return self._vectors


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


def read_catalogue(path: Path) -> list[ToolCard]:
    """Read catalogue lines `{name, description, parameters?}`.

    Raises:
        VidenceError: `not_found` for a missing file; `invalid_input` naming the line that is wrong.
    """
    cards: list[ToolCard] = []
    for number, row in read_lines(path):
        name, description = row.get("name"), row.get("description")
        if not isinstance(name, str) or not name or not isinstance(description, str):
            raise invalid_input(
                f"{path}, line {number}: `name` and `description` are needed, both text",
                help='Write {"name": ..., "description": ...}, one tool a line.',
            )
        cards.append(ToolCard(name, description, tuple(_parameter_names(row.get("parameters")))))
        if len(cards) > _MAX_CATALOGUE:
            raise invalid_input(f"{path} has more than {_MAX_CATALOGUE} tools", help="Split the catalogue.")
    return cards


def read_lines(path: Path) -> Iterable[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of a JSON-lines file, skipping empty lines; raises as `read_catalogue`."""
    if not path.is_file():
        raise not_found(f"No such file: {path}", help="Check the path.")
    try:
        # Not splitlines: a JSON text may hold U+2028 and other marks that it would cut at.
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise invalid_input(f"{path} is not UTF-8 text", help="Save it as UTF-8 JSON lines.") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise invalid_input(f"{path}, line {number}: not JSON ({error})", help="Fix the line.") from error
        if not isinstance(row, dict):
            raise invalid_input(f"{path}, line {number}: not a JSON object", help="Fix the line.")
        yield number, row


def _parameter_names(value: Any) -> list[str]:
    """Return the parameter names of a JSON schema, a mapping, or a list of names or `{name}` objects."""
    if isinstance(value, dict):
        inner = value.get("properties", value)
        return [str(name) for name in inner] if isinstance(inner, dict) else []
    if isinstance(value, list):
        return [str(item.get("name", "") if isinstance(item, dict) else item) for item in value]
    return []
