"""The sparse leg: BM25 over stemmed words, saved to disk and memory-mapped.

BM25 with Lucene's inverse document frequency (Kamphuis et al. 2020, "Which BM25 do you mean?"), scored
eagerly at indexing time by bm25s (Lù 2024).
"""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterable
from functools import cache
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_K1 = 1.2
_B = 0.75
_TOKEN = re.compile(r"\w+")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_STOP = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these "
    "they this to was will with".split()
)
_STEMMERS = threading.local()


class SparseLeg:
    """A read-only BM25 index at one version of a manifest."""

    def __init__(self, folder: Path) -> None:
        import numpy as np

        bm25s = _bm25s()
        self.numbers: NDArray[np.int64] = np.load(folder / "numbers.npy")
        """Chunk numbers in the order of the index, ascending."""
        self._index: Any = None
        if len(self.numbers):
            self._index = bm25s.BM25.load(folder, mmap=True, load_corpus=False, show_progress=False)
        self._longest = json.loads((folder / "leg.json").read_text())["idf_max"] if len(self.numbers) else 1.0

    def scores(self, query: str) -> tuple[NDArray[np.float32], float]:
        """Return a score a chunk, in the order of `numbers`, and the most that any chunk could reach.

        The bound is the sum of idf over the query's words, which their frequency factors (below 1) can
        only lower: dividing by it gives a score in 0 to 1 that means the same for every query. A word
        that the index lacks counts with the rarest word's idf: what was asked for and is not here lowers
        every score.
        """
        import numpy as np

        if self._index is None:
            return np.zeros(0, dtype=np.float32), 1.0
        words = list(dict.fromkeys(tokens(query)))
        known = [word for word in words if word in self._index.vocab_dict]
        bound = (len(words) - len(known)) * self._longest
        if not known:
            return np.zeros(len(self.numbers), dtype=np.float32), max(bound, 1e-9)
        found = np.asarray(self._index.get_scores(known), dtype=np.float32)
        return found, max(bound + sum(self._idf(word) for word in known), 1e-9)

    def weight(self, word: str) -> float:
        """Return how much an unstemmed word says: its idf, half of the rarest word's when it is not here.

        A stop word says an eighth of the rarest word.
        """
        stems = tokens(word)
        if not stems:
            return self._longest / 8
        if self._index is None or stems[0] not in self._index.vocab_dict:
            return self._longest / 2
        return self._idf(stems[0])

    def _idf(self, word: str) -> float:
        """Return the most that a known word can give."""
        column = self._index.vocab_dict[word]
        pointers = self._index.scores["indptr"]
        holders = int(pointers[column + 1]) - int(pointers[column])
        return _idf(len(self.numbers), holders)


def build(folder: Path, chunks: Iterable[tuple[int, str]]) -> int:
    """Build the index over (number, text) and put it at `folder` in one step; return its size."""
    import numpy as np

    bm25s = _bm25s()
    numbers: list[int] = []
    texts: list[list[str]] = []
    for number, text in chunks:
        numbers.append(number)
        texts.append(tokens(text))
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    np.save(partial / "numbers.npy", np.asarray(numbers, dtype=np.int64))
    if numbers:
        index = bm25s.BM25(k1=_K1, b=_B, method="lucene")
        # An index without a single word cannot be built; a word that nobody asks for stands in.
        index.index(texts if any(texts) else [["\0"], *texts[1:]], show_progress=False)
        index.save(partial, show_progress=False)
    (partial / "leg.json").write_text(json.dumps({"idf_max": _idf(len(numbers), 1)}))
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return len(numbers)


def tokens(text: str) -> list[str]:
    """Return the stemmed words of a text; identifiers count whole and in their parts."""
    words: list[str] = []
    for word in _TOKEN.findall(text):
        lower = word.lower()
        if len(lower) > 1 and lower not in _STOP:
            words.append(lower)
            if "_" in word or (word != lower and not word.isupper() and not word[1:].islower()):
                parts = [part.lower() for part in _CAMEL.findall(word)]
                words += [part for part in parts if len(part) > 1 and part != lower]
    return list(_stemmer().stemWords(words))


def _idf(documents: int, holders: int) -> float:
    """Lucene's inverse document frequency of a word that `holders` of `documents` have."""
    return log(1 + (documents - holders + 0.5) / (holders + 0.5))


@cache
def _bm25s() -> Any:
    try:
        import bm25s
    except ImportError as error:
        raise unavailable(
            "Searching collections needs bm25s", help="Run `pip install 'vidence[rag]'`.", retryable=False
        ) from error
    return bm25s


def _stemmer() -> Any:
    # A stemmer keeps a cache that threads must not share.
    if not hasattr(_STEMMERS, "english"):
        try:
            import Stemmer
        except ImportError as error:
            raise unavailable(
                "Searching collections needs PyStemmer",
                help="Run `pip install 'vidence[rag]'`.",
                retryable=False,
            ) from error
        _STEMMERS.english = Stemmer.Stemmer("english")
    return _STEMMERS.english
