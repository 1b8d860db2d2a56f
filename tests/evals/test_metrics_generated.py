"""Metrics without a published program, on cases that are made from the answer they should get."""

from __future__ import annotations

import datetime
import random

import pytest

from evals.metrics.calibration import coverage_at_risk
from evals.metrics.charts import Cell, cell_error, cells_within
from evals.metrics.choices import chosen_letter
from evals.metrics.classes import RISK_LEVELS, under_called, yes_no
from evals.metrics.consistency import kept_right, same_answer
from evals.metrics.fields import field_match, field_normal
from evals.metrics.multihop import Step, dependency_f1
from evals.metrics.numbers import numeric_match

OFF = (0.0, 0.01, -0.03, 0.04, -0.04, 0.06, -0.07, 0.2, -2.0)
WAYS = (
    "{0:.4f}",
    "{0:,.4f}",
    "about {0:,.4f}",
    "${0:,.4f}",
    "It is {0:.4f}.",
    "{1:.7f} thousand",
    "{2:.10f} million",
)
COUNTED = (
    ("", ""),
    (" kg", " kg"),
    (" kg", ""),
    ("", " kg"),
    ("%", "%"),
    ("%", ""),
    (" people", ""),
    (" kg", " mg"),
)


def test_a_number_is_right_within_5_percent_however_it_is_written() -> None:
    rng = random.Random(1)
    seen = {0.0: 0, 1.0: 0}
    for _ in range(400):
        value, off = rng.uniform(1, 9999), rng.choice(OFF)
        ours, theirs = rng.choice(COUNTED)
        said = value * (1 + off)
        scaled = not (ours or theirs)
        way, gold_way = (rng.choice(WAYS) if scaled else "{0:.4f}" for _ in range(2))
        right = float(abs(off) <= 0.05 and (ours, theirs) != (" kg", " mg"))
        texts = (
            way.format(said, said / 1e3, said / 1e6) + ours,
            gold_way.format(value, value / 1e3, value / 1e6) + theirs,
        )
        assert numeric_match(*texts) == right, texts
        seen[right] += 1
    assert min(seen.values()) > 80


def test_years_are_exact() -> None:
    rng = random.Random(2)
    for _ in range(200):
        gold = rng.randint(1500, 2199)
        said = gold + rng.choice([0, 0, 1, -1, 10])
        assert numeric_match(rng.choice(["{}", "in {}", "the year {}."]).format(said), str(gold)) == (
            said == gold
        )


def test_a_choice_is_found_in_every_way_of_saying_it() -> None:
    rng = random.Random(3)
    ways = (
        "{0}",
        "{0}.",
        "({0})",
        "{0}) {1}",
        "{0}. {1}",
        "The answer is {0}",
        "Option {0}",
        "{1}",
        "{2}",
        "Answer: {0}",
    )
    for _ in range(250):
        options = dict(
            zip(
                "ABCD",
                rng.sample(["a red car", "42%", "Rome", "none of these", "-3", "東京"], 4),
                strict=True,
            )
        )
        letter = rng.choice("ABCD")
        text = rng.choice(ways).format(letter, options[letter], options[letter].upper())
        assert chosen_letter(text, options) == letter, (text, options)
        assert chosen_letter(f"I cannot tell from {options[letter]} alone", options) is None


def test_yes_and_no_are_found_in_front() -> None:
    rng = random.Random(4)
    for _ in range(200):
        word = rng.choice(["yes", "no", "maybe"])
        shown = rng.choice([word, word.upper(), word.title(), f"**{word}**"])
        assert yes_no(shown + rng.choice(["", ".", ", because", " - it is", "\n"])) == word
        assert yes_no(rng.choice(["x", "not", "Nobody", "eyes"]) + f" {word}") == ""


def test_dates_and_amounts_are_the_same_in_every_format() -> None:
    rng = random.Random(5)
    for _ in range(250):
        day = datetime.date(rng.randint(1990, 2030), rng.randint(1, 12), rng.randint(1, 28))
        shown = day.strftime(
            rng.choice(["%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%Y-%m-%d", "%d %B %Y", "%b %d, %Y"])
        )
        assert field_normal(shown, "date") == day.isoformat(), shown
        other = day + datetime.timedelta(days=rng.randint(1, 300))
        assert field_match(other.isoformat(), shown, "date") == 0
        cents = rng.randint(0, 10_000_000)
        plain = f"{cents / 100:.2f}"
        english = f"{cents / 100:,.2f}"
        german = english.translate({ord(","): ".", ord("."): ","})
        for amount in (english, german, f"RM {plain}", f"${english}", f"Total: {plain} EUR"):
            assert field_match(amount, plain, "amount") == 1, amount
        assert field_match(f"{(cents + 1) / 100:.2f}", plain, "amount") == 0


def test_cells_off_by_a_known_error_have_that_error() -> None:
    rng = random.Random(6)
    for _ in range(200):
        gold = [Cell(s, c, rng.uniform(1, 99)) for s in ("Men", "Women") for c in ("Asia", "Europe", "2019")]
        offs = [rng.choice([0.0, 0.03, 0.2, 0.7, None]) for _ in gold]
        read = [
            Cell(cell.series.upper(), cell.category + ".", cell.value * (1 + off))
            for cell, off in zip(gold, offs, strict=True)
            if off is not None
        ]
        rng.shuffle(read)
        errors = [1.0 if off is None else off for off in offs]
        assert cell_error(read, gold) == pytest.approx(sum(errors) / 6)
        assert cells_within(read, gold) == pytest.approx(sum(error <= 0.05 for error in errors) / 6)


def test_dependencies_are_found_whatever_the_order_of_the_steps() -> None:
    rng = random.Random(7)
    names = ["who wrote", "when born", "which city", "how tall"]
    for _ in range(200):
        gold = [Step(names[at], tuple(need for need in range(at) if rng.random() < 0.5)) for at in range(4)]
        said = [Step(names[at], tuple(need for need in range(at) if rng.random() < 0.5)) for at in range(4)]
        wanted = {(at, need) for at, step in enumerate(gold) for need in step.needs}
        given = {(at, need) for at, step in enumerate(said) for need in step.needs}
        order = rng.sample(range(4), 4)
        turned = [
            Step(said[at].question, tuple(order.index(need) for need in said[at].needs)) for at in order
        ]
        both = len(wanted) + len(given)
        assert dependency_f1(turned, gold) == pytest.approx(2 * len(wanted & given) / both if both else 1.0)


def test_coverage_at_a_risk_is_the_best_threshold() -> None:
    rng = random.Random(8)
    for _ in range(200):
        size = rng.randint(1, 20)
        confidence = [rng.choice([0.1, 0.5, 0.9, rng.random()]) for _ in range(size)]
        right = [rng.random() < 0.7 for _ in range(size)]
        risk = rng.choice([0.0, 0.05, 0.2, 0.5])
        shares = [0.0]
        for threshold in confidence:
            kept = [good for sure, good in zip(confidence, right, strict=True) if sure >= threshold]
            if kept.count(False) / len(kept) <= risk + 1e-12:
                shares.append(len(kept) / size)
        assert coverage_at_risk(confidence, right, risk) == pytest.approx(max(shares))


def test_shares_are_those_that_counting_gives() -> None:
    rng = random.Random(9)
    for _ in range(200):
        size = rng.randint(1, 15)
        before = [rng.choice([0.0, 1.0, 0.5]) for _ in range(size)]
        after = [rng.choice([0.0, 1.0]) for _ in range(size)]
        kept = [b for a, b in zip(before, after, strict=True) if a == 1]
        assert kept_right(after, before) == (pytest.approx(sum(kept) / len(kept)) if kept else None)
        gold = [rng.choice(RISK_LEVELS) for _ in range(size)]
        said = [rng.choice([*RISK_LEVELS, "unknown", None]) for _ in range(size)]
        order = ["unknown", *RISK_LEVELS]
        risky = [
            order.index(one or "unknown") < order.index(g)
            for one, g in zip(said, gold, strict=True)
            if g != "none"
        ]
        assert under_called(said, gold) == (pytest.approx(sum(risky) / len(risky)) if risky else None)
        word = rng.choice(["cat", "Two dogs", "東京"])
        assert same_answer(rng.choice([word.upper(), word + ".", f" the {word}"]), word) == 1
        assert same_answer(word + "x", word) == 0
