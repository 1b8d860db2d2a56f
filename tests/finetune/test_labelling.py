from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from core.errors import VidenceError
from core.images import ImageStore
from finetune.loop.labelling import LABEL_CONFIG, export_tasks, import_tasks
from finetune.loop.queue import CandidateQueue, QueueItem


@pytest.fixture
def images(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images-store", max_bytes=100_000, max_pixels=10_000)


@pytest.fixture
def queue(tmp_path: Path, images: ImageStore) -> CandidateQueue:
    Image.new("RGB", (4, 3), "red").save(tmp_path / "a.png")
    stored = images.add_path(tmp_path / "a.png")
    queue = CandidateQueue.under(tmp_path)
    queue.add(
        [
            QueueItem(
                question="What colour is it?",
                image_sha256=stored.sha256,
                answer="blue",
                uncertainty=0.75,
                models={"vlm": {"name": "tiny", "hash": "ab"}},
            ),
            QueueItem(question="Who wrote it?", uncertainty=0.5),
        ]
    )
    return queue


def exported(queue: CandidateQueue, images: ImageStore, folder: Path, **options: Any) -> list[dict[str, Any]]:
    path = export_tasks(queue, queue.items("new", "exported"), folder / "tasks.json", images, **options)
    tasks: list[dict[str, Any]] = json.loads(path.read_text())
    return tasks


def annotated(task: dict[str, Any], text: str, user: Any = 7, verdict: str = "answerable") -> dict[str, Any]:
    result: list[dict[str, Any]] = [
        {"from_name": "verdict", "to_name": "question", "type": "choices", "value": {"choices": [verdict]}}
    ]
    if text:
        value = {"text": [text]}
        result.append({"from_name": "answer", "to_name": "question", "type": "textarea", "value": value})
    one = {"id": 1, "completed_by": user, "result": result, "was_cancelled": False, "lead_time": 3.2}
    return {**task, "id": 1, "annotations": [*task.get("annotations", []), one]}


def test_tasks_carry_the_image_the_question_and_the_models_answer_as_a_prediction(
    queue: CandidateQueue, images: ImageStore, tmp_path: Path
) -> None:
    seen, text = exported(queue, images, tmp_path / "out")
    assert seen["data"]["question"] == "What colour is it?"
    kind, content = seen["data"]["image"].split(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(content).startswith(b"\x89PNG")
    (prediction,) = seen["predictions"]
    assert prediction["model_version"] == "tiny@ab"
    assert prediction["score"] == 0.25
    assert prediction["result"][0]["value"] == {"text": ["blue"]}
    assert text["predictions"] == []
    assert text["data"]["image"].startswith("data:image/png")
    assert queue.counts()["exported"] == 2


def test_every_field_and_control_that_tasks_use_is_in_the_labelling_configuration(
    queue: CandidateQueue, images: ImageStore, tmp_path: Path
) -> None:
    root = ElementTree.fromstring(LABEL_CONFIG)
    shown = {node.get("value", "")[1:] for node in root.iter() if node.get("value", "").startswith("$")}
    controls = {node.get("name"): node.get("toName") for node in root.iter() if node.get("toName")}
    for task in exported(queue, images, tmp_path / "out"):
        assert shown <= set(task["data"])
        for prediction in task["predictions"]:
            for result in prediction["result"]:
                assert controls[result["from_name"]] == result["to_name"]
    assert (tmp_path / "out" / "labelling.xml").read_text() == LABEL_CONFIG


def test_images_can_lie_beside_the_tasks(queue: CandidateQueue, images: ImageStore, tmp_path: Path) -> None:
    seen, _ = exported(queue, images, tmp_path / "out", image_as="path")
    shown = seen["data"]["image"].removeprefix("/data/local-files/?d=")
    copied = (tmp_path / shown).read_bytes()
    sha = queue.items()[0].image_sha256
    assert sha
    assert hashlib.sha256(copied).digest() == hashlib.sha256(images.path(sha).read_bytes()).digest()


def test_an_image_that_is_gone_stops_the_export_before_anything_is_marked(
    queue: CandidateQueue, images: ImageStore, tmp_path: Path
) -> None:
    sha = queue.items()[0].image_sha256
    assert sha
    images.path(sha).unlink()
    with pytest.raises(VidenceError, match="gone from the store"):
        exported(queue, images, tmp_path / "out")
    assert queue.counts()["new"] == 2
    assert not (tmp_path / "out" / "tasks.json").exists()


def test_what_was_exported_comes_back_with_its_labels_and_again_changes_nothing(
    queue: CandidateQueue, images: ImageStore, tmp_path: Path
) -> None:
    seen, text = exported(queue, images, tmp_path)
    back = tmp_path / "export.json"
    twice = annotated(annotated(seen, "red"), "dark red", {"id": 9, "email": "b@example.org"})
    back.write_text(json.dumps([twice, annotated(text, "", verdict="unanswerable")], indent=2))
    for _ in range(2):
        report = import_tasks(queue, back)
        assert (report.labels, report.skipped, report.problems) == (3, 0, ())
    labelled, rejected = queue.items("labelled"), queue.items("rejected")
    assert [label.answer for label in queue.labels(labelled[0].id)] == ["red", "dark red"]
    assert [label.user for label in queue.labels(labelled[0].id)] == ["labelstudio:7", "labelstudio:9"]
    assert queue.labels(labelled[0].id)[0].seconds == 3.2
    assert rejected[0].question == "Who wrote it?"


def test_json_min_and_json_lines_are_read_too(
    queue: CandidateQueue, images: ImageStore, tmp_path: Path
) -> None:
    seen, text = exported(queue, images, tmp_path)
    flat = {**text["data"], "answer": "Ann Author", "verdict": "answerable", "annotator": 3, "id": 5}
    back = tmp_path / "export.jsonl"
    back.write_text(json.dumps(annotated(seen, "red")) + "\n" + json.dumps(flat) + "\n")
    assert import_tasks(queue, back).labels == 2
    assert queue.counts()["labelled"] == 2


def test_what_is_broken_is_reported_by_line_and_the_rest_is_kept(
    queue: CandidateQueue, images: ImageStore, tmp_path: Path
) -> None:
    seen, text = exported(queue, images, tmp_path)
    cancelled = annotated(text, "x")
    cancelled["annotations"][0]["was_cancelled"] = True
    lines = [
        json.dumps({"data": {"question": "not ours"}}),
        json.dumps(annotated({"data": {"candidate_id": "cunknown"}}, "x")),
        json.dumps(annotated(seen, "")),
        json.dumps(annotated(seen, "x", verdict="perhaps")),
        json.dumps({**seen, "annotations": [{"result": None}]}),
        json.dumps(cancelled),
        json.dumps(annotated(seen, "red")),
        "7",
    ]
    back = tmp_path / "export.json"
    back.write_text("[\n" + ",\n".join(lines) + "\n]")
    report = import_tasks(queue, back)
    assert [problem.line for problem in report.problems] == [2, 3, 4, 5, 6, 9]
    said = " | ".join(problem.problem for problem in report.problems)
    for part in ("no candidate_id", "cunknown", "no answer", "perhaps", "no `result` list", "an object"):
        assert part in said
    assert (report.labels, report.skipped) == (1, 1)
    assert queue.items("labelled")[0].question == "What colour is it?"


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        ('[\n{"a": 1},\n{"b": \n', 3, "not JSON"),
        ('[\n{"data": {}}\n', 3, "ends before"),
        ('{"a": 1}\n{', 2, "not JSON"),
    ],
)
def test_an_import_that_was_cut_short_says_where(
    queue: CandidateQueue, tmp_path: Path, content: str, line: int, said: str
) -> None:
    back = tmp_path / "export.json"
    back.write_text(content)
    last = import_tasks(queue, back).problems[-1]
    assert last.line == line
    assert said in last.problem


def test_what_is_no_export_is_refused(queue: CandidateQueue, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,answer\n1,red\n")
    with pytest.raises(VidenceError, match="not JSON of tasks"):
        import_tasks(queue, tmp_path / "x.csv")
    with pytest.raises(VidenceError, match="No file"):
        import_tasks(queue, tmp_path / "none.json")
