"""What is said of a drawn chart follows from its numbers."""

from random import Random

import numpy as np
import pytest

from finetune.synth.chart import make_chart
from finetune.vlm.chart_spec import KINDS, ChartSpec, spec_of
from finetune.vlm.pictures import drawn
from finetune.vlm.questions import questions
from finetune.vlm.slots import IGNORED, SLOTS, chart_facts, scan_facts, shape_facts, targets
from models.vlm_scope import family_of

BARS = ChartSpec("bar", ((0.3, 1.0, 0.5),), ("red", "blue", "green"))


def _chart(seed):
    return make_chart(Random(seed), "train", 1.0)


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
    close = ChartSpec("bar", ((0.3, 0.52, 0.5),), BARS.colours)
    found = _answers(close)
    assert "highest_colour" not in found
    assert found["lowest_colour"] == "red"
    assert "highest" not in chart_facts(close)


@pytest.mark.parametrize(
    ("row", "trend"),
    [
        ((0.1, 0.4, 0.8), "rising"),
        ((0.8, 0.4, 0.1), "falling"),
        ((0.1, 0.8, 0.4), "mixed"),
        ((0.8, 0.81, 0.8), "flat"),
    ],
)
def test_a_line_rises_falls_stays_or_turns(row, trend):
    assert _answers(ChartSpec("line", (row,), ("red",)))["trend"] == trend


def test_yes_and_no_agree_with_the_truth():
    asked_of = 0
    for seed in range(120):
        spec = spec_of(_chart(seed))
        for asked in questions(spec, Random(seed)):
            if asked.kind == "highest_yes_no":
                asked_of += 1
                colour = asked.question.split()[2]
                assert (asked.answer == "yes") == (spec.colours[spec.highest] == colour)
    assert asked_of > 10


def test_the_highest_bar_is_the_one_that_was_drawn_highest():
    from finetune.synth.chart_light import draw_light

    checked = 0
    for seed in range(60):
        chart = _chart(seed)
        spec = spec_of(chart)
        if spec.kind in ("bar", "hbar") and spec.highest is not None:
            boxes = draw_light(chart)[1]
            length = [abs(box[3] - box[1]) if spec.kind == "bar" else abs(box[2] - box[0]) for box in boxes]
            assert int(np.argmax(length)) == spec.highest
            checked += 1
    assert checked > 10


def test_every_kind_of_chart_is_drawn_and_asked_about():
    specs = [spec_of(_chart(seed)) for seed in range(200)]
    assert {spec.kind for spec in specs} == set(KINDS)
    for spec in specs:
        assert "chart_type" in _answers(spec)
        if spec.kind in ("grouped", "stacked"):
            # Which of many bars is meant by "the highest" is not clear, so it is not asked.
            assert set(_answers(spec)) <= {"chart_type", "chart_type_yes_no"}


def test_a_picture_is_the_same_every_time():
    first, second = drawn(7), drawn(7)
    assert first.facts == second.facts
    assert np.array_equal(np.asarray(first.image), np.asarray(second.image))
    assert not np.array_equal(np.asarray(first.image), np.asarray(drawn(8).image))


def test_every_fact_has_a_word():
    for facts in (chart_facts(BARS), shape_facts("circle", "teal"), scan_facts("chest")):
        assert len(targets(facts)) == len(SLOTS)
    assert IGNORED in targets(scan_facts("chest"))
    for seed in range(100):
        targets(chart_facts(spec_of(_chart(seed))))


def test_places_of_slots_are_different_and_inside_the_grid():
    places = [slot.place for slot in SLOTS]
    assert len(set(places)) == len(places)
    assert max(places) < 49


def test_every_question_that_is_trained_may_be_asked():
    families = {"chart_type_yes_no": "chart_type"}
    for seed in range(150):
        for asked in questions(spec_of(_chart(seed)), Random(seed)):
            family = family_of(asked.question)
            wanted = families.get(asked.kind, asked.kind.replace("_yes_no", "_colour"))
            assert family is not None, asked.question
            assert family.name == wanted, asked.question
