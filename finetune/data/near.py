"""Which images and texts of a data set are the same, or nearly.

Candidates come from `knowledge.duplicates` (perceptual hash, MinHash). An image pair is confirmed by its
thumbnails: drawings of one kind (charts, shapes, forms) often share a perceptual hash without being the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from finetune.data.rows import TrainRow
from knowledge.duplicates import NEAR_BITS, find_duplicates, text_signature, word_digest, words_of
from knowledge.image_prints import THUMB, ImagePrint
from knowledge.seen import NEAR_PIXELS, numbers_of


class _Prints:
    """Rows or images in the shape in which `find_duplicates` reads a collection."""

    def __init__(
        self, texts: Iterable[tuple[str, str, bytes]] = (), images: Iterable[tuple[str, str, bytes]] = ()
    ) -> None:
        self._texts, self._images = list(texts), list(images)

    def fingerprints(self) -> list[tuple[str, str, bytes]]:
        return self._texts

    def image_prints(self) -> list[tuple[str, str, bytes]]:
        return self._images


def same_images(prints: Mapping[str, ImagePrint]) -> dict[str, str]:
    """Return for each image (by file hash) the one that stands for all that are the same or nearly.

    Of a group, the largest picture stands for it; the hash decides between equals, so the order of the
    images plays no part.
    """
    joined = {sha: sha for sha in prints}
    by_pixels: dict[str, list[str]] = {}
    for sha in sorted(prints):
        by_pixels.setdefault(prints[sha].pixels, []).append(sha)
    for group in by_pixels.values():
        _join(joined, group)
    firsts = sorted(group[0] for group in by_pixels.values())
    candidates = find_duplicates(_Prints(images=[(sha, sha, prints[sha].phash) for sha in firsts]))
    for candidate in candidates:
        _confirm(joined, sorted(candidate.members), prints)
    best: dict[str, str] = {}
    for sha in sorted(prints, key=lambda one: (-prints[one].width * prints[one].height, one)):
        best.setdefault(_root(joined, sha), sha)
    return {sha: best[_root(joined, sha)] for sha in prints}


def _confirm(joined: dict[str, str], members: Sequence[str], prints: Mapping[str, ImagePrint]) -> None:
    import numpy as np

    thumbs = np.frombuffer(b"".join(prints[sha].thumb for sha in members), dtype=np.uint8)
    table = thumbs.reshape(len(members), THUMB * THUMB * 3).astype(np.int16)
    bits = np.frombuffer(b"".join(prints[sha].phash[:8] for sha in members), dtype=np.uint64)
    for at, sha in enumerate(members[:-1]):
        close = np.flatnonzero(np.bitwise_count(bits[at + 1 :] ^ bits[at]) <= NEAR_BITS) + at + 1
        apart = np.abs(table[close] - table[at]).max(axis=1)
        _join(joined, [sha, *(members[other] for other in close[apart <= NEAR_PIXELS])])


def same_texts(rows: Sequence[TrainRow]) -> dict[str, str]:
    """Return for each row (by id) the one that stands for all with the same or nearly the same long text.

    Near: MinHash, for texts of twelve words and more, when their numbers and answers are the same too.
    """
    joined = {row.id: row.id for row in rows}
    told = {row.id: words_of(row.question) for row in rows}
    found = find_duplicates(
        _Prints(
            texts=[(key, word_digest(words), text_signature(words)) for key, words in sorted(told.items())]
        )
    )
    by_id = {row.id: row for row in rows}
    for group in found:
        parts: dict[tuple[str, ...], list[str]] = {}
        for key in sorted(group.members):
            row = by_id[key]
            parts.setdefault((answer_key(row), *numbers_of(row.question)), []).append(key)
        for part in parts.values():
            _join(joined, part)
    return {key: _root(joined, key) for key in joined}


def answer_key(row: TrainRow) -> str:
    """Return what the first answer is when case, marks and spaces do not count."""
    return " ".join(words_of(row.answers[0])) or row.answers[0].strip()


def _root(joined: dict[str, str], item: str) -> str:
    while joined[item] != item:
        joined[item] = joined[joined[item]]
        item = joined[item]
    return item


def _join(joined: dict[str, str], members: Sequence[str]) -> None:
    for other in members[1:]:
        low, high = sorted((_root(joined, members[0]), _root(joined, other)))
        joined[high] = low
