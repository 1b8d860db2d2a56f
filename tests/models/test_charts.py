"""The chart reader on painted charts with perfect OCR: cells, printed values, declined kinds."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import VidenceError
from models.charts import read_chart
from tests.models.chart_pictures import (
    BLUE,
    GREEN,
    ORANGE,
    Picture,
    bar_chart,
    height_of,
    line_chart,
    pie_chart,
    scatter_plot,
)

TICKS = ["0", "10", "20", "30", "40", "50"]


def _cells(picture: Picture) -> dict[tuple[str, str], float]:
    table = read_chart(picture.pixels, picture.lines)
    return {(cell.series, cell.category): cell.value for cell in table.rows}


def test_upright_bars_are_measured_against_the_axis():
    table = read_chart(*_parts(bar_chart({"Europe": 40.5, "Japan": 29.8, "USA": 19.1})))
    assert (table.type, table.title) == ("bar", "Horsepower by origin")
    values = {cell.category: cell.value for cell in table.rows}
    assert values == pytest.approx({"Europe": 40.5, "Japan": 29.8, "USA": 19.1}, rel=0.02)
    assert all(cell.confidence > 0.8 and cell.box is not None for cell in table.rows)


def _parts(picture: Picture):
    return picture.pixels, picture.lines


def test_a_misread_tick_does_not_move_the_others():
    picture = bar_chart({"Europe": 40.0, "Japan": 30.0, "USA": 20.0})
    broken = [
        line.model_copy(update={"text": "80"}) if line.text == "30" and line.box[0] < 110 else line
        for line in picture.lines
    ]
    table = read_chart(picture.pixels, broken)
    assert [cell.value for cell in table.rows] == pytest.approx([40, 30, 20], rel=0.02)


def test_a_printed_value_wins_over_the_measured_one_and_says_when_they_disagree():
    picture = bar_chart({"Europe": 40.0, "Japan": 30.0, "USA": 20.0})
    for x, y, label in ((200, 188, "40"), (350, 288, "30"), (500, 388, "44")):
        picture.text(label, x, y)
    cells = read_chart(picture.pixels, picture.lines).rows
    assert [cell.value for cell in cells] == [40, 30, 44]
    assert cells[0].confidence > 0.9 > 0.65 > cells[2].confidence


def test_bars_without_scale_and_labels_give_no_cells():
    table = read_chart(*_parts(bar_chart({"East": 40.0, "West": 30.0, "North": 20.0}, scale=False)))
    assert table.type == "bar"
    assert table.rows == ()


def test_lying_bars_with_printed_values_need_no_axis():
    picture = Picture()
    picture.text("Debt by age", 300, 30, 26)
    for index, (name, value) in enumerate({"All adults": 15, "Ages 18-29": 34, "30-44": 22}.items()):
        y = 150 + 90 * index
        picture.rect(260, y - 25, 260 + 15 * value, y + 25, GREEN)
        picture.text(name, 180, y)
        picture.text(str(value), 260 + 15 * value + 24, y)
    assert _cells(picture) == {("", "All adults"): 15, ("", "Ages 18-29"): 34, ("", "30-44"): 22}


def test_stacked_segments_are_named_by_the_legend():
    picture = Picture()
    picture.frame()
    picture.y_axis(["0", "20", "40", "60", "80", "100"])
    truth = {"Q1": (30, 50), "Q2": (45, 25), "Q3": (20, 60)}
    for index, (name, (low, high)) in enumerate(truth.items()):
        x = 220 + 160 * index
        picture.rect(x - 50, height_of(low, 0, 100), x + 50, 600, BLUE)
        picture.rect(x - 50, height_of(low + high, 0, 100), x + 50, height_of(low, 0, 100), ORANGE)
        picture.text(name, x, 630)
    for index, (name, colour) in enumerate((("Coal", BLUE), ("Wind", ORANGE))):
        picture.rect(730, 150 + 40 * index, 748, 168 + 40 * index, colour)
        picture.text(name, 785, 159 + 40 * index)
    table = read_chart(picture.pixels, picture.lines)
    cells = {(cell.series, cell.category): cell.value for cell in table.rows}
    assert table.type == "stacked_bar"
    expected = {(s, q): v for q, pair in truth.items() for s, v in zip(("Coal", "Wind"), pair, strict=True)}
    assert cells == pytest.approx(expected, rel=0.05)


def test_two_lines_that_cross_keep_their_names():
    series = {"AMZN": [10.0, 20, 30, 40, 45], "IBM": [45.0, 40, 28, 20, 12]}
    years = ["2001", "2002", "2003", "2004", "2005"]
    cells = _cells(line_chart(series, years, TICKS, 0, 50))
    expected = {(name, y): v for name, values in series.items() for y, v in zip(years, values, strict=True)}
    assert cells == pytest.approx(expected, rel=0.05)


def test_an_inverted_axis_is_read_as_labelled():
    picture = line_chart(
        {"": [45.0, 40, 35, 20]}, ["Jan", "Feb", "Mar", "Apr"], ["50", "40", "30", "20", "10", "0"], 50, 0
    )
    assert _cells(picture) == pytest.approx(
        {("", "Jan"): 45, ("", "Feb"): 40, ("", "Mar"): 35, ("", "Apr"): 20}, rel=0.03
    )


def test_a_logarithmic_axis_is_recognised():
    exponents = [0.5, 1.2, 2.5, 3.6]
    picture = line_chart(
        {"": exponents}, ["2001", "2002", "2003", "2004"], ["1", "10", "100", "1,000", "10,000"], 0, 4
    )
    values = list(_cells(picture).values())
    assert values == pytest.approx([10**e for e in exponents], rel=0.05)


def test_misread_month_names_are_put_right_by_their_neighbours():
    picture = line_chart({"": [20.0, 30, 25, 40, 35]}, ["Jan", "Feb", "Mai", "Apr", "May"], TICKS, 0, 50)
    assert ("", "Mar") in _cells(picture)


def test_a_pie_gives_shares_and_prefers_what_is_printed():
    shares = {"USA": 60.0, "Japan": 25.0, "Europe": 15.0}
    assert _cells(pie_chart(shares)) == pytest.approx({("", n): v for n, v in shares.items()}, rel=0.03)
    lying = pie_chart(
        {"USA": 50.0, "Japan": 30.0, "Europe": 20.0}, {"USA": "60%", "Japan": "25%", "Europe": "15%"}
    )
    table = read_chart(lying.pixels, lying.lines)
    assert {cell.category: cell.value for cell in table.rows} == shares
    assert all(cell.confidence < 0.7 for cell in table.rows)


def test_a_scatter_plot_is_declined_by_name():
    with pytest.raises(VidenceError, match="scatter plot") as caught:
        read_chart(*_parts(scatter_plot()))
    assert caught.value.kind == "invalid_input"
    assert caught.value.help


def test_a_heatmap_and_an_area_chart_are_declined_by_name():
    grid = Picture()
    colours = [(200, 30, 30), (30, 30, 200), (30, 160, 60), (240, 200, 40)]
    for row in range(4):
        for column in range(5):
            grid.rect(
                150 + 90 * column,
                120 + 90 * row,
                238 + 90 * column,
                208 + 90 * row,
                colours[(row * 3 + column) % 4],
            )
    with pytest.raises(VidenceError, match="heatmap"):
        read_chart(grid.pixels, grid.lines)
    area = Picture()
    area.frame()
    area.y_axis(["0", "10", "20", "30", "40", "50"])
    for x in range(140, 840):
        area.rect(x, 350 + 150 * np.sin(x / 90), x + 1, 600, BLUE)
    with pytest.raises(VidenceError, match="area chart"):
        read_chart(area.pixels, area.lines)


def test_noise_and_plain_text_are_no_charts():
    noise = np.random.default_rng(1).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    page = Picture()
    for row in range(12):
        page.text("some words in a line of text", 400, 60 + 40 * row)
    for pixels, lines in ((noise, []), (page.pixels, page.lines), (np.full((50, 50, 3), 255, np.uint8), [])):
        with pytest.raises(VidenceError, match="does not look like a chart"):
            read_chart(pixels, lines)
