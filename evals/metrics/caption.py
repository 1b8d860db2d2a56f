"""CIDEr and CIDEr-D: captions against what several people wrote (Vedantam et al. 2015)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from evals.metrics.averages import mean_of
from evals.metrics.words import metric_words

_ORDER = 4
_SIGMA = 6.0
Ngram = tuple[str, ...]


def cider_samples(predictions: Sequence[str | None], references: Sequence[Sequence[str]]) -> list[float]:
    """Return CIDEr of each image, 0 to 1: the cosine of TF-IDF vectors of n-grams, the mean over n of 1 to 4.

    Args:
        predictions: One caption an image.
        references: The images' reference captions, at least one each.

    Raises:
        ValueError: The lists differ in length, an image has no reference, or there are fewer than two images,
            so that no n-gram is rarer than another.
    """
    return _scores(predictions, references, _cosine)


def cider_d_samples(predictions: Sequence[str | None], references: Sequence[Sequence[str]]) -> list[float]:
    """Return CIDEr-D of each image, 0 to 10, as COCO's evaluation computes it (section 6).

    Counts above the reference's are clipped, captions of another length lose by a Gaussian (sigma 6), and the
    score is 10 times the mean. As there, vectors hold counts and not shares.

    Raises:
        ValueError: As in `cider_samples`.
    """
    return [10 * score for score in _scores(predictions, references, _clipped)]


def cider(predictions: Sequence[str | None], references: Sequence[Sequence[str]]) -> float | None:
    """Return the mean of `cider_samples`."""
    return mean_of(cider_samples(predictions, references))


def cider_d(predictions: Sequence[str | None], references: Sequence[Sequence[str]]) -> float | None:
    """Return the mean of `cider_d_samples`."""
    return mean_of(cider_d_samples(predictions, references))


Weighted = list[dict[Ngram, float]]
Likeness = Callable[[Weighted, int, Weighted, int], float]


def _scores(
    predictions: Sequence[str | None], references: Sequence[Sequence[str]], likeness: Likeness
) -> list[float]:
    if len(predictions) != len(references) or not all(references):
        raise ValueError(f"{len(predictions)} captions for {len(references)} lists of references, none empty")
    if len(references) < 2:
        raise ValueError(
            "CIDEr needs two images or more: its weights come from how rare words are among them"
        )
    said = [tuple(metric_words(text)) for text in predictions]
    wanted = [[tuple(metric_words(text)) for text in texts] for texts in references]
    images_with = Counter(
        ngram for texts in wanted for ngram in {n for words in texts for n in _ngrams(words)}
    )
    scores = []
    for words, texts in zip(said, wanted, strict=True):
        own = _weigh(words, images_with, len(references))
        each = [
            likeness(own, len(words), _weigh(text, images_with, len(references)), len(text)) for text in texts
        ]
        scores.append(math.fsum(each) / len(each))
    return scores


@lru_cache(maxsize=8192)  # an interval leaves captions out in turn: the others stay what they are
def _ngrams(words: tuple[str, ...]) -> Counter[Ngram]:
    return Counter(words[at : at + n] for n in range(1, _ORDER + 1) for at in range(len(words) - n + 1))


def _weigh(words: tuple[str, ...], images_with: Mapping[Ngram, int], images: int) -> Weighted:
    """Return, for each n, the count of each n-gram times the log of how rare it is among the images."""
    vectors: Weighted = [{} for _ in range(_ORDER)]
    for ngram, count in _ngrams(words).items():
        vectors[len(ngram) - 1][ngram] = count * math.log(images / max(1, images_with.get(ngram, 0)))
    return vectors


def _cosine(own: Weighted, _own_length: int, other: Weighted, _other_length: int) -> float:
    return math.fsum(
        _over_norms(sum(weight * b.get(ngram, 0.0) for ngram, weight in a.items()), a, b)
        for a, b in zip(own, other, strict=True)
    ) / len(own)


def _clipped(own: Weighted, own_length: int, other: Weighted, other_length: int) -> float:
    total = 0.0
    for a, b in zip(own, other, strict=True):
        shared = sum(min(weight, b.get(ngram, 0.0)) * b.get(ngram, 0.0) for ngram, weight in a.items())
        total += _over_norms(shared, a, b)
    # The reference counts bigrams as the length: one less than the words, so that differences are the same.
    apart = max(0, own_length - 1) - max(0, other_length - 1)
    return total / len(own) * math.exp(-(apart**2) / (2 * _SIGMA**2))


def _over_norms(product: float, a: Mapping[Ngram, float], b: Mapping[Ngram, float]) -> float:
    norms = math.hypot(*a.values()) * math.hypot(*b.values())
    return product / norms if norms else 0.0
