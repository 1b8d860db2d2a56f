"""Pictures with several captions each, and a refusal that counts as none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.settings import Settings
from evals.drawings.shapes import COLOURS, SHAPES, draw_shape
from evals.run.registry import Place
from evals.run.sample import Output, Record, Sample, Scored, Seen
from evals.suites import captioning
from evals.suites.captioning import ASKED, SCORERS, coco_captions, drawn_captions, flickr_captions

NOWHERE = Place(Settings())
SAMPLES = drawn_captions.samples(NOWHERE)


def records(says: Any) -> list[Record]:
    return [
        Record(
            sample=sample,
            sha256=sample.sha256,
            output=Output(
                answer={"short": "", "declined": ""}, evidence=(Seen(kind="vlm", text=says(sample)),)
            ),
            scored=Scored(sample_id=sample.id),
        )
        for sample in SAMPLES
    ]


def figures(says: Any) -> dict[str, float | None]:
    made = records(says)
    found: dict[str, float | None] = {}
    for scorer in SCORERS:
        if scorer.corpus is not None:
            found[scorer.metric] = scorer.corpus(made)
        elif scorer.one is not None:
            each: list[Any] = [scorer.one(record.sample, record.output) for record in made]
            found[scorer.metric] = sum(each) / len(each)
    return found


def test_every_picture_has_several_captions_and_the_request_is_the_same() -> None:
    assert {sample.kind for sample in SAMPLES} == {"shape", "chart"}
    assert all(len(set(sample.target)) == 5 for sample in SAMPLES)
    assert {sample.input["question"] for sample in SAMPLES} == {ASKED}
    assert len({str(sample.target) for sample in SAMPLES if sample.kind == "shape"}) == 16


def test_a_true_caption_beats_a_vague_one_which_beats_silence() -> None:
    true = figures(lambda sample: sample.target[2])
    vague = figures(lambda sample: "A picture.")
    silent = figures(lambda sample: "")
    for metric in ("cider_d", "cider", "rouge_l"):
        assert (true[metric] or 0) > (vague[metric] or 0) >= (silent[metric] or 0) == 0.0, metric
    assert silent["captioned"] == 0.0


def test_the_wrong_color_scores_less_than_the_right_one() -> None:
    swapped = {"red": "blue", "blue": "red"}

    def wrong(sample: Sample) -> str:
        words = str(sample.target[0]).split()
        return " ".join(swapped.get(word, word) for word in words)

    right = figures(lambda sample: sample.target[0])
    assert (figures(wrong)["cider_d"] or 0.0) < (right["cider_d"] or 0.0)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_drawn_in_its_color_inside_the_picture(shape: str) -> None:
    for seed, colour in enumerate(COLOURS):
        pixels = draw_shape(shape, colour, seed).pixels
        inside = (pixels == COLOURS[colour]).all(axis=2)
        assert 1_500 < inside.sum() < 14_000
        assert not inside[0].any()
        assert not inside[:, -1].any()
        assert (draw_shape(shape, colour, seed).pixels == pixels).all()


def test_a_refusal_is_an_empty_caption() -> None:
    refused = Output(answer={"short": "", "confidence": 0.0, "declined": "cannot answer this"})
    captioned: list[Any] = [
        one.one(SAMPLES[0], refused) for one in SCORERS if one.metric in ("captioned", "rouge_l") and one.one
    ]
    assert captioned == [0.0, 0.0]


def test_pictures_are_drawn_where_the_sample_says(tmp_path: Path) -> None:
    made: dict[str, Any] = {}

    def once(key: str, make: Any) -> Any:
        return made.setdefault(key, None) or make()

    bench: Any = SimpleNamespace(path=lambda name: tmp_path / name, once=once)
    for sample in (SAMPLES[0], SAMPLES[-1]):
        captioning._draw(bench, sample)
        assert (tmp_path / sample.input["images"][0]).is_file()


def test_photos_need_their_sets() -> None:
    assert coco_captions.missing(NOWHERE) == "coco_mini"
    assert flickr_captions.missing(NOWHERE) == "flickr8k_1000"


@pytest.mark.data
def test_public_photos_come_with_their_captions(data_root: Path) -> None:
    place = Place(Settings(), data_root)
    for suite in (coco_captions, flickr_captions):
        samples = suite.samples(place)
        assert 50 <= len(samples) <= 100
        assert all(len(sample.target) >= 2 for sample in samples)
        assert all((data_root / sample.input["images"][0]).is_file() for sample in samples)
