"""`vidence finetune train` explains, checks and refuses without torch."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from finetune.data.dataset import Dataset
from finetune.data.rows import TrainRow
from server.cli.app import app
from tests.finetune.train_fixtures import recipe


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VIDENCE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VIDENCE_CONFIG", str(tmp_path / "none.yaml"))
    rows = [
        TrainRow(question=f"q{i}", answers=("a",), kind="k", source="t", licence="CC0-1.0") for i in range(9)
    ]
    Dataset(tmp_path / "home" / "finetune" / "data" / "shapes").write("shapes", rows)
    body = recipe(evaluation={}, phases=[{"name": "tune", "epochs": 4, "train": {"lora": 1e-3}}])
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(body))
    return tmp_path


def _run(*arguments):
    return CliRunner().invoke(app, ["finetune", "train", *map(str, arguments)])


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(home):
    done = _run(home / "recipe.yaml", "--dry-run", "--json", "--set", "optim.batch=1")
    assert done.exit_code == 0
    body = json.loads(done.stdout)
    assert (body["status"], body["phases"]) == ("planned", {"tune": 6})
    assert body["data"]["shapes"]["rows"] == 9
    assert not (home / "home" / "finetune" / "runs").exists()


def test_wrong_calls_say_what_to_do(home):
    for arguments, kind in (
        ([], "invalid_input"),
        ([home / "no.yaml"], "not_found"),
        ([home / "recipe.yaml", "--set", "optim.bach=1"], "invalid_input"),
        ([home / "recipe.yaml", "--dry-run", "--set", "data.0.name=gone"], "not_found"),
    ):
        done = _run(*arguments, "--json")
        error = json.loads(done.stdout)["error"]
        assert done.exit_code == 2
        assert error["kind"] == kind
        assert error["help"]


def test_explain_lists_the_keys_as_json():
    keys = json.loads(_run("--explain", "--json").stdout)["keys"]
    assert {"key": "optim.batch", "takes": "whole number"}.items() <= next(
        item for item in keys if item["key"] == "optim.batch"
    ).items()


def test_many_hosts_without_ray_say_what_is_missing(home, monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "ray" else real(name, *a)
    )
    done = _run(home / "recipe.yaml", "--workers", "2", "--json")
    assert done.exit_code == 3
    assert "Ray Train" in json.loads(done.stdout)["error"]["message"]
