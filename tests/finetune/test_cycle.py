from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.errors import VidenceError
from core.feedback_store import FeedbackStore
from core.settings import Settings
from finetune.data.dataset import Dataset
from finetune.data.rows import TrainRow
from finetune.loop.cycle import Cycle, CycleStep, Outputs, StopCycle
from finetune.loop.cycle_config import load_cycle, parse_cycle
from finetune.loop.cycle_steps import Workshop, check, recipe_of, steps_of
from finetune.release.registry import Registry

NAMES = ("data", "train", "merge", "gate")
MORTAL = """
import os, signal, sys
from pathlib import Path
from finetune.loop.cycle import Cycle
from tests.finetune.test_cycle import counting
folder, victim, moment = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
def die(step, when):
    if (step, when) == (victim, moment):
        os.kill(os.getpid(), signal.SIGKILL)
Cycle(folder / "cycle", "c", "sha").run(counting(folder, die))
"""


def counting(folder: Path, hook: Any = lambda step, when: None) -> list[CycleStep]:
    """Steps that count how often they ran, in a file each, and pass a number on."""

    def one(name: str) -> CycleStep:
        def run(done: Outputs) -> Mapping[str, Any]:
            hook(name, "before")
            count = folder / f"{name}.runs"
            count.write_text(str(int(count.read_text()) + 1 if count.exists() else 1))
            hook(name, "after")
            return {"value": sum(int(output["value"]) for output in done.values()) + 1}

        return CycleStep(name, {}, lambda done: f"after {len(done)} steps", run)

    return [one(name) for name in NAMES]


def runs(folder: Path) -> list[int]:
    return [
        int((folder / f"{name}.runs").read_text()) if (folder / f"{name}.runs").exists() else 0
        for name in NAMES
    ]


def test_steps_run_once_in_order_and_pass_on_what_they_gave(tmp_path: Path) -> None:
    cycle = Cycle(tmp_path / "cycle", "c", "sha")
    for _ in range(2):
        report = cycle.run(counting(tmp_path))
        assert report.status == "passed"
        assert [record.output["value"] for record in report.steps] == [1, 2, 4, 8]
    assert runs(tmp_path) == [1, 1, 1, 1]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("victim", NAMES)
def test_a_kill_at_any_step_loses_that_step_only(tmp_path: Path, victim: str, moment: str) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", MORTAL, str(tmp_path), victim, moment],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    report = Cycle(tmp_path / "cycle", "c", "sha").run(counting(tmp_path))
    assert report.status == "passed"
    assert [record.output["value"] for record in report.steps] == [1, 2, 4, 8]
    twice = 2 if moment == "after" else 1
    assert runs(tmp_path) == [twice if name == victim else 1 for name in NAMES]


def test_a_refusal_ends_the_cycle_for_good(tmp_path: Path) -> None:
    def refuse(done: Outputs) -> Mapping[str, Any]:
        raise StopCycle("refused", "colour fell", {"passed": False})

    steps = counting(tmp_path)
    steps[2] = CycleStep("merge", {}, lambda done: "", refuse)
    cycle = Cycle(tmp_path / "cycle", "c", "sha")
    for _ in range(2):
        report = cycle.run(steps)
        assert (report.status, report.reason) == ("refused", "colour fell")
        assert report.output("merge") == {"passed": False}
    assert runs(tmp_path) == [1, 1, 0, 0]


def test_a_pause_is_gone_on_from(tmp_path: Path) -> None:
    slices: list[int] = []

    def train(done: Outputs) -> Mapping[str, Any]:
        slices.append(1)
        if len(slices) < 3:
            raise StopCycle("paused", f"step {len(slices)}", {})
        return {"value": 9}

    steps = counting(tmp_path)
    steps[1] = CycleStep("train", {}, lambda done: "", train)
    cycle = Cycle(tmp_path / "cycle", "c", "sha")
    first = cycle.run(steps)
    assert (first.status, first.reason, first.todo) == ("paused", "step 1", ("train", "merge", "gate"))
    assert cycle.run(steps).status == "paused"
    assert cycle.run(steps).status == "passed"
    assert runs(tmp_path)[0] == 1


def test_an_error_keeps_what_was_done(tmp_path: Path) -> None:
    def fail(done: Outputs) -> Mapping[str, Any]:
        raise VidenceError("unavailable", "disk full")

    steps = counting(tmp_path)
    good, steps[2] = steps[2], CycleStep("merge", {}, lambda done: "", fail)
    cycle = Cycle(tmp_path / "cycle", "c", "sha")
    with pytest.raises(VidenceError, match="disk full"):
        cycle.run(steps)
    steps[2] = good
    assert cycle.run(steps).status == "passed"
    assert runs(tmp_path) == [1, 1, 1, 1]
    log = [json.loads(line) for line in (tmp_path / "cycle" / "log.jsonl").read_text().splitlines()]
    assert [(line["step"], line["event"]) for line in log][4:6] == [("merge", "started"), ("merge", "failed")]


def test_changed_settings_of_a_step_run_it_and_what_follows_again(tmp_path: Path) -> None:
    cycle = Cycle(tmp_path / "cycle", "c", "sha")
    cycle.run(counting(tmp_path))
    steps = counting(tmp_path)
    steps[2] = CycleStep("merge", {"questions": 9}, steps[2].plan, lambda done: {"value": 100})
    assert [record.output["value"] for record in cycle.run(steps).steps] == [1, 2, 100, 104]
    assert runs(tmp_path) == [1, 1, 1, 2]


def test_a_folder_never_serves_two_cycles_nor_one_cycle_twice_at_once(tmp_path: Path) -> None:
    cycle = Cycle(tmp_path / "cycle", "c", "sha")

    def again(done: Outputs) -> Mapping[str, Any]:
        with pytest.raises(VidenceError, match="running in another process"):
            Cycle(tmp_path / "cycle", "c", "sha").run([])
        return {}

    cycle.run([CycleStep("data", {}, lambda done: "", again)])
    with pytest.raises(VidenceError, match="other settings"):
        Cycle(tmp_path / "cycle", "c", "other").run([])


def test_a_plan_writes_nothing_and_says_what_is_done_and_what_is_not(tmp_path: Path) -> None:
    cycle = Cycle(tmp_path / "cycle", "c", "sha")
    report = cycle.plan(counting(tmp_path))
    assert report.todo[0] == "data: after 0 steps"
    assert len(report.todo) == 4
    assert not (tmp_path / "cycle").exists()
    cycle.run(counting(tmp_path)[:2])
    report = cycle.plan(counting(tmp_path))
    assert [record.step for record in report.steps] == ["data", "train"]
    assert [left.split(":")[0] for left in report.todo] == ["merge", "gate"]


def body(**changes: Any) -> dict[str, Any]:
    values = {
        "name": "c1",
        "model": "tiny",
        "train": {"recipe": "recipe.yaml"},
        "gate": {"data": "exam:test"},
    }
    return {**values, **changes}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gate": {}}, "which questions decide"),
        ({"colour": 1}, "colour"),
        ({"name": "No Name"}, "name"),
        ({"gate": {"data": "x", "max_fal": 1}}, "gate.max_fal"),
        ({"data": {"agreement": 2}}, "data.agreement"),
        ({"promote": "somewhere"}, "promote"),
    ],
)
def test_a_wrong_key_of_a_cycle_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(VidenceError) as caught:
        parse_cycle(body(**changes), "x.yaml", Path())
    assert said in caught.value.message


def workshop(tmp_path: Path, **changes: Any) -> Workshop:
    (tmp_path / "cycle.yaml").write_text(yaml.safe_dump(body(**changes)))
    (tmp_path / "recipe.yaml").write_text(
        yaml.safe_dump(
            {
                "name": "r",
                "model": {"base": "home:finetune/models/tiny"},
                "lora": {"rank": 4},
                "data": [{"name": "old"}],
                "phases": [{"name": "tune", "steps": 5, "train": {"lora": 1e-3}}],
            }
        )
    )
    row = TrainRow(question="A?", answers=("x",), kind="k", source="s", licence="CC0-1.0", split="test")
    Dataset(tmp_path / "home" / "finetune" / "data" / "exam").write("exam", [row])
    settings = Settings(home=tmp_path / "home")
    registry = Registry(settings.root / "finetune" / "models", who="test")
    ratings = FeedbackStore.under(settings.root)
    return Workshop(settings, load_cycle(tmp_path / "cycle.yaml"), registry, lambda: closing(ratings))


def test_the_recipe_gets_the_cycles_data_and_production_as_its_base(tmp_path: Path) -> None:
    data = [{"name": "@new", "weight": 0.5}, {"name": "old", "weight": 0.5}]
    train = {"recipe": "recipe.yaml", "data": data, "set": ["phases.0.steps=7"]}
    shop = workshop(tmp_path, train=train)
    config = recipe_of(shop, {"data": {"production": "tiny@abc"}})
    assert [(source.name, source.weight) for source in config.data] == [("c1", 0.5), ("old", 0.5)]
    assert config.model.base == "home:finetune/models/tiny/abc/checkpoint"
    assert config.phases[0].steps == 7
    assert recipe_of(shop, {"data": {"production": ""}}).model.base == "home:finetune/models/tiny"


def test_what_is_missing_is_said_before_anything_is_done(tmp_path: Path) -> None:
    check(workshop(tmp_path))
    for changes, said in (
        ({"data": {"onto": ["nothing"]}}, "no data set nothing"),
        ({"data": {"sources": ["fixes.jsonl"]}}, "no file fixes.jsonl"),
        ({"gate": {"data": "exam:dev"}}, "no rows in dev"),
        ({"train": {"recipe": "none.yaml"}}, "no recipe at"),
        ({"gate": {"data": "exam:test", "promotion": {"runs": "required"}}}, "does not make"),
    ):
        with pytest.raises(VidenceError, match=said):
            check(workshop(tmp_path, **changes))


def test_the_steps_of_a_cycle_are_planned_without_a_model(tmp_path: Path) -> None:
    shop = workshop(tmp_path)
    report = Cycle(tmp_path / "cycle", "c1", shop.config.sha256).plan(steps_of(shop))
    names = [left.split(":")[0] for left in report.todo]
    assert names == ["data", "train", "merge", "register", "evaluate", "gate", "promote"]
    assert "text-only" in report.todo[4]
    assert "from feedback (0 votes), queue (0 votes)" in report.todo[0]


def test_settings_may_change_until_a_step_is_done(tmp_path: Path) -> None:
    def fails(done: Outputs) -> Mapping[str, Any]:
        raise VidenceError("invalid_input", "no votes yet")

    with pytest.raises(VidenceError, match="no votes yet"):
        Cycle(tmp_path / "cycle", "c", "first").run([CycleStep("data", {}, lambda done: "", fails)])
    assert Cycle(tmp_path / "cycle", "c", "second").run(counting(tmp_path)).status == "passed"
    with pytest.raises(VidenceError, match="other settings"):
        Cycle(tmp_path / "cycle", "c", "third").run([])
