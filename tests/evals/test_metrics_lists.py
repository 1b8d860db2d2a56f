"""Lists, factoids, labels, items and fields: scikit-learn's figures, brute force, and values by hand."""

from __future__ import annotations

import itertools
import random

import pytest
from sklearn.metrics import confusion_matrix, multilabel_confusion_matrix, precision_recall_fscore_support
from sklearn.preprocessing import MultiLabelBinarizer

from evals.metrics.classes import accuracy, class_counts, confusion, macro_f1, under_called, yes_no_match
from evals.metrics.detection import detections, macro_item_f1, micro_f1
from evals.metrics.fields import field_counts, field_match, field_normal, fields_f1, fields_match
from evals.metrics.lists import (
    factoid_lenient,
    factoid_mrr,
    factoid_strict,
    item_counts,
    item_f1,
    item_precision,
    item_recall,
    split_items,
)

LABELS = ["yes", "no", "maybe"]


def most_paired(said: list[str], wanted: list[list[str]]) -> int:
    """Return the largest number of one-to-one pairs, by trying all."""
    best = 0
    for places in itertools.permutations(range(max(len(said), len(wanted))), len(said)):
        best = max(
            best, sum(at < len(wanted) and one in wanted[at] for one, at in zip(said, places, strict=True))
        )
    return best


def test_items_pair_as_well_as_any_pairing_can() -> None:
    rng = random.Random(9)
    names = ["il 2", "tnf", "p53", "egfr", "kras"]
    for _ in range(250):
        wanted = [rng.sample(names, rng.randint(1, 3)) for _ in range(rng.randint(0, 4))]
        said = rng.sample(names, rng.randint(0, 4))
        counts = item_counts([*said, *said[:1]], wanted)
        paired = most_paired(said, wanted)
        assert (counts.tp, counts.fp, counts.fn) == (paired, len(said) - paired, len(wanted) - paired)
        both = len(said) + len(wanted)
        assert item_f1(said, wanted) == pytest.approx(2 * paired / both if both else 1.0)


def test_items_by_hand() -> None:
    gold = [["IL-2", "interleukin 2"], "TNF"]
    assert item_f1("TNF, Interleukin-2", gold) == 1
    assert item_f1(["IL-2", "interleukin 2"], gold) == 0.5
    assert item_precision(["TNF", "p53"], gold) == 0.5
    assert item_recall(["TNF", "p53"], gold) == 0.5
    assert item_precision([], gold) is None
    assert item_recall(["x"], []) is None
    assert item_f1(None, gold) == 0
    assert item_f1("", []) == 1


def test_a_list_in_words_is_cut_into_its_items() -> None:
    assert split_items("1. red\n2. green and blue; 1,200 grey.") == ["red", "green", "blue", "1,200 grey"]
    assert split_items("- Röntgen\n- 東京") == ["Röntgen", "東京"]
    assert split_items(" , ;") == []
    assert split_items(".5, 1.5 and 2.") == [".5", "1.5", "2"]
    assert (item_f1(".5", ["5"]), item_f1(".5", ["0.5"])) == (0, 1)


def test_factoids_by_hand_and_by_their_definition() -> None:
    rng = random.Random(1)
    names = [f"gene {n}" for n in range(8)]
    for _ in range(200):
        said, gold = rng.sample(names, rng.randint(0, 8)), rng.sample(names, rng.randint(1, 2))
        places = [at + 1 for at, name in enumerate(said) if name in gold and at < 5]
        first = min(places) if places else None
        assert factoid_strict(said, gold) == (first == 1)
        assert factoid_lenient(said, gold) == (first is not None)
        assert factoid_mrr(said, gold) == pytest.approx(1 / first if first else 0)
    assert factoid_strict("The Gene-1", ["gene 1"]) == 1
    assert factoid_mrr(["a1", "b2", "c3"], ["C3"]) == pytest.approx(1 / 3)
    assert factoid_lenient(["v"] * 5 + ["w"], ["w"]) == 0
    assert factoid_strict([], ["w"]) == 0
    assert factoid_mrr(["w"], []) is None


def test_labels_agree_with_scikit_learn() -> None:
    rng = random.Random(4)
    golds = [[rng.choice(LABELS[: rng.randint(1, 3)]) for _ in range(rng.randint(1, 12))] for _ in range(200)]
    answers = [[rng.choice([*LABELS, ""]) for _ in gold] for gold in golds]
    # One call for all cases, each with labels of its own: scikit-learn checks its arguments for long.
    true = [f"{case} {label}" for case, gold in enumerate(golds) for label in gold]
    said = [f"{case} {label}" for case, given in enumerate(answers) for label in given]
    names = [f"{case} {label}" for case in range(200) for label in [*LABELS, ""]]
    matrix = confusion_matrix(true, said, labels=names)
    scores = precision_recall_fscore_support(true, said, labels=names, zero_division=0)[2].reshape(200, 4)
    for case, (given, gold) in enumerate(zip(answers, golds, strict=True)):
        block = matrix[4 * case : 4 * case + 4, 4 * case : 4 * case + 4]
        present = [at for at, label in enumerate(LABELS) if label in gold]
        assert macro_f1(given, gold) == pytest.approx(scores[case][present].mean())
        assert accuracy(given, gold) == pytest.approx(block.trace() / block.sum())
        assert [list(row) for row in confusion(given, gold, LABELS).rows] == block[:3].tolist()


def test_yes_no_by_hand() -> None:
    assert yes_no_match("Yes, it does.", "yes") == 1
    assert yes_no_match("yesterday", "yes") == 0
    assert yes_no_match("I think yes", "yes") == 0
    assert yes_no_match("", "no") == 0
    assert yes_no_match("", "") == 0
    # Always yes, 3 of 4: F1 of yes is 6/7, of no 0.
    assert macro_f1(["yes"] * 4, ["yes"] * 3 + ["no"]) == pytest.approx(3 / 7)
    assert macro_f1(["yes"], ["yes"], ["yes", "no"]) == 0.5
    assert class_counts(["", "yes"], ["no", "yes"])["no"].recall == 0


def test_a_risk_called_lower_or_not_at_all_is_counted() -> None:
    gold = ["none", "low", "high", "critical", "high"]
    assert under_called(["critical", "low", "medium", "critical", None], gold) == pytest.approx(2 / 4)
    assert under_called(["none"], ["none"]) is None
    with pytest.raises(ValueError, match="severe"):
        under_called(["none"], ["severe"])
    with pytest.raises(ValueError, match="outside"):
        confusion(["a"], ["b"], ["a"])


def test_detected_items_agree_with_scikit_learn() -> None:
    rng = random.Random(8)
    items = ["gun", "knife", "shuriken", "blade"]
    golds = [[rng.sample(items, rng.randint(0, 3)) for _ in range(5)] for _ in range(200)]
    answers = [[rng.sample(items, rng.randint(0, 3)) for _ in range(5)] for _ in range(200)]
    table = MultiLabelBinarizer(classes=[f"{case} {item}" for case in range(200) for item in items])
    true = table.fit_transform(
        [[f"{case} {i}" for i in one] for case, own in enumerate(golds) for one in own]
    )
    said = table.transform([[f"{case} {i}" for i in one] for case, own in enumerate(answers) for one in own])
    counts = multilabel_confusion_matrix(true, said).reshape(200, 4, 2, 2)
    for case, (given, gold) in enumerate(zip(answers, golds, strict=True)):
        right, wrong, missed = counts[case, :, 1, 1], counts[case, :, 0, 1], counts[case, :, 1, 0]
        seen = right + wrong + missed > 0
        each = (2 * right / (2 * right + wrong + missed).clip(1))[seen]
        whole = 2 * right.sum() / (2 * right + wrong + missed).sum()
        assert micro_f1(given, gold) == pytest.approx(whole)
        assert macro_item_f1(given, gold) == pytest.approx(each.mean())


def test_detections_by_hand() -> None:
    told = detections([["gun", "gun"], ["knife"], None], [["gun"], [], ["gun"]])
    assert (told.items["gun"].precision, told.items["gun"].recall) == (1, 0.5)
    assert (told.items["knife"].precision, told.items["knife"].recall) == (0, None)
    assert told.micro.f1 == pytest.approx(0.5)
    assert detections([[]], [[]]).macro_f1 is None


def test_what_an_incomplete_gold_does_not_name_is_neither_right_nor_wrong() -> None:
    told = detections([["gun", "knife"]], [["gun"]], exhaustive=[False])
    assert told.micro.precision == 1
    assert "knife" not in told.items


@pytest.mark.parametrize(
    ("said", "gold", "kind", "right"),
    [
        ("03/04/2018", "2018-04-03", "date", 1),
        ("3 APR 2018", "03-04-18", "date", 1),
        ("04/03/2018", "2018-04-03", "date", 0),
        ("RM 9.30", "9.3", "amount", 1),
        ("1,234.50", "1234.5", "amount", 1),
        ("1.234,50", "1234.50", "amount", 1),
        ("1,200", "1200.00", "amount", 1),
        ("9.31", "9.30", "amount", 0),
        ("-9.30", "9.30", "amount", 0),
        ("9.30 9.30", "9.30", "amount", 0),
        ("9.30 (tax 0.50)", "9.30", "amount", 0),
        ("NO. 5, Jalan Ü", "no 5 jalan ü", "text", 1),
        ("", "", "text", 0),
        (None, "x", "text", 0),
        ("", "9.30", "amount", 0),
        ("n/a", "9.30", "amount", 0),
        ("東京", "大阪", "text", 0),
    ],
)
def test_a_field_is_compared_by_its_kind(said: str | None, gold: str, kind: str, right: int) -> None:
    assert field_match(said, gold, kind) == right  # type: ignore[arg-type]


def test_fields_by_hand() -> None:
    gold = [{"total": "9.30", "date": "2018-04-03"}, {"total": "5.00"}]
    said = [{"total": "9.30", "date": ""}, {"total": "6.00", "date": "2018-01-01"}]
    counts = field_counts(said, gold)
    assert (counts["total"].precision, counts["total"].recall) == (0.5, 0.5)
    assert (counts["date"].precision, counts["date"].recall) == (0, 0)
    assert fields_f1(said, gold) == pytest.approx(2 * 1 / (3 + 3))
    assert fields_match(said[0], gold[0]) == 0.5
    assert fields_match({}, {}) is None
    assert fields_match({"total": "RM 9.3"}, {"total": "9.30"}) == 0
    assert fields_match({"total": "RM 9.3"}, {"total": ("9.30", "amount")}) == 1
    assert fields_match({"total": "RM 9.3"}, {"total": "9.30"}, {"total": "amount"}) == 1
    assert fields_f1([{"total": "RM 9.3"}], [{"total": ("9.30", "amount")}]) == 1
    assert field_normal("12/2018", "date") == "122018"


def test_field_counts_agree_with_counting_them() -> None:
    rng = random.Random(6)
    for _ in range(200):
        values = [rng.choice(["a", "b", "c", ""]) for _ in range(6)]
        answers = [rng.choice(["A.", "b", ""]) for _ in range(6)]
        counts = field_counts([{"f": one} for one in answers], [{"f": one} for one in values])["f"]
        plain = [one.strip(".").lower() for one in answers]
        right = sum(one == gold != "" for one, gold in zip(plain, values, strict=True))
        assert counts.tp == right
        assert counts.fp == sum(one != "" for one in plain) - right
        assert counts.fn == sum(gold != "" for gold in values) - right
