"""The registry: every metric can be had by name, and none breaks on an answer that is empty."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import VidenceError
from evals.metrics.averages import average
from evals.metrics.charts import Cell
from evals.metrics.multihop import MultiHop, Step
from evals.metrics.registry import Metric, get_metric, metrics

PERFECT: dict[str, tuple[object, object]] = {
    "retrieval": (["a", "b"], {"a": 2, "b": 1}),
    "answers": ("a small dog of six years", ["a small dog of six years"] * 10),
    "captions": (
        ["a red cat sits here", "two dogs run far"],
        [["a red cat sits here"], ["two dogs run far"]],
    ),
    "ocr": ("Total 9.30", "Total 9.30"),
    "documents": ({"total": "9.30"}, {"total": "9.30"}),
    "charts": ([Cell("A", "2019", 3.0)], [Cell("A", "2019", 3.0)]),
    "choice": ("B", "B"),
    "lists": (["IL-2", "TNF"], ["IL-2", "TNF"]),
    "classes": (["yes", "no"], ["yes", "no"]),
    "yes_no": ("Yes.", "yes"),
    "inspection": ([["gun"], ["knife"]], [["gun"], ["knife"]]),
    "under_called": (["none", "high"], ["none", "high"]),
    "multi-hop": ([("Page", 0)], [("Page", 0)]),
    "answer_f1": ("Rome", "Rome"),
    "joint_f1": (MultiHop("Rome", [1]), MultiHop("Rome", [1])),
    "joint_exact": (MultiHop("Rome", [1]), MultiHop("Rome", [1])),
    "decomposition_f1": (["Who wrote it?"], ["Who wrote it?"]),
    "dependency_f1": ([Step("Who?"), Step("When?", (0,))], [Step("Who?"), Step("When?", (0,))]),
    "abstention": ([1.0, 0.0], [True, False]),
    "coverage_at_risk": ([1.0, 0.5], [True, True]),
    "aurc": ([1.0, 0.5], [True, True]),
    "citations": (["e1"], ["e1"]),
    "judging": ([3, 2, 1], [3, 2, 1]),
    "robustness": ([1.0, 1.0], [1.0, 1.0]),
    "same_answer": ("Rome", "rome"),
}
LISTED = {"answers", "ocr", "documents", "citations"}
EMPTY: dict[str, tuple[object, ...]] = {
    "retrieval": ([], {}, None),
    "answers": ("", None, " \n", "\x00", "."),
    "captions": (["", None],),
    "ocr": ("", None),
    "documents": ({}, None, {"total": None}, {"other": ""}),
    "charts": ([], None),
    "choice": ("", None, "?"),
    "lists": ([], "", None, ["", "."]),
    "classes": (["", None],),
    "yes_no": ("", None),
    "inspection": ([[], None],),
    "under_called": (["", None],),
    "multi-hop": ([], None),
    "answer_f1": ("", None),
    "joint_f1": (MultiHop(None, []), None),
    "joint_exact": (MultiHop("", []), None),
    "citations": ([], None),
    "judging": ([], None),
    "kept_right": ([0.0, 0.0],),
    "same_answer": ("", None),
}
EVERY = sorted(metrics())


def known(name: str) -> Metric:
    return get_metric(name.replace("@k", "@2"))


def case(metric: Metric) -> tuple[object, object]:
    prediction, gold = PERFECT.get(metric.name, PERFECT[metric.family])
    if metric.kind == "corpus" and metric.family in LISTED:
        return [prediction], [gold]
    return prediction, gold


@pytest.mark.parametrize("name", EVERY)
def test_a_perfect_answer_has_the_best_score(name: str) -> None:
    metric = known(name)
    score = metric(*case(metric))
    assert score == pytest.approx(metric.low if metric.better == "lower" else metric.high)


@pytest.mark.parametrize("name", [name for name in EVERY if metrics()[name].family != "abstention"])
def test_an_empty_answer_never_raises_and_is_never_the_best(name: str) -> None:
    metric = known(name)
    _, gold = case(metric)
    best = metric.low if metric.better == "lower" else metric.high
    for empty in EMPTY.get(metric.name) or EMPTY[metric.family]:
        alone = metric.kind == "corpus" and metric.family in LISTED
        score = metric([empty] if alone else empty, gold)
        assert score is None or score != pytest.approx(best), empty


TEXTS = [name for name in EVERY if metrics()[name].family in {"answers", "ocr"} and "corpus" not in name]


@given(said=st.text(max_size=12), gold=st.text(max_size=12))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_breaks_a_metric_of_texts(said: str, gold: str) -> None:
    for name in [*TEXTS, "choice", "yes_no", "item_f1", "answer_f1", "same_answer", "factoid_mrr"]:
        metric = metrics()[name]
        wanted = gold if metric.family in {"ocr", "charts", "classes", "multi-hop", "robustness"} else [gold]
        single = metric.kind == "sample"
        score = metric(said, wanted) if single else metric([said], [wanted])
        assert score is None or metric.low <= score <= (metric.high or float("inf")) + 1e-9, name


def test_a_corpus_without_samples_is_undefined() -> None:
    for metric in metrics().values():
        if metric.kind == "corpus" and metric.family != "captions":
            assert metric([], []) is None, metric.name


def test_the_help_says_what_a_metric_takes() -> None:
    for metric in metrics().values():
        assert len(metric.help) > 10, metric.name
        assert metric.prediction, metric.name
        assert metric.gold, metric.name


def test_k_is_part_of_the_name() -> None:
    found = ["a", "b", "c"]
    assert get_metric("recall@1")(found, {"c"}) == 0
    assert get_metric("recall@3")(found, {"c"}) == 1
    assert get_metric("recall@3").name == "recall@3"
    assert "first 3" in get_metric("recall@3").help


@pytest.mark.parametrize("name", ["ngcd@10", "ndcg@k", "ndcg@0", "exact", ""])
def test_an_unknown_name_is_refused_with_the_nearest(name: str) -> None:
    with pytest.raises(VidenceError) as error:
        get_metric(name)
    assert error.value.kind == "not_found"


def test_the_nearest_name_is_told() -> None:
    with pytest.raises(VidenceError, match="tokenf1") as error:
        get_metric("tokenf1")
    assert "token_f1" in error.value.help


def test_an_average_leaves_out_what_is_undefined_and_says_so() -> None:
    told = average([1.0, None, 0.0, None])
    assert (told.value, told.n, told.undefined) == (0.5, 2, 2)
    assert average([None]).value is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_nan_is_never_averaged(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        average([1.0, bad])


def test_a_metric_that_yields_nan_is_refused() -> None:
    broken = Metric("broken", "x", "help", "p", "g", lambda _p, _g: float("nan"))
    with pytest.raises(ValueError, match="broken"):
        broken(1, 1)
