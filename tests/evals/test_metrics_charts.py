"""Chart metrics agree with DePlot's in any order of the rows; choices are read as people write them."""

from __future__ import annotations

import itertools
import random

import pytest

from evals.metrics.charts import Cell, cell_error, cell_errors, cells_within, relative_error, rms, rms_f1
from evals.metrics.choices import Choice, choice_match, chosen_letter
from tests.evals.metric_cases import reference

TABLE = [Cell("Men", "2018", 10.0), Cell("Men", "2019", 20.0), Cell("Women", "2018", 30.0)]


def cells(rows: list[list[object]]) -> list[Cell]:
    return [Cell(str(series), str(category), float(str(value))) for series, category, value in rows]


def test_rms_agrees_with_deplot() -> None:
    cases = reference("rms")
    assert len(cases) >= 200
    for prediction, gold, wanted in cases:
        told = rms(cells(prediction), cells(gold))
        assert (told.precision, told.recall, told.f1) == pytest.approx(wanted), (prediction, gold)


def test_rms_by_hand() -> None:
    read = [Cell("Women", "2018", 30.0), Cell("Men", "2018", 10.5)]
    told = rms(read, TABLE)
    assert told.precision == pytest.approx((1 + 0.95) / 2)
    assert told.recall == pytest.approx((1 + 0.95) / 3)
    assert rms_f1([], []) == 1
    assert rms_f1([], TABLE) == rms_f1(TABLE, []) == 0


def best_pairing(read: list[Cell], gold: list[Cell]) -> float:
    """Return the share of exactly named gold cells within 5%, the best over all pairings."""
    most = 0
    for places in itertools.permutations(range(len(gold)), len(read)):
        pairs = [(have, gold[place]) for have, place in zip(read, places, strict=True)]
        good = [
            have[:2] == want[:2] and relative_error(have.value, want.value) <= 0.05 for have, want in pairs
        ]
        most = max(most, sum(good))
    return most / len(gold)


def test_cells_are_paired_as_well_as_any_pairing_can() -> None:
    rng = random.Random(5)
    for _ in range(200):
        gold = [
            Cell(rng.choice(["Alpha", "Zebra"]), rng.choice(["1", "2"]), rng.choice([1.0, 50.0]))
            for _ in range(rng.randint(1, 4))
        ]
        gold += [Cell("Alpha", "9", 3.0), Cell("Zebra", "9", 3.0)]
        read = [
            cell._replace(value=cell.value * rng.choice([1, 1.04, 2])) for cell in gold if rng.random() < 0.7
        ]
        rng.shuffle(read)
        assert cells_within(read[:3], gold) == pytest.approx(best_pairing(read[:3], gold))


def test_order_does_not_matter() -> None:
    rng = random.Random(2)
    read = [Cell("men", "2019", 20.0), Cell("Women", "2018", 29.0), Cell("Man", "2018", 13.0)]
    wanted = (cells_within(read, TABLE), cell_error(read, TABLE), rms(read, TABLE))
    for _ in range(20):
        rng.shuffle(read)
        table = rng.sample(TABLE, 3)
        assert (cells_within(read, table), cell_error(read, table), rms(read, table)) == wanted


def test_cell_error_counts_what_was_not_read_as_1() -> None:
    read = [Cell("Men", "2018", 11.0), Cell("Men", "2019", 100.0)]
    assert cell_errors(read, TABLE) == pytest.approx([0.1, 1.0, 1.0])
    assert cell_error(read, TABLE) == pytest.approx(0.7)
    assert cells_within(read, TABLE) == 0
    assert cells_within(read, TABLE, 0.1) == pytest.approx(1 / 3)


def test_a_year_is_not_the_next_year_though_three_digits_agree() -> None:
    assert cells_within([Cell("", "2019", 5.0)], [Cell("", "2018", 5.0)]) == 0


def test_a_single_series_needs_no_name() -> None:
    assert cells_within([Cell("Series 1", "Asia", 5.0)], [Cell("Population", "Asia", 5.0)]) == 1


def test_cells_may_be_lists_as_a_run_file_has_them() -> None:
    assert cells_within([["Men", "2018", 10.0]], [["Men", "2018", 10.0]]) == 1  # type: ignore[list-item]


def test_zero_is_only_zero() -> None:
    assert relative_error(0.0, 0.0) == 0
    assert relative_error(1e-9, 0.0) == 1


def test_an_empty_table_is_undefined_and_nan_refused() -> None:
    assert cells_within(TABLE, []) is None
    assert cell_error([], []) is None
    assert cells_within([], TABLE) == 0
    for metric in (cells_within, cell_error, rms):
        with pytest.raises(ValueError, match="finite"):
            metric([Cell("a", "b", float("nan"))], TABLE)


OPTIONS = {"A": "A dog", "B": "42 million", "C": "The cat", "D": "None of these"}


@pytest.mark.parametrize(
    ("said", "letter"),
    [
        ("B", "B"),
        ("b", "B"),
        ("(C)", "C"),
        ("D.", "D"),
        ("B. 42 million", "B"),
        ("(B) 42 million", "B"),
        ("B: because it grew", "B"),
        ("The answer is C", "C"),
        ("The correct option: (d)", "D"),
        ("42 Million", "B"),
        ("cat", "C"),
        ("a dog", "A"),
        ("A dog", "A"),
        ("A horse runs", None),
        ("E", None),
        ("", None),
        (None, None),
        ("I do not know", None),
        ("The answer is a decline in sales", None),
        ("The best option is a", "A"),
        ("The answer is A because sales rose", "A"),
    ],
)
def test_a_choice_is_read_as_people_write_it(said: str | None, letter: str | None) -> None:
    assert chosen_letter(said, OPTIONS) == letter


def test_a_choice_is_right_or_wrong() -> None:
    assert choice_match("42 million", Choice("B", OPTIONS)) == 1
    assert choice_match("42 million", "B") == 0
    assert choice_match("b)", "B") == 1
    assert choice_match("", Choice("B", OPTIONS)) == 0
