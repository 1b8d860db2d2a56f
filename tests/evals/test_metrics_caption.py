"""CIDEr and CIDEr-D agree with COCO's scorer and with the paper's formulas written out."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from evals.metrics.caption import cider, cider_d, cider_d_samples, cider_samples
from tests.evals.metric_cases import like, reference

WORDS = "man woman dog cat rides holds red blue bike ball in on the a park street".split()


def drawn(seed: int, images: int) -> tuple[list[str], list[list[str]]]:
    rng = random.Random(seed)
    references = [
        [" ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 9))) for _ in range(rng.randint(1, 4))]
        for _ in range(images)
    ]
    said = [rng.choice(["", like(rng, rng.choice(texts)), "dog dog dog dog"]) for texts in references]
    return [" ".join(word for word in text.split() if word in WORDS) for text in said], references


def counted(text: str, n: int) -> Counter[str]:
    words = text.split()
    return Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))


def paper_cider(predictions: list[str], references: list[list[str]]) -> list[float]:
    """Return equations 1 to 3 of the paper for each image, term by term over the whole vocabulary."""
    totals = [0.0] * len(predictions)
    for n in (1, 2, 3, 4):
        images = [[counted(text, n) for text in texts] for texts in references]
        said = [counted(text, n) for text in predictions]
        rarity = {}
        for gram in sorted(
            {gram for counts in (*said, *(c for own in images for c in own)) for gram in counts}
        ):
            having = sum(any(counts[gram] for counts in own) for own in images)
            rarity[gram] = math.log(len(references) / max(1, having))

        def vector(counts: Counter[str], rarity: dict[str, float] = rarity) -> list[float]:
            return [counts[gram] / max(1, sum(counts.values())) * idf for gram, idf in rarity.items()]

        for image, own in enumerate(images):
            a = vector(said[image])
            for counts in own:
                b = vector(counts)
                norms = math.sqrt(sum(v * v for v in a)) * math.sqrt(sum(v * v for v in b))
                product = sum(v * w for v, w in zip(a, b, strict=True))
                totals[image] += (product / norms if norms else 0.0) / len(own) / 4
    return totals


def test_cider_d_agrees_with_cocos_scorer() -> None:
    compared = 0
    for predictions, references, scores in reference("cider_d"):
        assert cider_d_samples(predictions, references) == pytest.approx(scores, abs=1e-9)
        compared += len(scores)
    assert compared >= 200


def test_cider_agrees_with_the_formulas_of_the_paper() -> None:
    compared = 0
    for seed in range(45):
        predictions, references = drawn(seed, 5)
        written_out = paper_cider(predictions, references)
        assert cider_samples(predictions, references) == pytest.approx(written_out, abs=1e-9)
        compared += 5
    assert compared >= 200


def test_by_hand() -> None:
    # Every n-gram is in one image of two, so all weigh ln 2: one word of two is shared, no pair.
    said, wanted = ["red dog", "blue bike rides on"], [["red cat"], ["blue bike rides on"]]
    assert cider_samples(said, wanted) == pytest.approx([(1 / 2 + 0) / 4, 1.0])
    assert cider_d_samples(said, wanted) == pytest.approx([10 * (1 / 2 + 0) / 4, 10.0])
    assert cider(said, wanted) == pytest.approx((1 / 8 + 1) / 2)


def test_repeating_a_word_and_writing_on_does_not_pay_with_cider_d() -> None:
    wanted = [["red dog in park"], ["blue cat on street"]]
    honest = cider_d(["red dog", "x"], wanted)
    repeated = cider_d(["red dog red dog red dog red dog red dog red dog red dog", "x"], wanted)
    assert honest is not None
    assert repeated is not None
    assert repeated < honest


def test_case_and_punctuation_do_not_count() -> None:
    wanted = [["a red dog"], ["two cats"]]
    assert cider_d_samples(["A red dog.", "Two cats!"], wanted) == cider_d_samples(
        ["a red dog", "two cats"], wanted
    )


def test_an_empty_caption_scores_0() -> None:
    assert cider_d_samples(["", None], [["a"], ["b c"]]) == [0.0, 0.0]


@pytest.mark.parametrize(
    ("said", "wanted"), [(["a"], [["a"]]), (["a", "b"], [["a"], []]), (["a"], [["a"], ["b"]]), ([], [])]
)
def test_what_has_no_cider_is_refused(said: list[str], wanted: list[list[str]]) -> None:
    with pytest.raises(ValueError, match=r"references|two images"):
        cider(said, wanted)
