"""Votes from the queue and from files of corrections or ratings (settled by `evals.production.votes`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, ValidationError

from core.contracts import Contract
from core.errors import invalid_input, not_found
from core.feedback_store import Feedback
from core.images import ImageStore
from evals.production.kinds import kind_of
from evals.production.votes import Vote, from_feedback
from finetune.data.lines import file_lines, first_problem
from finetune.loop.queue import CandidateQueue


def from_queue(queue: CandidateQueue) -> Iterator[Vote]:
    """Yield the labels of labelled and used candidates: a version made again has the same rows."""
    for item in queue.items("labelled", "used"):
        for label in queue.labels(item.id):
            if label.verdict == "answer":
                yield Vote(
                    question=item.question,
                    image_sha256=item.image_sha256,
                    answer=label.answer,
                    user=label.user,
                    origin="queue",
                    model_answer=item.answer,
                    confidence=1.0 - item.uncertainty,
                    kind=item.kind or kind_of(item.question, label.answer),
                    licence=item.licence,
                    run_ids=item.run_ids,
                    candidate_id=item.id,
                    at=label.at,
                )


class FileVote(Contract):
    """A line of a file of corrections; `image` is relative to the file."""

    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)
    image: str | None = None
    user: str = "file"
    model_answer: str = ""
    kind: str = ""
    licence: str = ""
    run_id: str = ""
    at: str = ""


_FILE_HELP = (
    'JSON lines with "question" and "answer"; "image", "user", "model_answer", "kind" if there are any. '
    "Or ratings, as GET /v1/feedback exports them."
)


def from_file(path: Path, images: ImageStore, *, confirmed: bool = True) -> list[Vote]:
    """Read corrections or exported ratings, JSON lines.

    Args:
        path: The file. A line with `run` is a rating (`core.feedback_store.Feedback`), which names its images
            by their hash; every other is a correction.
        images: Where the images of corrections are kept from now on.
        confirmed: Whether answers that were rated up count.

    Raises:
        VidenceError: `invalid_input` that names every broken line, up to ten.
    """
    if not path.is_file():
        raise not_found(f"No file {path}", help=_FILE_HELP)
    votes: list[Vote] = []
    broken: list[str] = []
    for number, line in enumerate(file_lines(path), 1):
        if not line.strip():
            continue
        try:
            body = json.loads(line)
            if isinstance(body, dict) and "run" in body:
                votes += from_feedback([Feedback.model_validate_json(line)], confirmed=confirmed)
            else:
                votes.append(_correction(FileVote.model_validate(body), path, images))
        except (ValidationError, json.JSONDecodeError) as error:
            said = first_problem(error) if isinstance(error, ValidationError) else error.msg
            broken.append(f"line {number}: {said}")
    if broken:
        raise invalid_input(f"{path}: {'; '.join(broken[:10])}", help=_FILE_HELP)
    return votes


def _correction(item: FileVote, path: Path, images: ImageStore) -> Vote:
    stored = images.add_path(path.parent / item.image) if item.image else None
    return Vote(
        question=item.question,
        image_sha256=stored.sha256 if stored else None,
        answer=item.answer,
        user=item.user,
        origin="file",
        model_answer=item.model_answer,
        kind=item.kind or kind_of(item.question, item.answer),
        licence=item.licence,
        run_ids=(item.run_id,) if item.run_id else (),
        at=item.at,
    )
