"""The sparse leg: BM25 over stemmed words, in segments that are saved to disk and memory-mapped.

BM25 with Lucene's inverse document frequency (Kamphuis et al. 2020, "Which BM25 do you mean?"), scored at
query time over the postings of the query's words, so that an add need not touch what is there. The scores
are those of bm25s (Lù 2024) over all texts at once; a test compares them.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterable, Sequence
from itertools import islice
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from core.errors import unavailable
from core.text import word_parts
from knowledge.legs import Change
from knowledge.segments import Segment, build_segment, merge_segments

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.records import Progress
    from knowledge.store.manifest import Manifest

_K1 = 1.2
_B = 0.75
_FORMAT = "3"
_BLOCK = 20_000
"""Pieces that are counted in memory at once."""
_MOST_GONE = 0.25
"""Share of pieces that are gone over which all segments are written anew."""
_TOKEN = re.compile(r"\w+")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_STOP = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these "
    "they this to was will with".split()
)
_STEMMERS = threading.local()


class SparseLeg:
    """A read-only BM25 index over one segment, or several, at one generation.

    Args:
        folders: A segment's folder, or several whose pieces' numbers follow on each other.
        gone: Numbers of pieces that count no more.
    """

    def __init__(self, folders: Path | Sequence[Path], gone: NDArray[np.int64] | None = None) -> None:
        import numpy as np

        self._segments = [Segment(item) for item in ([folders] if isinstance(folders, Path) else folders)]
        none = np.zeros(0, dtype=np.int64)
        self._stays = [
            None
            if gone is None or not (mask := np.isin(segment.numbers, gone)).any()
            else np.logical_not(mask)
            for segment in self._segments
        ]
        """Which pieces of each segment count; None when all do."""
        self.numbers: NDArray[np.int64] = np.concatenate(
            [none, *(_kept(segment.numbers, stays) for segment, stays in self._parts())]
        )
        """Chunk numbers in the order of the scores, ascending."""
        lengths = [_kept(segment.lengths, stays) for segment, stays in self._parts()]
        self.words = int(sum(int(part.sum(dtype=np.int64)) for part in lengths))
        """Words of all pieces together."""
        mean = max(self.words / max(len(self.numbers), 1), 1e-9)
        self._norms = [
            (_K1 * (1 - _B + _B * np.asarray(segment.lengths, dtype=np.float32) / mean)).astype(np.float32)
            for segment in self._segments
        ]
        self._longest = _idf(len(self.numbers), 1) if len(self.numbers) else 1.0

    def scores(self, query: str) -> tuple[NDArray[np.float32], float]:
        """Return a score a chunk, in the order of `numbers`, and the most that any chunk could reach.

        The bound is the sum of idf over the query's words, which their frequency factors (below 1) can
        only lower: dividing by it gives a score in 0 to 1 that means the same for every query. A word
        that the index lacks counts with the rarest word's idf: what was asked for and is not here lowers
        every score.
        """
        import numpy as np

        if not len(self.numbers):
            return np.zeros(0, dtype=np.float32), 1.0
        totals = [np.zeros(len(norms), dtype=np.float32) for norms in self._norms]
        bound = 0.0
        for word in dict.fromkeys(tokens(query)):
            found = [segment.postings(word) for segment in self._segments]
            holders = self._holders(found)
            idf = _idf(len(self.numbers), holders) if holders else self._longest
            bound += idf
            for total, norms, (places, counts) in zip(totals, self._norms, found, strict=True):
                if len(places):
                    often = np.asarray(counts, dtype=np.float32)
                    total[places] += np.float32(idf) * often / (often + norms[places])
        kept = [_kept(total, stays) for total, stays in zip(totals, self._stays, strict=True)]
        return np.concatenate(kept), max(bound, 1e-9)

    def weight(self, word: str) -> float:
        """Return how much an unstemmed word says: its idf, half of the rarest word's when it is not here.

        A stop word says an eighth of the rarest word.
        """
        stems = tokens(word)
        if not stems:
            return self._longest / 8
        holders = self._holders([segment.postings(stems[0]) for segment in self._segments])
        return _idf(len(self.numbers), holders) if holders else self._longest / 2

    def _holders(self, found: Sequence[tuple[Any, Any]]) -> int:
        """Return how many pieces have the word of these postings."""
        return sum(
            len(places) if stays is None else int(stays[places].sum())
            for (places, _), stays in zip(found, self._stays, strict=True)
        )

    def _parts(self) -> list[tuple[Segment, NDArray[np.bool_] | None]]:
        return list(zip(self._segments, self._stays, strict=True))


class WordLeg:
    """Keeps the segments in step with the manifest; its state names them and what of them is gone."""

    name = "sparse"
    version = _FORMAT

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, state: str) -> SparseLeg:
        """Return the index of a state; loading is a memory map.

        Raises:
            OSError: A file that the state names is not there.
        """
        import numpy as np

        names, gone = _read(state)
        numbers = np.load(self._folder / gone) if gone else None
        return SparseLeg([self._folder / name for name in names], numbers)

    def update(self, manifest: Manifest, state: str, change: Change, progress: Progress | None) -> str:
        """Write a segment of what was added, merging it with segments that are hardly larger."""
        import numpy as np

        names, gone_file = ([], "") if change.whole else _read(state)
        added = manifest.next_numbers() if change.whole else list(change.added)
        gone = np.load(self._folder / gone_file) if gone_file else np.zeros(0, dtype=np.int64)
        gone = np.union1d(gone, np.asarray(change.gone, dtype=np.int64)) if not change.whole else gone
        # What is there and was missed (a piece of a restored snapshot) is gone no more.
        back = np.intersect1d(gone, np.asarray(added, dtype=np.int64))
        held = (
            {int(n) for name in names for n in Segment(self._folder / name).numbers} if len(back) else set()
        )
        gone = np.setdiff1d(gone, back)
        added = [number for number in added if number not in held]
        texts = manifest.searched(added)
        for start in range(0, len(added), _BLOCK):
            name = _new()
            build_segment(self._folder / name, islice(texts, _BLOCK), tokens)
            names.append(name)
            names = self._merge(names, gone)
            if progress:
                progress("words", min(start + _BLOCK, len(added)), len(added))
        names, gone = self._compact(names, gone)
        file = ""
        if len(gone):
            file = f"{_new()}.npy"
            self._folder.mkdir(parents=True, exist_ok=True)
            np.save(self._folder / file, gone)
        return json.dumps({"segments": names, "gone": file})

    def _held(self, names: Sequence[str]) -> set[int]:
        return {int(number) for name in names for number in Segment(self._folder / name).numbers}

    def _merge(self, names: list[str], gone: Any, *, everything: bool = False) -> list[str]:
        """Keep each segment more than twice the size of the next, so that there are few."""
        import numpy as np

        while len(names) > 1:
            parts = [Segment(self._folder / name) for name in (names if everything else names[-2:])]
            first, last = parts[0], parts[-1]
            crossed = len(last.numbers) and len(first.numbers) and last.numbers[0] < first.numbers[-1]
            if not everything and len(first.numbers) > 2 * len(last.numbers) and not crossed:
                break
            name = _new()
            merge_segments(
                self._folder / name,
                [(part, np.isin(part.numbers, gone, invert=True)) for part in parts],
            )
            names = [name] if everything else [*names[:-2], name]
        return names

    def _compact(self, names: list[str], gone: Any) -> tuple[list[str], Any]:
        """Write everything anew when much is gone or numbers do not follow on each other."""
        import numpy as np

        held = [Segment(self._folder / name).numbers for name in names]
        numbers = np.concatenate([np.zeros(0, dtype=np.int64), *held])
        gone = np.intersect1d(gone, numbers)
        ordered = bool((np.diff(numbers) > 0).all())
        if len(gone) > _MOST_GONE * len(numbers) or not ordered:
            parts = [Segment(self._folder / name) for name in names]
            name = _new()
            masks = [np.isin(part.numbers, gone, invert=True) for part in parts]
            merge_segments(self._folder / name, list(zip(parts, masks, strict=True)))
            return [name], np.zeros(0, dtype=np.int64)
        return names, gone

    def check(self, manifest: Manifest, state: str) -> Change:
        """Compare the numbers with the manifest's, and the files with their checksums."""
        import numpy as np

        wanted = np.asarray(manifest.next_numbers(), dtype=np.int64)
        try:
            names, _ = _read(state)
            held = self.open(state).numbers
            whole = not all(Segment(self._folder / name).sound() for name in names)
        except (OSError, ValueError, KeyError, EOFError):
            whole, held = True, np.zeros(0, dtype=np.int64)
        if whole:
            return Change(wanted.tolist(), whole=True)
        return Change(np.setdiff1d(wanted, held).tolist(), np.setdiff1d(held, wanted).tolist())

    def sound(self, manifest: Manifest, state: str) -> bool:
        """Whether the files are there."""
        names, gone = _read(state)
        files = [self._folder / name / "segment.json" for name in names]
        return all(path.is_file() for path in [*files, *([self._folder / gone] if gone else [])])

    def tidy(self, manifest: Manifest, state: str) -> None:
        """Take out segments that the state does not name."""
        names, gone = _read(state)
        for old in self._folder.glob("*"):
            # Readers that still map an older segment keep its pages; only the names go.
            if old.is_dir() and old.name not in names:
                shutil.rmtree(old, ignore_errors=True)
            elif old.is_file() and old.name != gone:
                old.unlink(missing_ok=True)


def build(folder: Path, chunks: Iterable[tuple[int, str]]) -> int:
    """Build an index of one segment over (number, text), put it at `folder` in one step; return its size."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    size = build_segment(partial, chunks, tokens)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return size


def tokens(text: str) -> list[str]:
    """Return the stemmed words of a text; identifiers count whole and in their parts.

    Chinese, Japanese, Thai and the like give pairs of characters.
    """
    words: list[str] = []
    for word in _TOKEN.findall(text):
        lower = word.lower()
        if not word.isascii() and len(parts := word_parts(lower)) > 1:
            words += parts
            continue
        if len(lower) > 1 and lower not in _STOP:
            words.append(lower)
            if "_" in word or (word != lower and not word.isupper() and not word[1:].islower()):
                parts = [part.lower() for part in _CAMEL.findall(word)]
                words += [part for part in parts if len(part) > 1 and part != lower]
    return list(_stemmer().stemWords(words))


def _idf(documents: int, holders: int) -> float:
    """Lucene's inverse document frequency of a word that `holders` of `documents` have."""
    return log(1 + (documents - holders + 0.5) / (holders + 0.5))


def _new() -> str:
    return uuid4().hex[:12]


def _read(state: str) -> tuple[list[str], str]:
    body: dict[str, Any] = json.loads(state) if state else {"segments": [], "gone": ""}
    return list(body["segments"]), str(body["gone"])


def _kept(values: Any, stays: Any) -> Any:
    return values if stays is None else values[stays]


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
