"""What people, or a chat model, hold to be the right answer; and which answer stands where they differ."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from core.contracts import Contract
from core.errors import invalid_input, not_found
from core.feedback_store import Feedback
from core.images import ImageStore
from evals.exact_match import normal_answer
from finetune.data.lines import file_lines, first_problem
from finetune.loop.kinds import kind_of
from finetune.loop.queue import CandidateQueue, item_id

Origin = Literal["feedback", "queue", "file"]
CHAT = "chat:"
"""Users whose name begins so are chat models: they count where no person spoke."""


class Vote(Contract):
    """One user's answer to one question. `model_answer` is what the model had said."""

    question: str = Field(min_length=1)
    image_sha256: str | None = None
    answer: str = Field(min_length=1)
    user: str
    origin: Origin
    model_answer: str = ""
    confidence: float = 0.0
    kind: str = ""
    licence: str = ""
    run_ids: tuple[str, ...] = ()
    candidate_id: str = ""
    at: str = ""

    @property
    def key(self) -> str:
        """Name the question and image, whatever the spacing and case."""
        return item_id(self.question, self.image_sha256)

    @property
    def corrects(self) -> bool:
        """Whether it differs from what the model said."""
        return normal_answer(self.answer) != normal_answer(self.model_answer)

    @property
    def by_person(self) -> bool:
        """Whether a person cast it."""
        return not self.user.startswith(CHAT)


class Settled(Contract):
    """A question with the answer that stands, and the votes for and against it."""

    answer: str
    votes: tuple[Vote, ...]
    against: tuple[Vote, ...] = ()

    @property
    def share(self) -> float:
        """The share of the users who agree."""
        return len(self.votes) / (len(self.votes) + len(self.against))


class Conflict(Contract):
    """A question on which too few agree: nothing is learned from it. `answers` counts users."""

    question: str
    image_sha256: str | None
    answers: dict[str, int]


def from_feedback(items: Iterable[Feedback], *, confirmed: bool = True) -> Iterator[Vote]:
    """Yield corrections, and (when `confirmed`) the answers that were rated up.

    What was rated down without a correction has no answer: the queue asks for one. Runs about several images
    are left out.
    """
    for item in items:
        answer = item.correction or (item.run.short_answer if item.rating == "up" and confirmed else "")
        if not answer or len(item.run.images) > 1:
            continue
        yield Vote(
            question=item.run.question,
            image_sha256=item.run.images[0] if item.run.images else None,
            answer=answer,
            user=item.user,
            origin="feedback",
            model_answer=item.run.short_answer,
            confidence=item.run.confidence,
            kind=kind_of(item.run.question, answer),
            run_ids=(item.run.run_id,),
            at=item.at,
        )


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
    'JSON lines with "question" and "answer"; "image", "user", "model_answer", "kind" if there are any.'
)


def from_file(path: Path, images: ImageStore) -> list[Vote]:
    """Read corrections, JSON lines; raises `invalid_input` that names every broken line, up to ten."""
    if not path.is_file():
        raise not_found(f"No file {path}", help=_FILE_HELP)
    votes: list[Vote] = []
    broken: list[str] = []
    for number, line in enumerate(file_lines(path), 1):
        if not line.strip():
            continue
        try:
            item = FileVote.model_validate(json.loads(line))
        except (ValidationError, json.JSONDecodeError) as error:
            said = first_problem(error) if isinstance(error, ValidationError) else error.msg
            broken.append(f"line {number}: {said}")
            continue
        stored = images.add_path(path.parent / item.image) if item.image else None
        votes.append(
            Vote(
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
        )
    if broken:
        raise invalid_input(f"{path}: {'; '.join(broken[:10])}", help=_FILE_HELP)
    return votes


def resolve(votes: Iterable[Vote], *, agreement: float = 0.6) -> tuple[list[Settled], list[Conflict]]:
    """Settle each question by its users: one voice each, their latest; people before chat models.

    Args:
        votes: Any number a question.
        agreement: Share of the users that the most common answer needs; above half, so that a tie never
            stands.

    Returns:
        What stands and what does not, by question.
    """
    questions: dict[str, dict[str, Vote]] = {}
    for vote in sorted(votes, key=lambda one: (_time(one.at), one.user, one.answer)):
        questions.setdefault(vote.key, {})[vote.user] = vote
    settled: list[Settled] = []
    conflicts: list[Conflict] = []
    for key in sorted(questions):
        said = list(questions[key].values())
        voices = [vote for vote in said if vote.by_person] or said
        counts = Counter(normal_answer(vote.answer) for vote in voices)
        best, most = min(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        if most / len(voices) < max(agreement, 0.5) or most * 2 <= len(voices):
            conflicts.append(
                Conflict(question=said[0].question, image_sha256=said[0].image_sha256, answers=dict(counts))
            )
            continue
        agreed = [vote for vote in voices if normal_answer(vote.answer) == best]
        others = [vote for vote in voices if normal_answer(vote.answer) != best]
        settled.append(Settled(answer=_spelling(agreed), votes=tuple(agreed), against=tuple(others)))
    return settled, conflicts


def _spelling(votes: Sequence[Vote]) -> str:
    """Return the most common way to write the answer."""
    counts = Counter(" ".join(vote.answer.split()) for vote in votes)
    return min(counts.items(), key=lambda pair: (-pair[1], pair[0]))[0]


def _time(text: str) -> float:
    """Return a time that can be compared; what is no time comes first."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
