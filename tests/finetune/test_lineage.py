from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from core.errors import VidenceError
from finetune.data.convert.registry import converter
from finetune.data.curate import curate, write_curated
from finetune.data.dataset import Dataset
from finetune.data.ingest import convert
from finetune.data.lineage import lineage
from finetune.data.marks import Thresholds
from finetune.data.stats import stats
from server.cli.data import app as data_app
from server.cli.finetune_data import data
from tests.finetune.samples import put

app = typer.Typer()
app.add_typer(data_app, name="data")
finetune = typer.Typer()
finetune.callback()(lambda: None)
finetune.command("data")(data)
app.add_typer(finetune, name="finetune")

ITEMS = [
    {"qid": 1, "image_name": "a.jpg", "question": "Is it axial?", "answer": "Yes", "phrase_type": "freeform"},
    {"qid": 2, "image_name": "a.jpg", "question": "Is it an axial?", "answer": "yes", "phrase_type": "para"},
    {"qid": 3, "image_name": "a.jpg", "question": "Who took it?", "answer": "ada@example.org"},
    {"qid": 4, "image_name": "b.jpg", "question": "Is it axial?", "answer": "no", "phrase_type": "test_free"},
]


def source(tmp_path: Path) -> Path:
    root = tmp_path / "VQA-RAD"
    for number, name in enumerate("ab"):
        put(root / "VQA_RAD Image Folder" / f"{name}.jpg", number)
    put(root / "VQA_RAD Dataset Public.json", ITEMS)
    return root


def test_a_row_leads_back_through_every_step_to_its_file_and_licence(tmp_path: Path) -> None:
    root = tmp_path / "data"
    first, second = Dataset(root / "rad"), Dataset(root / "rad-clean")
    convert(converter("vqa_rad"), source(tmp_path), first, "rad")
    result = curate(first, Thresholds(masks=True))
    write_curated(first, "rad-clean", second, result)
    row = next(row for row in second.rows() if row.answers[0] == "[email]")
    body = lineage(root, row.id)
    (parent,) = body["parents"]
    assert (parent["answers"], parent["held_by"][0]["dataset"]) == (
        ["ada@example.org"],
        f"rad@{first.record.version}",
    )
    assert body["licence"] == "CC0-1.0"
    assert (body["converter"], body["where"]) == ("vqa_rad@1", "VQA_RAD Dataset Public.json[2]")
    (held,) = body["datasets"]
    assert held["version"] == second.record.version
    assert held["steps"][0]["name"] == "convert"
    assert {"duplicates", "quality", "personal data"} <= {step["name"] for step in held["steps"]}
    assert held["parents"][0]["dataset"] == "rad"
    assert held["parents"][0]["same_version"]


def test_a_parent_that_changed_or_is_gone_is_said_so(tmp_path: Path) -> None:
    root = tmp_path / "data"
    first, second = Dataset(root / "rad"), Dataset(root / "rad-clean")
    convert(converter("vqa_rad"), source(tmp_path), first, "rad")
    write_curated(first, "rad-clean", second, curate(first, Thresholds()))
    first.write("rad", first.rows()[:1])
    assert not lineage(root, "rad-clean")["parents"][0]["same_version"]
    (first.folder / "dataset.json").unlink()
    assert lineage(root, "rad-clean")["parents"][0]["gone"]
    with pytest.raises(VidenceError, match="No data set and no row"):
        lineage(root, "nothing")


def test_statistics_tell_what_a_model_gets_without_looking(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "d")
    convert(converter("vqa_rad"), source(tmp_path), dataset, "d")
    body = stats(dataset.record, dataset.rows())
    assert body["majority"]["yes_no"] == round(2 / 3, 3)
    assert (body["rows"], body["images"], body["conflicts"]) == (4, 2, 0)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("VIDENCE_HOME", str(tmp_path / "home"))

    def call(*words: str, code: int = 0) -> dict[str, Any]:
        result = CliRunner().invoke(app, [*words, "--json"])
        assert result.exit_code == code, result.output
        body: dict[str, Any] = json.loads(result.stdout)
        return body

    return call


def test_from_files_to_a_clean_data_set_by_command(tmp_path: Path, run: Any) -> None:
    made = run("finetune", "data", "vqa_rad", str(source(tmp_path)), "--out", "rad", "--verify")
    assert (made["kept"], made["splits"]) == (4, {"train": 3, "test": 1})
    clean = run("data", "curate", "rad", "--out", "clean")
    assert clean["rows_out"] == 2
    assert Path(clean["report"]).is_file()
    assert run("data", "stats", "clean")["rows"] == 2
    assert run("data", "verify", "clean")["ok"]
    assert run("data", "lineage", "clean")["parents"][0]["dataset"] == "rad"
    assert {one["name"] for one in run("data", "list")["datasets"]} == {"rad", "clean"}
    assert run("data", "dedup", "rad", "--out", "once")["rows_out"] == 3
    images = str(tmp_path / "VQA-RAD" / "VQA_RAD Image Folder")
    assert run("data", "check", "rad", "--against", images, code=1)["overlap"] == 4
    other = put(tmp_path / "other" / "c.png", 9).parent
    assert run("data", "check", "rad", "--against", str(other))["overlap"] == 0
    assert run("data", "split", "rad", "--out", "two", "--dev", "0.4")["splits"]["test"] == 1


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["finetune", "data", "nothing", ".", "--out", "x"], "not_found"),
        (["finetune", "data", "vqa_rad"], "invalid_input"),
        (["finetune", "data", "vqa_rad", "/nowhere", "--out", "x"], "not_found"),
        (["finetune", "data", "vqa_rad", ".", "--out", "../x"], "invalid_input"),
        (["data", "stats", "nothing"], "not_found"),
        (["data", "curate", "nothing", "--out", "x"], "not_found"),
        (["data", "curate", "x", "--out", "y", "--personal-kind", "shoe"], "invalid_input"),
    ],
)
def test_wrong_words_get_a_typed_error_and_a_way_on(run: Any, words: list[str], kind: str) -> None:
    error = run(*words, code=2)["error"]
    assert error["kind"] == kind
    assert error["help"]


def test_the_list_names_every_converter_with_licence_and_layout(run: Any) -> None:
    found = {one["name"]: one for one in run("finetune", "data", "--list")["converters"]}
    assert {
        "vqa_v2",
        "vqa_rad",
        "slake",
        "path_vqa",
        "stcray",
        "chartqa",
        "sroie",
        "easy_vqa",
        "squad",
    } <= set(found)
    assert all(one["licence"] and one["layout"] for one in found.values())
    assert not found["xray_baggage"]["shippable"]
