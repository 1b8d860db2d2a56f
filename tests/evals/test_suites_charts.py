"""Chart suites: their truth is what is drawn, and reading it wrong costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.settings import Settings
from evals.run.registry import Place
from evals.run.sample import Output
from evals.solvers.bench import open_bench
from evals.suites import charts
from evals.suites.charts import cells_of_file, misleading_cells
from evals.suites.drawn_charts import (
    draw_chart,
    drawing_of,
    drawn_chart_questions,
    drawn_charts,
    drawn_marks,
)

NOWHERE = Place(Settings())


def test_each_kind_is_drawn_in_many_looks_from_tables_with_the_values_that_are_true() -> None:
    rows = drawn_charts.samples(NOWHERE)
    assert len({(row.kind, row.source) for row in rows}) == len(rows)
    others = drawn_marks.samples(NOWHERE)
    assert len(rows) + len(others) >= 115
    assert not {row.unit for row in rows} & {row.unit for row in others}
    truths = [str(row.target) for row in (*rows, *others)]
    assert len(set(truths)) > 0.95 * len(truths)
    pies = [row for row in rows if row.kind in ("pie", "donut")]
    assert all(sum(cell[2] for cell in row.target) == pytest.approx(100) for row in pies)
    bar = next(row for row in rows if row.kind == "bar")
    assert [cell[2] for cell in bar.target] == bar.input["chart"]["table"]["values"][0]


def test_the_words_that_are_given_with_a_chart_are_those_that_are_drawn() -> None:
    pytest.importorskip("matplotlib")
    for row in drawn_marks.samples(NOWHERE)[:8]:
        drawing = drawing_of(row.input["chart"])
        words = [text for text, _ in drawing.texts]
        height, width = drawing.pixels.shape[:2]
        assert row.input["chart"]["table"]["title"] in words
        assert set(row.input["chart"]["table"]["categories"]) <= set(words)
        for _, (x0, y0, x1, y1) in drawing.texts:
            assert 0 <= x0 < x1 <= width
            assert 0 <= y0 < y1 <= height


def test_a_value_is_right_within_five_percent_and_a_place_by_its_name() -> None:
    rows = {row.id: row for row in drawn_chart_questions.samples(NOWHERE)}
    score = drawn_chart_questions.scorers[0].one
    assert score is not None

    def told(short: str) -> Output:
        return Output(answer={"status": "done", "short": short})

    value = rows["bar-0-value"]
    true = value.target["value"]
    found = [score(value, told(text)) for text in (f"{true * 1.04:.2f}", f"{true * 1.06:.2f}", "", "many")]
    assert found == [1.0, 0.0, 0.0, 0.0]
    highest = rows["bar-0-highest"]
    assert [score(highest, told(text)) for text in ("Natural history", "Harbour", "")] == [1.0, 0.0, 0.0]


def test_no_drawn_chart_has_a_highest_value_twice() -> None:
    for row in (*drawn_charts.samples(NOWHERE), *drawn_marks.samples(NOWHERE)):
        values = [cell[2] for cell in row.target]
        assert values.count(max(values)) == 1, row.id


def test_cells_are_scored_by_name_and_value_and_a_declined_chart_scores_nothing() -> None:
    sample = drawn_charts.samples(NOWHERE)[0]
    score = drawn_charts.scorers[0].one
    assert score is not None
    assert score(sample, Output(answer={"cells": sample.target})) == 1.0
    first = [[*sample.target[0][:2], sample.target[0][2] * 1.2], *sample.target[1:]]
    assert score(sample, Output(answer={"cells": first})) == pytest.approx(1 - 1 / len(sample.target))
    assert score(sample, Output(answer={"cells": []})) == 0.0


def test_questions_ask_for_what_the_table_says() -> None:
    rows = {row.id: row for row in drawn_chart_questions.samples(NOWHERE)}
    assert rows["bar-0-highest"].target["answers"] == ["Natural history"]
    assert all(len(row.input["chart"]["table"]["series"]) == 1 for row in rows.values())
    assert len({row.unit for row in rows.values()}) * 2 == len(rows)


def test_a_chart_is_drawn_where_its_sample_says(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from PIL import Image

    with open_bench(Place(Settings(home=tmp_path))) as bench:
        sample = drawn_charts.samples(NOWHERE)[0]
        draw_chart(bench, sample)
        path = tmp_path / sample.input["images"][0]
        assert bench.path(sample.input["images"][0]) == path
        first = path.read_bytes()
        draw_chart(bench, sample)
        assert path.read_bytes() == first
        with Image.open(path) as picture:
            assert min(picture.size) > 200


def test_a_chart_of_one_series_is_held_against_the_first_column(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("year,value,height,note\n2019,1,10,a\n2020,3,30,b\n")
    assert sorted(cells_of_file(file)) == [
        ["height", "2019", 10.0],
        ["height", "2020", 30.0],
        ["value", "2019", 1.0],
        ["value", "2020", 3.0],
    ]
    target = {"all": cells_of_file(file), "first": cells_of_file(file, first_only=True), "may_be_first": True}
    sample = drawn_charts.samples(NOWHERE)[0].model_copy(update={"target": target})
    score = misleading_cells.scorers[0].one
    assert score is not None
    assert score(sample, Output(answer={"cells": [["", "2019", 1.0], ["", "2020", 3.0]]})) == 1.0
    two = [["a", "2019", 1.0], ["b", "2020", 3.0]]
    assert score(sample, Output(answer={"cells": two})) != 1.0


def test_choosing_the_trap_is_told_from_choosing_right() -> None:
    options = {"A": "It rises", "B": "It falls"}
    sample = drawn_charts.samples(NOWHERE)[0].model_copy(
        update={"target": {"correct": "A", "options": options, "trap": "B"}}
    )
    scores = {one.metric: one.one for one in charts.misleading_choice.scorers}
    trap = Output(answer={"status": "done", "short": "B"})
    assert scores["choice"] is not None
    assert scores["trapped"] is not None
    assert (scores["choice"](sample, trap), scores["trapped"](sample, trap)) == (0.0, 1.0)
    good = Output(answer={"status": "done", "short": "It rises"})
    assert (scores["choice"](sample, good), scores["trapped"](sample, good)) == (1.0, 0.0)
