"""Numbers as charts print them, and the fit of ticks to a scale."""

from __future__ import annotations

import pytest

from models.charts.axes import Tick, fit_axis, points_with_end
from models.charts.numbers import embedded_number, read_number
from models.charts.scene import Text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,500", 1500), ("$5K", 5000), ("20%", 20), ("−10", -10), ("(12)", -12), ("2.5M", 2.5e6),
        ("0.0-", 0),         ("1e6", 1e6), ("20 thousand", 20000), ("1O0", 100), ("3.5", 3.5),
    ],
)  # fmt: skip
def test_tick_labels_are_read_with_sign_scale_and_unit(text: str, value: float):
    number = read_number(text)
    assert number is not None
    assert number.value == pytest.approx(value)


@pytest.mark.parametrize("text", ["Q1", "18-29", "May", "60+", "%", ""])
def test_names_are_not_numbers(text: str):
    assert read_number(text) is None


def test_a_name_with_its_value_is_split():
    found = embedded_number("Latin America: 24")
    assert found is not None
    assert (found[0], found[1].value) == ("Latin America", 24)
    assert embedded_number("Quarter") is None


def _ticks(pairs: list[tuple[float, float]]) -> list[Tick]:
    return [Tick(at, value, Text(f"{value:g}", (0, at - 5, 20, at + 5), 1.0)) for at, value in pairs]


def test_a_square_root_scale_is_fitted():
    axis = fit_axis(
        _ticks([(500 - 5 * v**0.5, v) for v in (0, 1000, 2000, 3000, 4000, 5000)]), "y", tolerance=3
    )
    assert axis is not None
    assert axis.kind == "sqrt"
    assert axis.value(500 - 5 * 2500**0.5) == pytest.approx(2500, rel=0.01)


def test_position_and_value_are_inverse():
    axis = fit_axis(_ticks([(100, 50), (200, 40), (300, 30), (400, 20)]), "y", tolerance=3)
    assert axis is not None
    assert axis.value(axis.position(33)) == pytest.approx(33)
    assert not axis.inverted


def test_numbers_without_order_are_no_axis():
    assert fit_axis(_ticks([(100, 7), (200, 91), (300, 3), (400, 55), (500, 12)]), "y", tolerance=3) is None


def test_only_slanted_labels_point_with_their_end():
    level = [Text("1924", (0, 0, 36, 21), 1.0), Text("1925", (50, 0, 86, 21), 1.0)]
    slanted = [Text("1924", (0, 0, 44, 38), 1.0), Text("1925", (50, 0, 94, 38), 1.0)]
    assert not points_with_end(level)
    assert points_with_end(slanted)
