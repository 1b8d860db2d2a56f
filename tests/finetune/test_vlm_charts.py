"""What is said of a drawn chart follows from its numbers."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from finetune.vlm.chart_drawing import draw, random_style
from finetune.vlm.chart_plot import TEST_STYLES, TRAIN_STYLES, fitting
from finetune.vlm.chart_spec import COLOURS, ChartSpec, random_spec
from finetune.vlm.pictures import drawn
from finetune.vlm.questions import questions
from finetune.vlm.slots import IGNORED, SLOTS, chart_facts, scan_facts, shape_facts, targets

RED, BLUE, GREEN = (214, 39, 40), (31, 119, 180), (44, 160, 44)
BARS = ChartSpec("bar", ((0.3, 0.9, 0.5),), ("red", "blue", "green"), (RED, BLUE, GREEN))


def _answers(spec, seed=0):
    return {asked.kind: asked.answer for asked in questions(spec, Random(seed))}


def test_bars_are_counted_ranked_and_named():
    found = _answers(BARS)
    assert found["chart_type"] == "bar chart"
    assert found["count"] == "three"
    assert (found["highest_colour"], found["highest_position"]) == ("blue", "second")
    assert (found["lowest_colour"], found["lowest_position"]) == ("red", "first")
    assert found["trend"] == "mixed"


def test_a_lead_too_small_to_see_is_not_asked_about():
    close = ChartSpec("bar", ((0.3, 0.52, 0.5),), BARS.colours, BARS.rgb)
    found = _answers(close)
    assert "highest_colour" not in found
    assert found["lowest_colour"] == "red"
    assert "highest" not in chart_facts(close)


@pytest.mark.parametrize(
    ("row", "trend"), [((0.1, 0.4, 0.8), "rising"), ((0.8, 0.4, 0.1), "falling"), ((0.1, 0.8, 0.4), "mixed")]
)
def test_a_line_rises_falls_or_neither(row, trend):
    assert _answers(ChartSpec("line", (row,), ("red",), (RED,)))["trend"] == trend


def test_yes_and_no_agree_with_the_truth():
    for seed in range(60):
        rng = Random(seed)
        spec = random_spec(rng)
        for asked in questions(spec, rng):
            if asked.kind == "highest_yes_no":
                colour = asked.question.split()[2]
                assert (asked.answer == "yes") == (spec.colours[spec.highest] == colour)


def test_the_highest_bar_is_the_one_that_reaches_highest_in_the_picture():
    for seed in range(12):
        rng = Random(seed)
        spec = random_spec(rng, "bar")
        if spec.highest is None or not spec.varied:
            continue
        style = replace(random_style(rng, spec), written=False, grid=(False, False), page=(255, 255, 255))
        style = replace(style, plot=style.page, ink=(255, 0, 255), edge=None, title="")
        pixels = np.asarray(draw(spec, style)).astype(int)
        x0, y0, x1, y1 = (side // 2 for side in style.box)
        tops = []
        for rgb in spec.rgb:
            inside = (np.abs(pixels[y0 : y1 + 1, x0 : x1 + 1] - rgb).sum(-1) < 12).any(1)
            tops.append(int(inside.argmax()) if inside.any() else 999)
        assert int(np.argmin(tops)) == spec.highest


def test_a_picture_is_the_same_every_time():
    first, second = drawn(7), drawn(7)
    assert first.facts == second.facts
    assert np.array_equal(np.asarray(first.image), np.asarray(second.image))
    assert not np.array_equal(np.asarray(first.image), np.asarray(drawn(8).image))


def test_every_fact_has_a_word():
    for facts in (chart_facts(BARS), shape_facts("circle", "teal"), scan_facts("chest")):
        assert len(targets(facts)) == len(SLOTS)
    assert IGNORED in targets(scan_facts("chest"))
    for seed in range(50):
        targets(chart_facts(random_spec(Random(seed))))


def test_places_of_slots_are_different_and_inside_the_grid():
    places = [slot.place for slot in SLOTS]
    assert len(set(places)) == len(places)
    assert max(places) < 49


def test_styles_of_the_test_are_not_trained_on():
    assert not set(TRAIN_STYLES) & set(TEST_STYLES)


def test_marks_can_be_seen_on_their_page():
    black = ChartSpec("bar", ((0.3, 0.9),), ("black", "red"), ((0, 0, 0), RED))
    assert "dark_background" not in fitting(black, TEST_STYLES)
    assert "dark_background" in fitting(BARS, TEST_STYLES)
    assert all(max(random_style(Random(seed), black).page) > 200 for seed in range(40))


def test_no_two_colour_names_share_a_value():
    values = [value for values in COLOURS.values() for value in values]
    assert len(set(values)) == len(values)
