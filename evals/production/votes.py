"""What people, or a chat model, hold to be the right answer; and which answer stands where they differ.

Training data (`finetune.loop`) and eval data sets (`evals.production`) come of the same votes, settled alike.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal

from pydantic import Field

from core.contracts import Contract
from core.feedback_store import Feedback
from evals.exact_match import normal_answer
from evals.production.kinds import kind_of

Origin = Literal["feedback", "queue", "file"]
CHAT = "chat:"
"""Users whose name begins so are chat models: they count where no person spoke."""


def item_id(question: str, image_sha256: str | None) -> str:
    """Return the id of a question about an image, whatever its spacing and case."""
    key = json.dumps([" ".join(question.casefold().split()), image_sha256], ensure_ascii=False)
    return "c" + hashlib.sha256(key.encode()).hexdigest()[:16]


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
