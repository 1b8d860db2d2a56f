"""A search spends its steps on what looks good, and goes on after an interruption."""

import json

import pytest

from core.errors import VidenceError
from core.settings import Settings
from finetune.train import search as searching
from finetune.train.outcome import Outcome
from finetune.train.recipe import parse_config
from finetune.train.search import choices, search
from tests.finetune.train_fixtures import recipe

TOTAL = 8


class FakeTraining:
    """Writes what a run would: the dev loss is the rate's distance from 4, less as steps go by."""

    def __init__(self, monkeypatch):
        self.calls = []
        monkeypatch.setattr(searching, "plan", self.plan)
        monkeypatch.setattr(searching, "train", self.train)

    def plan(self, config, settings, run):
        return Outcome(run.path.name, run.path, "planned", "", 0, TOTAL)

    def train(self, config, settings, run, *, resume, limits, **_):
        until = limits.until
        run.start(config, resume=resume)
        first = max((line["step"] for line in run.log()), default=0)
        self.calls.append((config.optim.batch, first, until))
        for step in range(first + 1, until + 1):
            run.append({"step": step, "loss": 9.0})
            if limits.stop():
                run.save_checkpoint(step, lambda folder: (folder / "x").touch(), 2)
                return Outcome("x", run.path, "paused", "", step, TOTAL)
        run.append({"step": until, "event": "eval", "dev_loss": abs(config.optim.batch - 4) + 1 / until})
        run.save_checkpoint(until, lambda folder: (folder / "x").touch(), 2)
        if until == TOTAL:
            run.result.mkdir()
            (run.result / "run.json").write_text("{}")
        return Outcome("x", run.path, "finished", "", until, TOTAL)


def _search(tmp_path, space=("optim.batch=1,2,4,8",), trials=8, **options):
    def configure(overrides):
        body = recipe()
        for item in overrides:
            body["optim"] = {"batch": int(item.split("=")[1])}
        return parse_config(body, "x")

    return search(
        configure, choices(space, trials, 0), Settings(home=tmp_path), tmp_path / "search", **options
    )


def test_the_better_half_goes_on(tmp_path, monkeypatch):
    fake = FakeTraining(monkeypatch)
    found = _search(tmp_path)
    assert found.finished
    assert [trial.overrides[0] for trial in found.trials] == [
        "optim.batch=4",
        "optim.batch=2",
        "optim.batch=1",
        "optim.batch=8",
    ]
    assert [trial.steps for trial in found.trials] == [8, 8, 4, 4]
    assert sorted(fake.calls) == [(1, 0, 4), (2, 0, 4), (2, 4, 8), (4, 0, 4), (4, 4, 8), (8, 0, 4)]
    table = json.loads((tmp_path / "search" / "search.json").read_text())
    assert table["trials"][0]["measure"] == "dev_loss"


def test_an_interrupted_search_does_nothing_twice(tmp_path, monkeypatch):
    fake = FakeTraining(monkeypatch)
    asked = iter([False] * 7 + [True] * 99)
    assert not _search(tmp_path, stop=asked.__next__).finished
    before = list(fake.calls)
    found = _search(tmp_path)
    assert found.finished
    assert found.trials[0].overrides == ("optim.batch=4",)
    spans = [(batch, step) for batch, first, until in fake.calls for step in range(first + 1, until + 1)]
    assert len(before) < len(fake.calls)
    assert {trial.steps for trial in found.trials} == {4, 8}
    assert spans


def test_another_search_in_the_same_place_is_refused(tmp_path, monkeypatch):
    FakeTraining(monkeypatch)
    _search(tmp_path)
    with pytest.raises(VidenceError, match="other values"):
        _search(tmp_path, space=("optim.batch=3,5",))


def test_more_combinations_than_trials_are_drawn_by_the_seed():
    space = ("a=1,2,3", "b=4,5,6")
    assert len(choices(space, 99, 0)) == 9
    assert choices(space, 4, 1) == choices(space, 4, 1)
    assert len(set(choices(space, 4, 1))) == 4
    with pytest.raises(VidenceError, match="--search"):
        choices(("a",), 4, 0)
