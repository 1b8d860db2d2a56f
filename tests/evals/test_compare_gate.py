"""A worse agent does not pass, an equally good one does: the promises of the gate, simulated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import VidenceError
from evals.compare.decide import compare_runs, verdicts
from evals.compare.mde import needed
from evals.compare.names import check_names
from evals.compare.pairs import Part
from evals.compare.rules import FamilyRules, RunRules
from evals.gate import GateConfig, load_gate
from evals.run.file import Run
from evals.run.sample import Output, Record, SampleError
from evals.run.summary import summarise
from tests.support.eval_suites import header, record

FAMILIES = [f"family{number:02}" for number in range(20)]
COUNT = 120
"""Samples a family of the simulated quick suite, alone each."""
FAST = GateConfig(resamples=100)
"""Intervals are shown only: no decision rests on them, so few draws do."""


def a_run(scores: dict[str, np.ndarray], metrics: tuple[str, ...] = ("accuracy",), **more) -> Run:
    """A run with scores by suite, shape (samples,) or (samples, metrics)."""
    rows = [
        record(suite, number, dict(zip(metrics, np.atleast_1d(row).tolist(), strict=True)))
        for suite, values in scores.items()
        for number, row in enumerate(values)
    ]
    return of_records(rows, header({name: [name] for name in scores}, metrics), **more)


def of_records(rows: list[Record], head, name: str = "run.jsonl") -> Run:
    return Run(Path(name), head, tuple(rows), summarise(head, rows) if len(rows) < 500 else None)


def truth(rng: np.random.Generator, share: float = 0.75) -> dict[str, np.ndarray]:
    return {family: (rng.random(COUNT) < share).astype(float) for family in FAMILIES}


def churned(rng: np.random.Generator, scores: dict[str, np.ndarray], churn: float) -> dict[str, np.ndarray]:
    """Two versions of equal mean: each sample flips by chance, as often up as down."""
    found = {}
    for family, values in scores.items():
        right, wrong = values.mean(), 1 - values.mean()
        chance = np.where(values == 1, churn / 2 / right, churn / 2 / wrong)
        found[family] = np.where(rng.random(values.size) < chance, 1 - values, values)
    return found


def parts_of(base: dict[str, np.ndarray], new: dict[str, np.ndarray]) -> list[Part]:
    alone = tuple(str(number) for number in range(COUNT))
    return [
        Part(name, name, "accuracy", True, base[name], new[name], alone, errors_base=0, errors_new=0)
        for name in base
    ]


def alarms(parts: list[Part]) -> set[str]:
    """The families for which the whole gate would refuse."""
    found = zip(parts, verdicts(parts, FAST), strict=True)
    return {part.family for part, (_, _, verdict) in found if verdict == "regressed"}


def test_a_planted_fall_of_20_points_in_one_family_is_caught_in_19_of_20_seeds() -> None:
    caught = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        base = truth(rng)
        new = churned(rng, base, 0.05)
        family = FAMILIES[seed % len(FAMILIES)]
        right = np.flatnonzero(new[family])
        new[family][rng.choice(right, round(0.2 * COUNT), replace=False)] = 0.0
        caught += family in alarms(parts_of(base, new))
    assert caught >= 19, f"{caught} of 20 with {COUNT} samples in each of {len(FAMILIES)} families"


def test_200_pairs_of_equally_good_versions_raise_at_most_10_alarms_of_the_whole_gate() -> None:
    found = 0
    for seed in range(200):
        rng = np.random.default_rng(1000 + seed)
        base = truth(rng)
        found += bool(alarms(parts_of(base, churned(rng, base, 0.1))))
    assert found <= 10


def test_metrics_that_go_together_and_samples_that_belong_together_raise_no_more_alarms() -> None:
    found = 0
    groups = tuple(str(number // 4) for number in range(COUNT))
    for seed in range(50):
        rng = np.random.default_rng(5000 + seed)
        parts = []
        for family in FAMILIES[:6]:
            # Samples of a group move together; right or wrong follows from the same score.
            moves = np.repeat(rng.choice([0.0, 0.0, 0.3, -0.3], COUNT // 4), 4)
            was = rng.uniform(0.35, 0.65, COUNT)
            now = was + moves + rng.normal(0, 0.02, COUNT)
            for metric, old, new in (("f1", was, now), ("exact", was > 0.5, now > 0.5)):
                scores = old.astype(float), new.astype(float)
                parts.append(Part(family, family, metric, True, *scores, groups, errors_base=0, errors_new=0))
        found += bool(alarms(parts))
    assert found <= 2


def test_a_planted_fall_is_caught_in_run_files_and_an_equal_version_passes() -> None:
    rng = np.random.default_rng(1)
    base = {name: values for name, values in truth(rng).items() if name < "family03"}
    equal = churned(rng, base, 0.1)
    worse = {**equal, "family01": equal["family01"].copy()}
    worse["family01"][np.flatnonzero(worse["family01"])[: COUNT // 5]] = 0.0
    assert compare_runs(a_run(base), a_run(equal), FAST).passed
    found = compare_runs(a_run(base), a_run(worse), FAST)
    assert len(found.reasons) == 1
    assert found.reasons[0].startswith("family01 accuracy")


def test_the_sizes_that_suites_need_are_printed() -> None:
    base = {name: np.ones(2) for name in FAMILIES}
    found = compare_runs(a_run(base), a_run(base), FAST)
    assert found.comparisons == len(FAMILIES)
    assert found.sizes["0.2"] == needed(0.2, 0.05, 1.0, 0.05 / len(FAMILIES)) <= COUNT
    assert found.sizes["0.05"] > found.sizes["0.1"] > found.sizes["0.2"]


def test_a_suite_too_small_for_a_fall_is_named() -> None:
    base = {"large": np.ones(150), "small": np.ones(12)}
    found = compare_runs(a_run(base), a_run(base), FAST)
    assert found.passed
    small = {one.family: one.detectable for one in found.parts}
    assert small["large"] < 0.2 < small["small"]
    assert any("small" in note and "large" not in note.split(":")[1] for note in found.notes)


def test_the_same_runs_decide_the_same_and_better_is_no_regression() -> None:
    rng = np.random.default_rng(3)
    base = {"sums": rng.random(80) * 0.5}
    new = {"sums": base["sums"] + 0.3}
    first, second = (compare_runs(a_run(base), a_run(new)) for _ in range(2))
    assert first == second
    assert first.passed
    assert first.parts[0].verdict == "improved"
    back = compare_runs(a_run(new), a_run(base))
    assert not back.passed
    assert back.parts[0].difference.value == pytest.approx(-first.parts[0].difference.value)


def test_where_lower_is_better_a_rise_is_the_regression() -> None:
    low, high = ({"reading": np.full(60, value)} for value in (0.1, 0.4))
    head = header({"reading": ["reading"]}, ("cer",))
    suite = head.suites[0]
    metric = suite.metrics["cer"].model_copy(update={"higher_is_better": False})
    head = head.model_copy(update={"suites": (suite.model_copy(update={"metrics": {"cer": metric}}),)})
    good, bad = (of_records(list(a_run(scores, ("cer",)).records), head) for scores in (low, high))
    assert compare_runs(bad, good).parts[0].verdict == "improved"
    assert not compare_runs(good, bad).passed


def test_samples_that_fail_now_are_a_regression_and_not_a_smaller_sample() -> None:
    good = [record("sums", number, {"accuracy": 1.0}) for number in range(60)]
    broken = Output(error=SampleError(kind="timeout", message="too long"))
    bad = [record("sums", n, {}, output=broken) if n < 20 else good[n] for n in range(60)]
    head = header({"sums": ["sums"]})
    found = compare_runs(of_records(good, head), of_records(bad, head))
    assert not found.passed
    assert (found.parts[0].new, found.parts[0].errors_new, found.parts[0].n) == (pytest.approx(2 / 3), 20, 60)


def test_hard_samples_cannot_be_left_out() -> None:
    base = a_run({"sums": np.asarray([1.0] * 50 + [0.0] * 10)})
    new = of_records(list(base.records)[:50], base.header)
    found = compare_runs(base, new)
    assert not found.passed
    assert "10 samples of the base are missing" in found.reasons[0]
    assert compare_runs(base, new, GateConfig(runs=RunRules(allow_missing=True))).passed


def test_a_run_that_was_killed_is_not_waved_through_with_a_base_that_was_killed_at_the_same_place() -> None:
    whole = a_run({"sums": np.ones(120)})
    suites = tuple(one.model_copy(update={"samples": 60}) for one in whole.header.suites)
    head = whole.header.model_copy(update={"suites": suites, "epochs": 2})
    part = of_records(list(whole.records)[:12], head)
    whole = of_records(list(whole.records), head)
    said = "not finished, 12 of 120 samples were asked"
    assert compare_runs(part, part).reasons == (f"sums: the new run is {said}",)
    assert compare_runs(part, part, GateConfig(runs=RunRules(allow_missing=True))).passed
    grown = compare_runs(part, whole)
    assert (grown.passed, grown.notes[0]) == (True, f"sums: the base is {said}")
    assert part.summary is not None
    load = replace(part, summary=part.summary.model_copy(update={"total": 12}))
    assert compare_runs(load, load).passed, "a load asks as often as there is time for"


def test_a_suite_that_did_not_run_is_missed() -> None:
    base = a_run({"sums": np.ones(30), "other": np.ones(30)})
    found = compare_runs(base, a_run({"sums": np.ones(30)}))
    assert found.reasons == ("other: 30 samples of the base are missing in the new run",)


def test_a_measure_that_changed_is_not_compared_in_silence() -> None:
    base = a_run({"sums": np.ones(30), "other": np.ones(30)})
    suite = base.header.suites[0]
    metric = suite.metrics["accuracy"].model_copy(update={"version": "2"})
    changed = (suite.model_copy(update={"metrics": {"accuracy": metric}}), base.header.suites[1])
    new = of_records(list(base.records), base.header.model_copy(update={"suites": changed}))
    found = compare_runs(base, new)
    assert not found.passed
    assert "sums accuracy (measured otherwise now)" in found.reasons[0]


def test_samples_whose_content_changed_are_left_out_and_counted() -> None:
    base = a_run({"sums": np.ones(30)})
    rows = [one.model_copy(update={"sha256": "0"}) if n < 4 else one for n, one in enumerate(base.records)]
    found = compare_runs(base, of_records(rows, base.header))
    assert found.parts[0].n == 26
    assert "4 samples have other content" in found.notes[0]


def test_a_suite_of_which_every_sample_changed_does_not_pass_unseen() -> None:
    base = a_run({"sums": np.ones(30), "other": np.ones(30)})
    rows = [
        one.model_copy(update={"sha256": "0"}) if one.sample.suite == "sums" else one for one in base.records
    ]
    found = compare_runs(base, of_records(rows, base.header))
    assert found.reasons == (
        "sums (all of its samples have other content now) cannot be compared: run the base again",
    )


def without_values(base: Run, lost: int, gained: int = 0) -> Run:
    """The same run; a measure has no value for the first samples, and had none for the last ones."""
    changed = {
        **dict.fromkeys(range(lost)),
        **dict.fromkeys(range(len(base.records) - gained, len(base.records)), 1.0),
    }
    rows = [
        record("sums", n, {"accuracy": changed.get(n, one.scored.scores["accuracy"]), "other": 1.0})
        for n, one in enumerate(base.records)
    ]
    return of_records(rows, base.header)


@pytest.mark.parametrize(
    ("lost", "gained", "passed"), [(40, 0, False), (12, 0, False), (2, 0, True), (9, 8, True)]
)
def test_a_measure_does_not_pass_by_having_no_value(lost: int, gained: int, passed: bool) -> None:
    values = [1.0] * (40 - gained) + [None] * gained
    rows = [record("sums", n, {"accuracy": value, "other": 1.0}) for n, value in enumerate(values)]
    base = of_records(rows, header({"sums": ["sums"]}, ("accuracy", "other")))
    found = compare_runs(base, without_values(base, lost, gained), FAST)
    said = f"sums accuracy: {lost} samples have no value now that had one"
    assert found.passed == passed
    assert any(said in one for one in (found.notes if passed else found.reasons))


def test_equally_good_versions_that_abstain_on_other_samples_raise_no_more_alarms() -> None:
    found = 0
    head = header({"sums": ["sums"]}, ("accuracy", "other"))
    for seed in range(40):
        rng = np.random.default_rng(seed)
        runs = [
            of_records(
                [
                    record("sums", n, {"accuracy": None if gone else 1.0, "other": 1.0})
                    for n, gone in enumerate(rng.random(60) < 0.25)
                ],
                head,
            )
            for _ in range(2)
        ]
        found += not compare_runs(*runs, FAST).passed
    assert found <= 2


def test_runs_with_nothing_in_common_are_an_error() -> None:
    with pytest.raises(VidenceError, match="no sample in common"):
        compare_runs(a_run({"sums": np.ones(3)}), a_run({"other": np.ones(3)}))


def test_suites_of_one_family_are_judged_together_too() -> None:
    rng = np.random.default_rng(8)
    rows: tuple[list[Record], list[Record]] = ([], [])
    for suite in ("receipts", "forms"):
        for number in range(60):
            was = 1.0
            now = float(rng.random() > 0.2)
            for kept, value in zip(rows, (was, now), strict=True):
                kept.append(record(suite, number, {"accuracy": value}, family="documents"))
    head = header({"documents": ["receipts", "forms"]})
    found = compare_runs(*(of_records(kept, head) for kept in rows))
    whole = next(one for one in found.parts if one.suite == "")
    assert (whole.n, whole.groups, whole.verdict) == (120, 120, "regressed")
    assert len(found.parts) == 3
    assert whole.p < min(one.p for one in found.parts if one.suite)


def test_floors_required_families_failures_and_largest_falls_are_kept() -> None:
    rows = [record("sums", n, {"accuracy": float(n > 2)}) for n in range(40)]
    head = header({"sums": ["sums"]})
    base = of_records([record("sums", n, {"accuracy": 1.0}) for n in range(40)], head)
    failed = SampleError(kind="bug", message="x", where="scorer")
    new = of_records(
        [
            rows[0].model_copy(update={"scored": rows[0].scored.model_copy(update={"error": failed})}),
            *rows[1:],
        ],
        head,
    )
    assert compare_runs(base, new).passed
    rules = RunRules(
        require=("sums", "charts"),
        max_errors=0.02,
        families={
            "sums": FamilyRules(floor={"accuracy": 0.95}, max_fall=0.05),
            "reading": FamilyRules(floor={"cer": 0.1}),
        },
    )
    reasons = compare_runs(base, new, GateConfig(runs=rules)).reasons
    assert len(reasons) == 5
    for words in (
        "more than the 0.050",
        "family charts was not run",
        "1 of 40 samples failed",
        "at least 0.950",
        "reading cer was not measured",
    ):
        assert any(words in reason for reason in reasons), words


def test_the_gate_file_that_comes_along_is_read_and_a_wrong_key_is_named(tmp_path: Path) -> None:
    shipped = load_gate(Path(__file__).resolve().parents[2] / "evals" / "gate.yaml")
    assert shipped.runs.max_errors == 0.02
    (tmp_path / "gate.yaml").write_text("runs: {families: {vqa: {flor: {accuracy: 0.5}}}}\n")
    with pytest.raises(VidenceError, match=r"runs\.families\.vqa\.flor") as raised:
        load_gate(tmp_path / "gate.yaml")
    assert "floor, max_fall, ignore" in raised.value.help


@pytest.mark.parametrize(
    "text", [b"\xff\xfe\x00", b"- a\n", b"runs: {families: {vqa: {floor: {f1: .nan}}}}", b"0"]
)
def test_a_gate_file_that_is_none_is_an_error_that_names_it(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "gate.yaml").write_bytes(text)
    with pytest.raises(VidenceError, match=r"gate\.yaml"):
        load_gate(tmp_path / "gate.yaml")


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (RunRules(families={"sum": FamilyRules(max_fall=0.1)}), "family: sum"),
        (RunRules(require=("rooting",)), "family: rooting"),
        (RunRules(metrics=("acuracy",)), "metric: acuracy"),
        (RunRules(families={"sums": FamilyRules(ignore=("acuracy",))}), "metric of sums: acuracy"),
    ],
)
def test_a_gate_file_cannot_name_what_does_not_exist(rules: RunRules, said: str) -> None:
    with pytest.raises(VidenceError, match=said):
        check_names(rules, [a_run({"sums": np.ones(3)})])


def test_a_gate_file_may_name_families_that_these_runs_lack() -> None:
    named = {"sums": FamilyRules(ignore=("accuracy",)), "captioning": FamilyRules(max_fall=0.1)}
    check_names(RunRules(families=named, metrics=("accuracy",)), [a_run({"sums": np.ones(3)})])


def _with_another_suite(run: Run) -> Run:
    """The run, and a suite that can be compared whatever becomes of the first one."""
    other = a_run({"sums": np.ones(30)})
    head = run.header.model_copy(update={"suites": (*run.header.suites, *other.header.suites)})
    return Run(run.path, head, (*run.records, *other.records), run.summary)


def test_measures_over_all_samples_are_judged_by_blocks() -> None:
    def mean_answer(suite: str, metric: str, records) -> float:
        return float(np.mean([one.output.answer for one in records]))

    def corpus_run(answers: np.ndarray, failed: int = 0) -> Run:
        head = header({"captions": ["captions"]}, ("cider",))
        metric = head.suites[0].metrics["cider"].model_copy(update={"corpus": True})
        suite = head.suites[0].model_copy(update={"metrics": {"cider": metric}})
        head = head.model_copy(update={"suites": (suite,)})
        rows = [record("captions", n, {}, output=Output(answer=float(one))) for n, one in enumerate(answers)]
        broken = Output(error=SampleError(kind="bug", message="x"))
        rows = [
            one.model_copy(update={"output": broken}) if n < failed else one for n, one in enumerate(rows)
        ]
        return Run(Path("run.jsonl"), head, tuple(rows), summarise(head, rows, corpus=mean_answer))

    rng = np.random.default_rng(0)
    answers = rng.random(200)
    base = corpus_run(answers)
    figure = base.summary.figures[0]
    assert figure.value == pytest.approx(answers.mean())
    assert figure.low < figure.value < figure.high
    # Of a plain mean the jackknife must give the plain standard error.
    assert figure.high - figure.low == pytest.approx(2 * 1.96 * answers.std() / np.sqrt(200), rel=0.35)
    worse = compare_runs(base, corpus_run(answers - 0.1 + rng.normal(0, 0.05, 200)))
    assert not worse.passed
    assert (worse.parts[0].n, worse.parts[0].base) == (200, pytest.approx(answers.mean()))
    assert compare_runs(base, corpus_run(answers + rng.normal(0, 0.05, 200))).passed
    assert compare_runs(base, corpus_run(answers, failed=1)).reasons == (
        "captions cider: 1 samples failed, 0 in the base",
    )
    many = [
        compare_runs(*(_with_another_suite(one) for one in (base, corpus_run(answers, n))))
        for n in (120, 195)
    ]
    assert [one.reasons[0] for one in many] == [
        f"captions cider: {count} samples have no value now that had one" for count in (120, 195)
    ]
    gone = corpus_run(answers)
    gone = Run(gone.path, gone.header, gone.records, summarise(gone.header, gone.records))
    mixed = compare_runs(*(_with_another_suite(one) for one in (base, gone)))
    assert mixed.reasons == ("captions cider: 200 samples have no value now that had one",)
    few = corpus_run(answers[:5])
    with pytest.raises(VidenceError, match="no sample in common"):
        compare_runs(few, few)
