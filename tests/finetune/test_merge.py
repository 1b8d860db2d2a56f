"""A merged checkpoint is the run's model, and nothing else gets registered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import VidenceError
from finetune.release.answering import Reply
from finetune.release.compare import agreement
from finetune.release.run_folder import data_versions, find_source, open_run
from server.cli.app import app
from tests.finetune.release_models import toy_data, trained_run


@pytest.fixture
def run(isolated_home: Path) -> Path:
    from finetune.vlm.tiny import tiny_checkpoint

    base = tiny_checkpoint(isolated_home / "base")
    toy_data(isolated_home / "finetune" / "data" / "toy")
    return trained_run(isolated_home / "finetune" / "runs" / "r1", base)


@pytest.mark.ml
def test_the_merged_checkpoint_answers_like_the_adapter_and_is_registered_with_its_lineage(run: Path) -> None:
    merged = CliRunner().invoke(app, ["finetune", "merge", "r1", "--json"])
    assert merged.exit_code == 0, merged.output
    report = json.loads(merged.stdout)
    assert report["equal"] == report["questions"] == 18
    assert report["merged"] == ["lora", "projector"]
    assert 0 < report["largest_logit_difference"] < 0.1
    registered = CliRunner().invoke(app, ["finetune", "register", "r1", "--name", "toy-vlm", "--json"])
    assert registered.exit_code == 0, registered.output
    record = json.loads(registered.stdout)
    assert record["version"] == report["version"]
    assert record["lineage"]["data"] == ["toy@0123456789abcdef"]
    assert record["lineage"]["run_id"] == "r1"
    assert record["metrics"] == {"loss": 0.5}


@pytest.mark.ml
def test_merging_changes_the_answers_of_the_base(run: Path, isolated_home: Path) -> None:
    from finetune.release.answering import open_checkpoint
    from finetune.release.merge import base_of, merge_run, tensor_dtypes
    from finetune.release.questions import open_questions

    opened = open_run(run.parent, "r1")
    base = base_of(opened, isolated_home)
    questions = open_questions(isolated_home / "finetune" / "data", "toy", limit=4)
    merge_run(opened, base, questions, dtype="float32")
    replies = [
        open_checkpoint(folder, keep_logits=True).answer(questions.asked())
        for folder in (base, opened.merged)
    ]
    assert agreement([row.id for row in questions.rows], *replies).largest_logit_difference > 0.5
    assert set(tensor_dtypes(opened.merged)) == set(tensor_dtypes(base))
    assert set(tensor_dtypes(opened.merged).values()) == {"F32"}


@pytest.mark.ml
def test_a_merge_that_changes_answers_ends_with_exit_code_1_and_cannot_be_registered(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finetune.release import merge

    real = merge.write_like_base

    def wrong(model: object, base: Path, folder: Path, *, dtype: str) -> None:
        import torch

        with torch.no_grad():
            model.get_input_embeddings().weight.mul_(-1.0)  # type: ignore[attr-defined]
        real(model, base, folder, dtype=dtype)

    monkeypatch.setattr(merge, "write_like_base", wrong)
    merged = CliRunner().invoke(app, ["finetune", "merge", "r1", "--json"])
    assert merged.exit_code == 1
    assert json.loads(merged.stdout)["same"] is False
    registered = CliRunner().invoke(app, ["finetune", "register", "r1", "--name", "toy-vlm", "--json"])
    assert registered.exit_code == 2
    error = json.loads(registered.stdout)["error"]
    assert error["kind"] == "blocked"
    assert "other answers than its adapter" in error["message"]


@pytest.mark.ml
def test_a_part_of_another_base_is_refused_by_name(run: Path) -> None:
    import torch
    from safetensors.torch import save_file

    save_file({"linear_1.weight": torch.zeros(3, 3)}, str(run / "result" / "projector.safetensors"))
    merged = CliRunner().invoke(app, ["finetune", "merge", "r1", "--json"])
    assert merged.exit_code == 2
    assert "linear_1.weight" in merged.stdout


@pytest.mark.ml
def test_answers_do_not_depend_on_what_else_is_asked(isolated_home: Path) -> None:
    from finetune.release.answering import open_checkpoint
    from finetune.release.questions import open_questions
    from finetune.vlm.tiny import tiny_checkpoint

    toy_data(isolated_home / "data")
    questions = open_questions(isolated_home, f"{isolated_home}/data:dev")
    folder = tiny_checkpoint(isolated_home / "base")
    together = open_checkpoint(folder, batch=8).answer(questions.asked())
    alone = open_checkpoint(folder, batch=1).answer(questions.asked())
    assert [reply.text for reply in together] == [reply.text for reply in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.confidence == pytest.approx(other.confidence, abs=1e-4)
        assert 0 < one.confidence <= 1


def test_a_run_that_is_not_merged_is_not_registered(tmp_path: Path) -> None:
    result = tmp_path / "r2" / "result"
    result.mkdir(parents=True)
    with pytest.raises(VidenceError, match="has not finished"):
        open_run(tmp_path, "r2")
    (result / "run.json").write_text('{"run_id": "r2"}')
    with pytest.raises(VidenceError, match="not merged") as refused:
        find_source(tmp_path, "r2")
    assert refused.value.help == "Run: vidence finetune merge r2"
    with pytest.raises(VidenceError, match="no run r3"):
        find_source(tmp_path, "r3")


def test_scores_are_compared_up_to_the_first_token_that_differs() -> None:
    import numpy as np

    one = Reply("a", (-0.1, -0.2), np.array([[0.0, 1.0], [5.0, 1.0]], dtype=np.float32))
    near = Reply("a", (-0.1, -0.3), np.array([[0.0, 1.25], [5.0, 1.0]], dtype=np.float32))
    other = Reply("b", (-0.1, -0.2), np.array([[2.0, 1.0], [-90.0, 1.0]], dtype=np.float32))
    found = agreement(["x", "y"], [one, one], [near, other])
    assert (found.equal, found.different) == (1, ("y",))
    assert found.largest_logit_difference == 2.0
    assert found.largest_logprob_difference == pytest.approx(0.1)


@pytest.mark.parametrize(
    "facts",
    [
        {"data": {"toy": {"version": "1", "rows": 3}, "/x/other": {"version": "2"}}},
        {"data": [{"name": "toy", "version": "1"}, {"name": "other", "version": "2"}]},
        {"data_versions": {"toy": "1", "other": "2"}},
        {"data": ["toy@1", "other@2"]},
    ],
)
def test_data_versions_are_read_from_every_form(facts: dict[str, object]) -> None:
    assert data_versions(facts) == ("toy@1", "other@2")
