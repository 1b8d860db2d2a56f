"""What is known already is found again, and what only looks like it is not."""

from __future__ import annotations

import numpy as np
import pytest

from knowledge.image_prints import ImagePrint, print_of
from knowledge.seen import SeenIndex, question_key

LONG = (
    "In the survey of 2019, how many of the households along the northern coast said that they had "
    "repaired the roof of their house themselves?"
)


def mark(seed: int, name: str, *, noise: float = 0.0) -> ImagePrint:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (6, 6, 3), dtype=np.uint8)
    pixels = np.kron(small, np.ones((16, 16, 1))).astype(np.float64)
    pixels += np.random.default_rng(99).normal(0, noise, pixels.shape) if noise else 0.0
    return print_of(np.clip(pixels, 0, 255).astype(np.uint8), name)


@pytest.fixture
def index() -> SeenIndex:
    questions = {question_key(text): "train" for text in (LONG, "What colour is the ferry?")}
    return SeenIndex({"a": (mark(1, "a"), "set:train")}, questions)


def test_an_image_is_known_by_file_by_pixels_and_by_likeness(index: SeenIndex) -> None:
    assert index.image(mark(7, "a")) == ("same image file", "set:train")
    assert index.image(mark(1, "b")) == ("same pixels", "set:train")
    assert index.image(mark(1, "b", noise=2.0)) == ("nearly the same image", "set:train")
    assert index.image(mark(2, "b")) is None


def test_a_question_is_known_whatever_its_marks_and_a_long_one_when_it_is_nearly_the_same(
    index: SeenIndex,
) -> None:
    assert index.text("what colour is ferry") == ("same question", "train")
    assert index.text("What colour is the barge?") is None
    assert index.text(LONG.replace("had repaired", "have repaired")) == ("nearly the same question", "train")
    # Another year asks for something else, however alike the words are.
    assert index.text(LONG.replace("2019", "2018").replace("had repaired", "have repaired")) is None


def test_an_index_of_nothing_knows_nothing() -> None:
    assert SeenIndex({}, {}).text(LONG) is None
    assert SeenIndex({}, {}).image(mark(1, "a")) is None
