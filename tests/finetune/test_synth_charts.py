"""Charts that we draw: what is asked has one answer, and nothing leaks between splits."""

from __future__ import annotations

import io
from collections import defaultdict
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from finetune.data.rows import SPLITS
from finetune.synth.chart import Chart, make_chart
from finetune.synth.chart_code import plotting_code
from finetune.synth.chart_light import draw_light
from finetune.synth.chart_questions import ask
from finetune.synth.charts import ChartMaker
from finetune.synth.colours import distance, palette, rgb
from finetune.synth.phrases import PLACES
from finetune.synth.sandbox.check import check_code
from finetune.synth.styles import THEMES
from finetune.synth.tables import trend_of
from finetune.synth.topics import TOPICS

SEEDS = st.integers(0, 10_000)


def chart_of(seed: int, split: str = "train") -> Chart:
    return make_chart(Random(seed), split, 1.0)  # type: ignore[arg-type]


@given(SEEDS, st.sampled_from(SPLITS))
@settings(max_examples=60, deadline=None)
def test_highest_and_lowest_are_asked_only_where_they_stand_apart(seed: int, split: str) -> None:
    chart = chart_of(seed, split)
    for draft in ask(Random(seed), chart, 99):
        if draft.kind in ("highest_position", "lowest_position"):
            order = sorted(chart.values)
            extreme, next_one = (order[-1], order[-2]) if draft.kind[0] == "h" else (order[0], order[1])
            assert chart.values[PLACES.index(draft.answers[0])] == extreme
            assert abs(extreme - next_one) >= 0.0699 * order[-1]


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_colours_of_answers_are_the_colours_of_the_marks(seed: int) -> None:
    chart = chart_of(seed)
    for draft in ask(Random(seed), chart, 99):
        if draft.kind == "highest_colour" and chart.type in ("bar", "barh", "pie", "donut"):
            assert draft.answers[0] == chart.colours[chart.values.index(max(chart.values))].name


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_comparisons_follow_the_data(seed: int) -> None:
    chart = chart_of(seed)
    names = [colour.name for colour in chart.colours]
    for draft in ask(Random(seed), chart, 99):
        if draft.kind == "comparison" and draft.balance and chart.by == "category":
            said = [name for name in names if f"{name} " in draft.question.lower()]
            if len(said) != 2:
                continue
            first, second = sorted(said, key=draft.question.lower().index)
            larger = any(
                word in draft.question for word in ("taller", "higher", "larger", "longer", "bigger")
            )
            more = chart.values[names.index(first)] > chart.values[names.index(second)]
            assert draft.answers == (("yes",) if more == larger else ("no",))


def test_trends_are_named_only_where_people_agree() -> None:
    assert trend_of((1, 2, 3, 4)) == "up"
    assert trend_of((9, 7, 4, 2)) == "down"
    assert trend_of((50, 51, 49, 50)) == "flat"
    assert trend_of((2, 9, 2)) == "mixed"
    assert trend_of((10, 11, 12, 12.2)) is None  # a little up: neither flat nor up


def test_splits_share_no_theme_font_pairing_word_or_shade() -> None:
    looks = {split: {theme.name for theme in THEMES[split]} for split in SPLITS}
    words = {split: {name for t in TOPICS[split] for name in t.categories} for split in SPLITS}
    fonts = {split: {(t.font, t.page, t.plot) for t in THEMES[split]} for split in SPLITS}
    for one in SPLITS:
        for other in SPLITS:
            if one != other:
                assert not looks[one] & looks[other]
                assert not words[one] & words[other]
                assert not fonts[one] & fonts[other]
    shades = {
        s: {c.value for seed in range(200) for c in palette(Random(seed), 5, s, "#ffffff")} for s in SPLITS
    }
    assert not shades["train"] & shades["test"]
    assert not shades["dev"] & shades["test"]


@pytest.mark.parametrize("split", SPLITS)
def test_every_ground_has_six_colours_that_differ_from_it(split: str) -> None:
    for theme in THEMES[split]:  # type: ignore[index]
        found = palette(Random(1), 6, split, theme.plot)  # type: ignore[arg-type]
        assert len(found) >= 5
        assert all(distance(colour.value, theme.plot) > 100 for colour in found)


@given(SEEDS, st.sampled_from(SPLITS))
@settings(max_examples=40, deadline=None)
def test_the_code_of_every_chart_passes_the_check(seed: int, split: str) -> None:
    assert "import" not in check_code(plotting_code(chart_of(seed, split)))


def test_boxes_of_bars_hold_the_bars_colour_in_both_renderers(tmp_path: Path) -> None:
    found = defaultdict(int)
    for light in (0.0, 1.0):
        maker = ChartMaker(5, tmp_path, light=light, questions=99)
        for index in range(12):
            made = maker.make(index)
            assert made.png is not None
            pixels = np.asarray(Image.open(io.BytesIO(made.png)).convert("RGB"))
            split = made.split
            for question in made.questions:
                if question.kind in ("highest_colour", "lowest_colour") and question.boxes:
                    x0, y0, x1, y1 = question.boxes[0]
                    colour = pixels[int((y0 + y1) / 2), int((x0 + x1) / 2)]
                    names = palette_names(colour, split)
                    assert question.answers[0] in names
                    found[light] += 1
        maker.close()
    assert found[0.0]
    assert found[1.0]


def palette_names(colour: np.ndarray, split: str) -> set[str]:
    from finetune.synth.colours import SHADES

    near = lambda shade: max(abs(int(a) - b) for a, b in zip(colour, rgb(shade), strict=True)) <= 2  # noqa: E731
    return {name for name, shades in SHADES.items() if any(near(s) for s in shades[split])}  # type: ignore[index]


def test_the_same_number_makes_the_same_item(tmp_path: Path) -> None:
    one, other = ChartMaker(3, tmp_path), ChartMaker(3, tmp_path)
    other.make(7)
    assert [one.make(index) for index in (1, 4)] == [other.make(index) for index in (1, 4)]
    one.close()
    other.close()


def test_a_light_drawing_has_the_size_of_its_style() -> None:
    chart = chart_of(4)
    png, _ = draw_light(chart)
    assert Image.open(io.BytesIO(png)).size == (chart.style.width, chart.style.height)
