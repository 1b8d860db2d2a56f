"""From a rated answer to an eval data set, a run over it, and training that keeps away from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from core.feedback_store import FeedbackStore, RatedRun
from finetune.data.dataset import Dataset
from finetune.data.rows import TrainRow
from server.cli.app import app

runner = CliRunner()


def call(*arguments: str) -> tuple[int, Any]:
    outcome = runner.invoke(app, [*arguments, "--json"])
    assert outcome.exception is None or isinstance(outcome.exception, SystemExit), outcome.exception
    return outcome.exit_code, json.loads(outcome.stdout.strip().splitlines()[-1])


def rate(home: Path, number: int, rating: str = "up", *, at: str = "", **more: str) -> None:
    run = RatedRun(
        run_id=f"r{number}", question=f"What is crane {number} called?", short_answer=f"Crane{number}"
    )
    FeedbackStore.under(home).put(run, rating, at=at, **more)  # type: ignore[arg-type]


def test_a_data_set_is_made_listed_and_shown(isolated_home: Path, tmp_path: Path) -> None:
    rate(isolated_home, 1, at="2026-01-01T00:00:00.000+00:00")
    rate(isolated_home, 2, "down", correction="Big Bo")
    rate(isolated_home, 3, "down")
    status, body = call("eval", "dataset", "create", "march")
    assert (status, body["samples"], body["ratings"]) == (0, 2, 3)
    assert body["aside"] == {"rated down without a correction": 1}
    assert Path(body["folder"]).is_relative_to(isolated_home / "evals" / "datasets" / "march")
    status, new = call(
        "eval", "dataset", "create", "new", "--since", "2026-02-01", "-o", str(tmp_path / "new")
    )
    assert (status, new["samples"], new["folder"]) == (0, 1, str(tmp_path / "new"))
    status, listed = call("eval", "dataset", "list")
    assert [one["name"] for one in listed["datasets"]] == ["march"]
    status, shown = call("eval", "dataset", "show", "march")
    assert sorted(line["lineage"]["run_ids"][0] for line in shown["lines"]) == ["r1", "r2"]
    people = runner.invoke(app, ["eval", "dataset", "show", "march"], env={"COLUMNS": "200"}).output
    assert "Big Bo" in people
    assert "put aside: 1 rated down without a correction" in people


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "../march"], "Not a name"),
        (["create", "march", "--since", "yesterday"], "Not a time"),
        (["create", "march"], "No sample is left of 0 ratings"),
        (["show", "march"], "no eval data set march"),
    ],
)
def test_bad_input_ends_with_2_and_says_what_to_do(
    isolated_home: Path, arguments: list[str], said: str
) -> None:
    status, body = call("eval", "dataset", *arguments)
    assert status == 2
    assert said in body["error"]["message"]
    assert body["error"]["help"]


def test_training_leaves_out_what_is_measured_on_and_what_is_trained_on_is_not_measured(
    isolated_home: Path,
) -> None:
    for number in range(12):
        rate(isolated_home, number)
    assert call("eval", "dataset", "create", "first", "--share", "0.5")[0] == 0
    held = call("eval", "dataset", "show", "first")[1]["samples"]
    assert 0 < held < 12
    status, made = call("finetune", "incorporate", "--from", "feedback", "--out", "ratings")
    assert (status, made["rows"]) == (0, 12 - held)
    assert sum(made["left_out"].values()) == held
    assert "dataset:first" in next(iter(made["left_out"]))
    # All ratings again: what was learned from meanwhile stays out, so that the set is the one there is.
    status, again = call("eval", "dataset", "create", "second")
    assert (status, again["samples"]) == (0, held)
    assert again["aside"] == {"trained on: same run": 12 - held}
    assert again["trained_on"] == [f"ratings@{made['version']}"]
    # A data set that came another way is checked against it, and then nothing is left to measure on.
    rows = [
        TrainRow(question=f"What is crane {n} called?", answers=("x",), kind="k", source="s", licence="l")
        for n in range(12)
    ]
    Dataset(isolated_home / "finetune" / "data" / "bought").write("bought", rows)
    exam = isolated_home / "exam"
    exam.mkdir()
    (exam / "dev.jsonl").write_text(json.dumps({"question": "Is this one of the four or more words?"}))
    status, checked = call("data", "check", "bought", "--against", str(exam))
    assert (status, checked["overlap"]) == (1, held)
    status, none = call("eval", "dataset", "create", "third")
    assert (status, none["error"]["kind"]) == (2, "invalid_input")
    assert "trained on: same question" in none["error"]["message"]


def test_a_rated_answer_of_a_real_run_is_asked_again_over_its_collection(
    isolated_home: Path, tmp_path: Path
) -> None:
    (tmp_path / "pier.md").write_text("# The pier\n\nThe Marlow pier was built by Ada Hill in 1902.\n")
    assert call("index", "add", str(tmp_path / "pier.md"), "--collection", "harbour")[0] == 0
    _, asked = call("ask", "Who built the Marlow pier?", "--collection", "harbour")
    assert asked["status"] == "done", asked
    right = "Ada Hill"
    up = asked["short_answer"] == right
    rating = ["up"] if up else ["down", "--correction", right]
    assert call("feedback", asked["run_id"], "--rating", *rating)[0] == 0
    assert call("eval", "dataset", "create", "march")[1]["samples"] == 1
    _, shown = call("eval", "dataset", "show", "march")
    assert shown["lines"][0]["sample"]["input"]["collections"] == ["harbour"]
    status, run = call("eval", "run", "dataset:march", "-o", str(tmp_path / "run.jsonl"))
    assert (status, run["done"], run["errors"]) == (0, 1, {}), run
    value = {one["metric"]: one["value"] for one in run["figures"] if not one["by"]}
    assert value["answered"] == 1.0
    assert value["answer_right"] == float(up)
    # The user's own folder gets nothing of the eval: no run, no image.
    assert len(list((isolated_home / "evals").glob("*.jsonl"))) == 0
