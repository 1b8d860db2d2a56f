"""The gate lets better and equal models through, and stops worse ones, by the numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from core.errors import VidenceError
from evals.compare.rules import RunRules
from evals.exact_match import exact_match, normal_answer
from evals.gate import SHIPPED, GateConfig, Judged, Promotion, decide, load_gate
from evals.paired import bootstrap_mean, paired_difference, wilson
from finetune.release.answering import Asked, Progress, Reply
from finetune.release.evaluation import Evaluation, evaluate, summarise
from finetune.release.gate import gate_models, keep_evaluation
from finetune.release.questions import open_questions
from finetune.release.registry import Registry
from server.cli.app import app
from tests.finetune.release_models import toy_data
from tests.finetune.test_registry import checkpoint


def rows(right: dict[str, tuple[int, int]], seed: int = 0) -> list[Judged]:
    """Make (right, total) questions of each kind; which of them are right is drawn by the seed."""
    made = []
    for kind, (good, total) in right.items():
        marks = np.zeros(total)
        marks[np.random.default_rng(seed).permutation(total)[:good]] = 1
        made += [
            Judged(id=f"{kind}{n}", kind=kind, group=f"{kind}{n}", score=float(mark), text_only=0.3)
            for n, mark in enumerate(marks)
        ]
    return made


def test_wilson_agrees_with_published_values_and_stays_between_0_and_1() -> None:
    # Wilson's interval for 81 of 263: Newcombe 1998, table I, method 3.
    found = wilson(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 20).low == 0.0
    assert round(wilson(0, 20).high, 4) == 0.1611
    assert wilson(20, 20).high == 1.0


@given(st.lists(st.booleans(), min_size=2, max_size=60))
def test_a_model_compared_with_itself_never_differs(marks: list[bool]) -> None:
    scores = [float(mark) for mark in marks]
    found = paired_difference(scores, scores, resamples=200)
    assert found.difference.value == found.difference.low == found.difference.high == 0.0


def test_questions_of_one_image_are_drawn_together() -> None:
    # Twenty images with ten equal answers each hold as much as twenty questions.
    values = [float(image % 2) for image in range(20) for _ in range(10)]
    groups = [str(image) for image in range(20) for _ in range(10)]
    alone, together = bootstrap_mean(values), bootstrap_mean(values, groups)
    assert together.high - together.low > 2.5 * (alone.high - alone.low)
    assert together == bootstrap_mean(values, groups)


def test_the_bootstrap_interval_covers_the_true_difference_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for trial in range(200):
        base = (rng.random(150) < 0.6).astype(float)
        new = np.where(rng.random(150) < 0.2, 1.0, base)
        found = paired_difference(base.tolist(), new.tolist(), resamples=400, seed=trial)
        hits += found.difference.low <= 0.4 * 0.2 <= found.difference.high
    assert 0.88 <= hits / 200 <= 0.99


def test_a_better_model_passes_and_a_worse_one_is_refused() -> None:
    base = rows({"colour": (60, 100), "count": (50, 100)})
    better = rows({"colour": (90, 100), "count": (50, 100)})
    config = GateConfig(target=("colour",), need="improve")
    assert decide(config, base, better).passed
    worse = decide(config, better, base)
    assert not worse.passed
    assert any("no improvement" in reason for reason in worse.reasons)
    assert any(reason.startswith("colour") and reason.endswith("fell") for reason in worse.reasons)


def test_an_equal_model_holds_but_does_not_improve() -> None:
    base, new = rows({"colour": (60, 100)}, seed=1), rows({"colour": (60, 100)}, seed=2)
    assert decide(GateConfig(max_fall=0.2), base, new).passed
    assert not decide(GateConfig(max_fall=0.2, need="improve"), base, new).passed


def test_a_kind_that_falls_is_not_hidden_by_a_better_target() -> None:
    base = rows({"colour": (50, 100), "count": (90, 100)})
    new = rows({"colour": (100, 100), "count": (60, 100)})
    found = decide(GateConfig(target=("colour",), need="improve"), base, new)
    assert not found.passed
    assert found.overall.compared.difference.value > 0
    assert [part.name for part in found.kinds if part.fell] == ["count"]


def test_few_questions_do_not_let_a_large_fall_pass() -> None:
    # 20 questions, 2 worse: the interval reaches zero, but a tenth is more than may be lost.
    base, new = rows({"x": (20, 20)}), rows({"x": (18, 20)})
    found = decide(GateConfig(), base, new)
    assert found.overall.compared.difference.high >= 0
    assert not found.passed
    assert decide(GateConfig(max_fall=0.15), base, new).passed


def test_too_few_questions_decide_nothing() -> None:
    found = decide(GateConfig(), rows({"x": (5, 10)}), rows({"x": (9, 10)}))
    assert not found.passed
    assert "10 questions decide nothing" in found.reasons[0]


def test_a_model_that_ignores_its_images_is_refused_where_the_rules_ask() -> None:
    base = rows({"x": (30, 100)})
    assert decide(GateConfig(beat_text_only=True), base, rows({"x": (80, 100)})).passed
    refused = decide(GateConfig(beat_text_only=True), base, rows({"x": (31, 100)}))
    assert any("grey image" in reason for reason in refused.reasons)


def test_models_that_answered_other_questions_are_not_compared() -> None:
    with pytest.raises(VidenceError, match="same questions"):
        decide(GateConfig(), rows({"x": (5, 30)}), rows({"y": (5, 30)}))


def test_the_one_gate_file_has_every_key_and_the_defaults_for_models(tmp_path: Path) -> None:
    assert load_gate(None).model_copy(update={"runs": GateConfig().runs}) == GateConfig()
    written = yaml.safe_load(SHIPPED.read_text())
    assert set(written) == set(GateConfig.model_fields)
    assert set(written["runs"]) == set(RunRules.model_fields)
    assert set(written["promotion"]) == set(Promotion.model_fields)


def test_a_wrong_key_of_a_gate_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "gate.yaml").write_text("max_fal: 0.1\n")
    with pytest.raises(VidenceError, match="max_fal"):
        load_gate(tmp_path / "gate.yaml")


@pytest.mark.parametrize(
    ("given", "accepted", "same"),
    [
        ("Two.", "2", True),
        ("a red circle", "red circle", True),
        ("-1.5", "1.5", False),
        ("1,200", "1200", True),
        ("X-ray", "x ray", True),
        ("a", "A", True),
        ("no", "not", False),
        ("", "", False),
        ("yes, it is", "yes", False),
    ],
)
def test_answers_are_the_same_up_to_case_articles_and_small_numbers(
    given: str, accepted: str, same: bool
) -> None:
    assert exact_match(given, [accepted]) is same


@given(st.text(max_size=30))
def test_normal_answers_stay_as_they_are(text: str) -> None:
    once = normal_answer(text)
    assert normal_answer(once) == once


class Scripted:
    """Answers colour questions right when it sees, and `red` when it is blind."""

    def __init__(self, right: float) -> None:
        self._right = right

    def answer(self, asked: Sequence[Asked], progress: Progress | None = None) -> list[Reply]:
        from finetune.release.answering import open_image

        replies = []
        for number, one in enumerate(asked):
            pixels = open_image(one)
            assert pixels is not None
            names = ["red", "green", "blue"]
            seen = (
                names[int(pixels[0, 0].argmax())]
                if not one.grey and number < self._right * len(asked)
                else "red"
            )
            text = seen if one.question.startswith("what") else "yes" if seen == "red" else "no"
            replies.append(Reply(text, (-0.1,)))
        return replies


@pytest.fixture
def asked(isolated_home: Path) -> str:
    toy_data(isolated_home / "finetune" / "data" / "toy", questions=30)
    return "toy:dev"


def scripted(ref: str, right: float, asked: str, home: Path, version: str) -> Evaluation:
    questions = open_questions(home / "finetune" / "data", asked)
    return evaluate(Scripted(right), questions, model=ref, version=version, backend="scripted")


def test_an_evaluation_has_figures_by_kind_beside_the_text_only_baseline(
    asked: str, isolated_home: Path
) -> None:
    found = scripted("m", 1.0, asked, isolated_home, "v")
    assert found.overall.accuracy.value == 1.0
    assert found.overall.text_only is not None
    # Grey images get a third; the commonest answers, blind, get a half.
    assert found.overall.text_only.value == pytest.approx(0.5)
    assert {name: part.n for name, part in found.kinds.items()} == {"colour": 30, "yes_no": 30}
    assert found.over_text_only is not None
    assert found.over_text_only.difference.low > 0.4
    assert found.over_text_only.groups == 30
    assert found.calibration_error == pytest.approx(1 - np.exp(-0.1), abs=1e-6)
    again = summarise(found.rows, model="m", version="v", backend="scripted", data=found.data)
    assert again == found


def test_the_gate_passes_a_first_model_that_sees_and_the_registry_then_promotes_it(
    asked: str, isolated_home: Path, tmp_path: Path
) -> None:
    registry = Registry(isolated_home / "finetune" / "models", who="ada")
    skill = {}
    for name, right in (("a", 0.5), ("b", 1.0), ("c", 0.1)):
        record = registry.register("vlm", checkpoint(tmp_path / name, name.encode()), source="x")
        skill[record.ref] = right
        skill[name] = record.ref  # type: ignore[assignment]
    data = open_questions(isolated_home / "finetune" / "data", asked).ref
    calls: list[str] = []

    def measured(ref: str) -> Evaluation:
        calls.append(ref)
        return scripted(ref, skill[ref], asked, isolated_home, ref.partition("@")[2])

    def gate(base: object, new: object) -> bool:
        return gate_models(registry, str(base), str(new), GateConfig(), data, measured).decision.passed

    assert gate("text-only", skill["a"])
    registry.promote(str(skill["a"]), "production")
    assert gate(skill["a"], skill["b"])
    registry.promote(str(skill["b"]), "production")
    assert not gate(skill["b"], skill["c"])
    with pytest.raises(VidenceError, match="The gate refused"):
        registry.promote(str(skill["c"]), "staging")
    assert registry.rollback("vlm").version == str(skill["a"]).partition("@")[2]
    assert calls == [skill["a"], skill["b"], skill["c"]]


def test_an_evaluation_file_that_was_changed_is_refused(
    asked: str, isolated_home: Path, tmp_path: Path
) -> None:
    registry = Registry(isolated_home / "finetune" / "models", who="ada")
    record = registry.register("vlm", checkpoint(tmp_path / "a"), source="x")
    found = scripted(record.ref, 0.5, asked, isolated_home, record.version)
    path = keep_evaluation(registry, record.ref, found)
    path.write_text(path.read_text().replace('"right":false', '"right":true'))
    with pytest.raises(VidenceError, match="not what was recorded"):
        gate_models(registry, "text-only", record.ref, GateConfig(), found.data, lambda ref: found)


def test_the_gate_on_files_exits_with_1_when_it_refuses(
    asked: str, isolated_home: Path, tmp_path: Path
) -> None:
    for name, right in (("good", 1.0), ("bad", 0.2)):
        found = scripted(name, right, asked, isolated_home, name)
        (tmp_path / f"{name}.json").write_text(found.model_dump_json())
    good, bad = str(tmp_path / "good.json"), str(tmp_path / "bad.json")
    passed = CliRunner().invoke(app, ["finetune", "gate", bad, good, "--json"])
    assert passed.exit_code == 0, passed.output
    body = json.loads(passed.stdout)
    assert body["passed"]
    assert not body["recorded"]
    refused = CliRunner().invoke(app, ["finetune", "gate", good, bad, "--json"])
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["reasons"]


@pytest.mark.ml
def test_evaluate_and_gate_from_the_command_line(asked: str, isolated_home: Path) -> None:
    from finetune.vlm.tiny import tiny_checkpoint

    folder = tiny_checkpoint(isolated_home / "base")
    run = CliRunner()
    assert run.invoke(app, ["finetune", "register", str(folder), "--name", "tiny"]).exit_code == 0
    found = run.invoke(app, ["finetune", "evaluate", "tiny", "--data", asked, "--limit", "24", "--json"])
    assert found.exit_code == 0, found.output
    body = json.loads(found.stdout)
    assert body["overall"]["n"] == 24
    assert body["backend"] == "transformers"
    assert body["version"] == body["model"].partition("@")[2]
    gate = ["finetune", "gate", "text-only", "tiny", "--data", asked, "--limit", "24", "--json"]
    refused = run.invoke(app, gate)
    assert refused.exit_code == 1, refused.output
    assert any("grey image" in reason for reason in json.loads(refused.stdout)["reasons"])
    shown = json.loads(run.invoke(app, ["finetune", "show", "tiny", "--json"]).stdout)
    assert [event["kind"] for event in shown["history"]] == ["registered", "evaluated", "gated"]
    assert run.invoke(app, ["finetune", "promote", "tiny", "--to", "staging"]).exit_code == 2
