"""Whether a question, or an image, is one of those that are known already: the same, or nearly.

Training keeps what models are judged on out by it, and data sets for judging what was trained on. An image is
known by its file, its pixels, or nearly (perceptual hash, confirmed by thumbnails: drawings of one kind often
share a perceptual hash without being the same). A question is known by its words when case, marks, spaces
and articles do not count; a long one also when it has nearly the same words and the same numbers. (MinHash
over shingles, in `knowledge.duplicates`, is for documents: of 20 words one that changed is too much for it.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from knowledge.duplicates import NEAR_BITS, words_of
from knowledge.image_prints import ImagePrint

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEAR_PIXELS = 12
"""Most by which any cell of the thumbnails of near-duplicates differs, of 255."""
NEAR_WORDS = 0.85
"""Least Jaccard likeness of the words of questions that are nearly the same; of 14 words one may differ."""
_LEAST_WORDS = 12
_ARTICLES = {"a", "an", "the"}
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def question_key(text: str) -> str:
    """Return what a question is when case, marks, spaces and articles do not count."""
    return " ".join(word for word in words_of(text) if word not in _ARTICLES)


class SeenIndex:
    """Images and questions that are known, each with where it comes from.

    Args:
        images: The print and place of each image.
        questions: The place of each question, by `question_key`.
    """

    def __init__(self, images: Mapping[str, tuple[ImagePrint, str]], questions: Mapping[str, str]) -> None:
        self.files = {sha: where for sha, (_, where) in images.items()}
        self.pixels = {mark.pixels: where for mark, where in images.values()}
        self.questions = dict(questions)
        self.images = len(images)
        self._near = [(mark, where) for mark, where in images.values() if mark.phash]

    def image(self, mark: ImagePrint) -> tuple[str, str] | None:
        """Return (reason, place) when an image is known."""
        if mark.sha256 in self.files:
            return "same image file", self.files[mark.sha256]
        if mark.pixels in self.pixels:
            return "same pixels", self.pixels[mark.pixels]
        near = self._nearest(mark)
        return None if near is None else ("nearly the same image", near)

    def text(self, question: str) -> tuple[str, str] | None:
        """Return (reason, place) when a text-only question, or its last paragraph, is known."""
        for part in (question, question.rpartition("\n\n")[2]):
            where = self.questions.get(question_key(part))
            if where is not None:
                return "same question", where
        near = self._nearest_text(question)
        return None if near is None else ("nearly the same question", near)

    def _nearest_text(self, question: str) -> str | None:
        import numpy as np

        key = question_key(question)
        words = set(key.split())
        keys, sizes, postings = self._words
        if len(words) < _LEAST_WORDS or not keys:
            return None
        met = [postings[word] for word in words if word in postings]
        shared = np.bincount(np.concatenate(met), minlength=len(keys)) if met else np.zeros(len(keys))
        near = np.flatnonzero(shared / (sizes + len(words) - shared) >= NEAR_WORDS)
        found = (keys[int(at)] for at in near if numbers_of(keys[int(at)]) == numbers_of(key))
        return next((self.questions[one] for one in found), None)

    def _nearest(self, mark: ImagePrint) -> str | None:
        import numpy as np

        if not mark.phash or not self._near:
            return None
        bits, thumbs = self._tables
        own = np.frombuffer(mark.phash[:8], dtype=np.uint64)[0]
        close = np.flatnonzero(np.bitwise_count(bits ^ own) <= NEAR_BITS)
        thumb = np.frombuffer(mark.thumb, dtype=np.uint8).astype(np.int16)
        apart = np.abs(thumbs[close].astype(np.int16) - thumb).max(axis=1) if len(close) else np.empty(0)
        hits = close[apart <= NEAR_PIXELS]
        return self._near[int(hits[0])][1] if len(hits) else None

    @cached_property
    def _words(self) -> tuple[list[str], NDArray[np.int64], dict[str, NDArray[np.int64]]]:
        """The long questions, how many different words each has, and in which of them each word stands."""
        import numpy as np

        bags = {key: set(key.split()) for key in self.questions}
        keys = [key for key, bag in bags.items() if len(bag) >= _LEAST_WORDS]
        places: dict[str, list[int]] = {}
        for at, key in enumerate(keys):
            for word in bags[key]:
                places.setdefault(word, []).append(at)
        sizes = np.asarray([len(bags[key]) for key in keys], dtype=np.int64)
        return keys, sizes, {word: np.asarray(at, dtype=np.int64) for word, at in places.items()}

    @cached_property
    def _tables(self) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
        import numpy as np

        bits = np.frombuffer(b"".join(mark.phash[:8] for mark, _ in self._near), dtype=np.uint64)
        thumbs = np.frombuffer(b"".join(mark.thumb for mark, _ in self._near), dtype=np.uint8)
        return bits, thumbs.reshape(len(self._near), -1)


def numbers_of(text: str) -> tuple[str, ...]:
    """Return the numbers of a text, sorted: two questions that differ in one ask for different things."""
    return tuple(sorted(_NUMBER.findall(text)))
