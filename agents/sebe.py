"""Re-selection against the question and the image: the aligned scorer.

SeBe-VQA's idea: retrieve wide by the question, then re-select what bears on both the question and the image.
A question like "what does it show?" names nothing; what is written or seen in the image does. The scorer is
not trained: the passage's own retrieval score speaks for the question; for the image speak the cosine between
passage and image in the text embedder's space, and how much of the passage's information (inverse document
frequency over the set) is written in the image.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

from core.text import content_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.embeddings import Embedder

    Vector = NDArray[np.float32]

IMAGE_WEIGHT = 0.5
"""Share of the image beside the question's score; 0.25 to 1 differ by under one point on OpenCQA."""
_SEEN_WEIGHT = 0.5
"""What the pixels seem to show counts half of what is written: class scores know little of charts."""
_LONGEST = 4000


@dataclass(frozen=True)
class ImageView:
    """What is known of an image of the question: what is written in it, and what its pixels mean.

    `meaning` is a unit vector in the text embedder's space (the ConSE bridge), or None.
    """

    text: str = ""
    meaning: Vector | None = None


def aligned_scores(
    passages: Sequence[str], question_scores: Sequence[float], views: Sequence[ImageView], embedder: Embedder
) -> list[float]:
    """Return how much each passage bears on the question and on the images together.

    Args:
        passages: Texts of the retrieved pieces.
        question_scores: Their retrieval scores, 0 to 1.
        views: The question's images; with several, a passage may bear on any of them.
        embedder: The text embedder.
    """
    if not passages or not any(view.text.strip() or view.meaning is not None for view in views):
        return list(question_scores)
    vectors = embedder.embed([text[:_LONGEST] for text in passages])
    written = [view.text[:_LONGEST] for view in views]
    texts = embedder.embed([text for text in written if text.strip()]) if any(map(str.strip, written)) else ()
    rows = iter(texts)
    shares = [0.0] * len(passages)
    for view in views:
        parts = [0.0] * len(passages)
        if view.text.strip():
            overlap = information_in(passages, view.text)
            cosines = vectors @ next(rows)
            parts = [(max(float(c), 0.0) + share) / 2 for c, share in zip(cosines, overlap, strict=True)]
        if view.meaning is not None:
            seen = vectors @ view.meaning
            parts = [
                max(part, _SEEN_WEIGHT * max(float(c), 0.0)) for part, c in zip(parts, seen, strict=True)
            ]
        shares = [max(old, new) for old, new in zip(shares, parts, strict=True)]
    return [question + IMAGE_WEIGHT * share for question, share in zip(question_scores, shares, strict=True)]


def information_in(passages: Sequence[str], text: str) -> list[float]:
    """Return the share of each passage's information that a text holds, 0 to 1."""
    bags = [set(content_words(passage)) for passage in passages]
    frequency = Counter(word for bag in bags for word in bag)
    held = set(content_words(text))

    def weight(word: str) -> float:
        return log(1 + len(passages) / frequency[word])

    return [
        sum(weight(word) for word in bag & held) / max(sum(weight(word) for word in bag), 1e-9)
        for bag in bags
    ]
