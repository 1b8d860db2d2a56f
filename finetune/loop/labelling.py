"""The queue as Label Studio tasks, and back: its JSON task format, with the model's answers as predictions.

Format: https://labelstud.io/guide/task_format and https://labelstud.io/guide/predictions. A task has `data`
(what the labelling configuration shows), `predictions` and, when it comes back, `annotations`, each with a
`result` list of `{from_name, to_name, type, value}`. The answer is a `textarea` (`value.text`, a list), the
verdict a `choices` (`value.choices`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from core.contracts import Contract
from core.errors import VidenceError, invalid_input, not_found
from core.images import ImageStore
from finetune.data.dataset import write_whole
from finetune.loop.queue import CandidateQueue, Label, QueueItem, Verdict

ImageAs = Literal["data-url", "path"]
_VERDICTS: dict[str, Verdict] = {
    "answerable": "answer",
    "unanswerable": "unanswerable",
    "skip": "skip",
}
_NO_IMAGE = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)
"""One transparent pixel: Label Studio refuses a task that lacks a field which the configuration shows."""

LABEL_CONFIG = """<View>
  <Image name="image" value="$image" zoom="true"/>
  <Header value="$question"/>
  <Text name="question" value="$question"/>
  <TextArea name="answer" toName="question" maxSubmissions="1" editable="true" rows="1"
            placeholder="The right answer, as short as it can be"/>
  <Choices name="verdict" toName="question" choice="single" showInline="true">
    <Choice value="answerable" selected="true"/>
    <Choice value="unanswerable"/>
    <Choice value="skip"/>
  </Choices>
</View>
"""
"""What to paste into a Label Studio project's labelling configuration."""


class ImportProblem(Contract):
    """A part of an import that was left out: the line where it begins, and why."""

    line: int
    problem: str


class ImportReport(Contract):
    """What an import did."""

    labels: int = 0
    skipped: int = 0
    """Annotations that their annotator cancelled, and tasks that nobody annotated."""
    problems: tuple[ImportProblem, ...] = ()


def task_of(item: QueueItem, image: str | None) -> dict[str, Any]:
    """Return a candidate as a task; `image` is a data URL or a path that Label Studio can open."""
    data = {
        "question": item.question,
        "image": image or _NO_IMAGE,
        "candidate_id": item.id,
        "kind": item.kind,
        "reasons": ", ".join(item.reasons),
        "run_ids": ", ".join(item.run_ids),
    }
    task: dict[str, Any] = {"data": data, "predictions": []}
    if item.answer:
        model = item.models.get("vlm") or next(iter(item.models.values()), None)
        result = {
            "id": f"p{item.id}",
            "from_name": "answer",
            "to_name": "question",
            "type": "textarea",
            "value": {"text": [item.answer]},
        }
        task["predictions"] = [
            {
                "model_version": f"{model.name}@{model.hash}" if model else "unknown",
                "score": round(1.0 - item.uncertainty, 4),
                "result": [result],
            }
        ]
    return task


def export_tasks(
    queue: CandidateQueue,
    items: Sequence[QueueItem],
    target: Path,
    images: ImageStore,
    *,
    image_as: ImageAs = "data-url",
) -> Path:
    """Write candidates as one JSON file of tasks, then mark them as exported.

    Beside it `labelling.xml` is the project's configuration. With `path`, the images lie beside it in
    `images/` and are named as Label Studio's local storage does; its root must be the folder above.

    Raises:
        VidenceError: `not_found` when an image is gone from the store; nothing is written then.
    """
    tasks = [task_of(item, _image(item, target, images, image_as)) for item in items]
    write_whole(target, json.dumps(tasks, ensure_ascii=False, indent=1).encode() + b"\n")
    write_whole(target.parent / "labelling.xml", LABEL_CONFIG.encode())
    queue.move([item.id for item in items if item.state == "new"], "exported")
    return target


def _image(item: QueueItem, target: Path, images: ImageStore, image_as: ImageAs) -> str | None:
    if item.image_sha256 is None:
        return None
    path = images.path(item.image_sha256)
    if not path.exists():
        raise not_found(
            f"The image of candidate {item.id} is gone from the store",
            help=f"Reject it: vidence finetune queue reject {item.id}",
        )
    content = path.read_bytes()
    if image_as == "data-url":
        return "data:image/png;base64," + base64.b64encode(content).decode()
    copy = target.parent / "images" / f"{item.image_sha256}.png"
    if not copy.exists():
        write_whole(copy, content)
    return f"/data/local-files/?d={target.absolute().parent.name}/images/{copy.name}"


def import_tasks(queue: CandidateQueue, path: Path) -> ImportReport:
    """Read an export of Label Studio (JSON, JSON-MIN, or JSON lines of either) into the queue.

    What is broken is left out and reported with its line; the rest is kept. Importing again changes nothing.

    Raises:
        VidenceError: `not_found`, or `invalid_input` when the file is no JSON of tasks at all.
    """
    if not path.is_file():
        raise not_found(f"No file {path}", help="Export JSON or JSON-MIN in Label Studio.")
    labels = skipped = 0
    problems: list[ImportProblem] = []
    for line, task in _tasks(path.read_text(encoding="utf-8-sig", errors="replace"), str(path)):
        if isinstance(task, str):
            problems.append(ImportProblem(line=line, problem=task))
            continue
        try:
            found = list(_labels(task))
        except VidenceError as error:
            problems.append(ImportProblem(line=line, problem=error.message))
            continue
        skipped += not found
        for label in found:
            try:
                queue.label(label)
            except VidenceError as error:
                problems.append(ImportProblem(line=line, problem=error.message))
            else:
                labels += 1
    return ImportReport(labels=labels, skipped=skipped, problems=tuple(problems))


def _tasks(text: str, where: str) -> Iterator[tuple[int, Any]]:
    """Yield `(line, task)`, or `(line, problem)` for what cannot be read."""
    start = len(text) - len(text.lstrip())
    if text[start : start + 1] == "[":
        yield from _array(text, start + 1)
    elif text[start : start + 1] == "{":
        yield from _lines(text)
    else:
        raise invalid_input(f"{where} is not JSON of tasks", help="Export JSON or JSON-MIN in Label Studio.")


def _array(text: str, at: int) -> Iterator[tuple[int, Any]]:
    decoder = json.JSONDecoder()
    while True:
        while text[at : at + 1] and text[at] in " \t\r\n,":
            at += 1
        if text[at : at + 1] in ("]", ""):
            if not text[at : at + 1]:
                yield text.count("\n") + 1, "the file ends before the list does"
            return
        line = text.count("\n", 0, at) + 1
        try:
            task, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            yield line, f"not JSON: {error.msg} in line {error.lineno}; nothing after it was read"
            return
        yield line, task


def _lines(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                yield number, f"not JSON: {error.msg}"


def _labels(task: Any) -> Iterator[Label]:
    """Yield the labels of a task; raises `invalid_input` for one that is not ours or has no answer."""
    if not isinstance(task, dict):
        raise invalid_input("a task must be an object")
    data = task.get("data", task)
    candidate = data.get("candidate_id") if isinstance(data, dict) else None
    if not isinstance(candidate, str) or not candidate:
        raise invalid_input("the task has no candidate_id: it does not come from this queue")
    if "data" not in task:
        yield _flat(task, candidate)
        return
    annotations = task.get("annotations", task.get("completions", []))
    if not isinstance(annotations, list):
        raise invalid_input(f"{candidate}: `annotations` must be a list")
    for annotation in annotations:
        if not isinstance(annotation, dict) or not isinstance(annotation.get("result"), list):
            raise invalid_input(f"{candidate}: an annotation has no `result` list")
        if not annotation.get("was_cancelled"):
            yield _label(
                candidate,
                _user(annotation.get("completed_by")),
                _values(annotation["result"], "answer", "text", candidate),
                _values(annotation["result"], "verdict", "choices", candidate),
                annotation,
            )


def _flat(task: dict[str, Any], candidate: str) -> Label:
    """Read a task of JSON-MIN, where each control is a field."""
    answer, verdict = task.get("answer", []), task.get("verdict", [])
    return _label(
        candidate,
        _user(task.get("annotator")),
        [answer] if isinstance(answer, str) else list(answer),
        [verdict] if isinstance(verdict, str) else list(verdict),
        task,
    )


def _label(
    candidate: str, user: str, answers: Sequence[str], verdicts: Sequence[str], body: dict[str, Any]
) -> Label:
    unknown = [verdict for verdict in verdicts if verdict not in _VERDICTS]
    if unknown:
        raise invalid_input(f"{candidate}: unknown verdict {unknown[0]!r}; use {', '.join(_VERDICTS)}")
    verdict = _VERDICTS[verdicts[0]] if verdicts else "answer"
    text = next((answer.strip() for answer in answers if answer.strip()), "")
    if verdict == "answer" and not text:
        raise invalid_input(f"{candidate}: an annotation by {user} has no answer")
    seconds = body.get("lead_time")
    return Label(
        candidate_id=candidate,
        user=user,
        verdict=verdict,
        answer=text if verdict == "answer" else "",
        at=str(body.get("updated_at") or body.get("created_at") or ""),
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
    )


def _values(result: Iterable[Any], control: str, key: str, candidate: str) -> list[str]:
    found: list[str] = []
    for item in result:
        if not isinstance(item, dict) or not isinstance(item.get("value"), dict):
            raise invalid_input(f"{candidate}: a result has no `value`")
        if item.get("from_name") == control:
            value = item["value"].get(key)
            parts = [value] if isinstance(value, str) else value
            if not isinstance(parts, list) or any(not isinstance(part, str) for part in parts):
                raise invalid_input(f"{candidate}: `{control}` has no `value.{key}`")
            found += parts
    return found


def _user(completed_by: Any) -> str:
    """Return who annotated: an id, or an object with id and mail address, as exports give it."""
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("id", completed_by.get("email"))
    return f"labelstudio:{completed_by}" if completed_by not in (None, "") else "labelstudio:unknown"
