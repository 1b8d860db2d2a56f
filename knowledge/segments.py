"""Segments of the word leg: immutable postings of some pieces, memory-mapped, merged without their texts.

A segment keeps how often each word stands in each piece and how long each piece is, not scores: inverse
document frequency and mean length belong to all segments together, so that an add writes one small segment
and the scores are those of an index that was built at once.
"""

from __future__ import annotations

import json
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ARRAYS = ("numbers", "lengths", "words", "ends", "starts", "places", "counts")
_MOST = 65_535
"""A word that stands more often than this in one piece counts as often as this."""


class Segment:
    """One segment, opened as memory maps."""

    def __init__(self, folder: Path) -> None:
        import numpy as np

        self.folder = folder
        # Plain views of the maps: numpy's memmap class is slow to index one element at a time.
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode=_map(folder, name)).view(np.ndarray)
            for name in _ARRAYS
        }
        self.numbers: NDArray[np.int64] = arrays["numbers"]
        """Numbers of the pieces, ascending."""
        self.lengths: NDArray[np.int32] = arrays["lengths"]
        """Words of each piece."""
        self._words: NDArray[np.uint8] = arrays["words"]
        self._ends: NDArray[np.int64] = arrays["ends"]
        self._starts: NDArray[np.int64] = arrays["starts"]
        self._places: NDArray[np.int32] = arrays["places"]
        self._counts: NDArray[np.uint16] = arrays["counts"]

    def postings(self, word: str) -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
        """Return the places of the pieces that have a word, ascending, and how often each has it."""
        wanted, low, high = word.encode("utf-8", "surrogatepass"), 0, len(self._ends)
        while low < high:
            middle = (low + high) // 2
            if self._word(middle) < wanted:
                low = middle + 1
            else:
                high = middle
        found = low < len(self._ends) and self._word(low) == wanted
        part = slice(int(self._starts[low]), int(self._starts[low + 1])) if found else slice(0, 0)
        return self._places[part], self._counts[part]

    def words(self) -> list[bytes]:
        """Return all words in UTF-8, in the order of their bytes."""
        return [self._word(place) for place in range(len(self._ends))]

    def columns(self) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint16]]:
        """Return for each posting the place of its word, the place of its piece, and the count."""
        import numpy as np

        return np.repeat(np.arange(len(self._ends)), np.diff(self._starts)), self._places, self._counts

    def sound(self) -> bool:
        """Whether the files are those that were written, by their checksums."""
        return bool(json.loads((self.folder / "segment.json").read_text())["crc"] == _checksums(self.folder))

    def _word(self, place: int) -> bytes:
        start = int(self._ends[place - 1]) if place else 0
        return self._words[start : int(self._ends[place])].tobytes()


def build_segment(folder: Path, chunks: Iterable[tuple[int, str]], tokens: Callable[[str], list[str]]) -> int:
    """Write a segment of (number, text), numbers ascending, and return how many pieces it has."""
    import numpy as np

    vocabulary: dict[str, int] = {}
    numbers, lengths, words, places, counts = (array(code) for code in "qiiiH")
    for place, (number, text) in enumerate(chunks):
        found = tokens(text)
        numbers.append(number)
        lengths.append(len(found))
        for word, count in Counter(found).items():
            words.append(vocabulary.setdefault(word, len(vocabulary)))
            places.append(place)
            counts.append(min(count, _MOST))
    encoded = [word.encode("utf-8", "surrogatepass") for word in vocabulary]
    order = sorted(range(len(encoded)), key=encoded.__getitem__)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    _write(
        folder,
        np.frombuffer(numbers, dtype=np.int64),
        np.frombuffer(lengths, dtype=np.int32),
        [encoded[place] for place in order],
        rank[np.frombuffer(words, dtype=np.int32)],
        np.frombuffer(places, dtype=np.int32),
        np.frombuffer(counts, dtype=np.uint16),
    )
    return len(numbers)


def merge_segments(folder: Path, parts: Sequence[tuple[Segment, NDArray[np.bool_]]]) -> int:
    """Write one segment of several without the pieces that are gone; return how many pieces it has.

    Args:
        folder: Where to write.
        parts: Segments with a mask of the pieces that stay.
    """
    import numpy as np

    lists = [segment.words() for segment, _ in parts]
    union = sorted({word for words in lists for word in words})
    rank = {word: place for place, word in enumerate(union)}
    columns: list[tuple[Any, Any, Any]] = []
    base = 0
    for (segment, stays), names in zip(parts, lists, strict=True):
        words, places, counts = segment.columns()
        kept = stays[places]
        moved = np.cumsum(stays) - 1 + base
        owner = np.asarray([rank[word] for word in names], dtype=np.int64)
        columns.append((owner[words[kept]], moved[places[kept]], counts[kept]))
        base += int(stays.sum())
    words, places, counts = (np.concatenate([column[at] for column in columns]) for at in range(3))
    numbers = np.concatenate([segment.numbers[stays] for segment, stays in parts])
    lengths = np.concatenate([segment.lengths[stays] for segment, stays in parts])
    # Pieces of a restored snapshot may be older than what is there.
    order = np.argsort(numbers, kind="stable")
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    _write(folder, numbers[order], lengths[order], union, words, back[places], counts)
    return len(numbers)


def _write(
    folder: Path, numbers: Any, lengths: Any, words: Sequence[bytes], owners: Any, places: Any, counts: Any
) -> None:
    """Write the arrays; `owners` has the place of each posting's word in `words`, which are sorted."""
    import numpy as np

    order = np.lexsort((places, owners))
    holders = np.bincount(owners, minlength=len(words)) if len(words) else np.zeros(0, dtype=np.int64)
    used = np.flatnonzero(holders)
    names = [words[int(place)] for place in used]
    folder.mkdir(parents=True)
    arrays = {
        "numbers": numbers.astype(np.int64),
        "lengths": lengths.astype(np.int32),
        "words": np.frombuffer(b"".join(names), dtype=np.uint8),
        "ends": np.cumsum([len(name) for name in names], dtype=np.int64),
        "starts": np.concatenate([[0], np.cumsum(holders[used])]).astype(np.int64),
        "places": places[order].astype(np.int32),
        "counts": counts[order].astype(np.uint16),
    }
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    # Written last: a folder without it is not finished.
    (folder / "segment.json").write_text(json.dumps({"pieces": len(numbers), "crc": _checksums(folder)}))


def _checksums(folder: Path) -> dict[str, int]:
    return {name: zlib.crc32((folder / f"{name}.npy").read_bytes()) for name in _ARRAYS}


def _map(folder: Path, name: str) -> Any:
    # An array without an element cannot be mapped.
    return "r" if (folder / f"{name}.npy").stat().st_size > 128 else None
