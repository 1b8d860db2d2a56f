"""What a model answers to a data set's questions, and how right it is, beside what the words alone give."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, ValidationError

from core.contracts import Contract
from core.errors import invalid_input, not_found
from evals.exact_match import exact_match
from evals.gate import Judged
from evals.paired import Interval, Paired, bootstrap_mean, paired_difference, wilson
from evals.prior import right_by_prior
from finetune.release.answering import Answerer, Progress, Reply
from finetune.release.questions import Questions


class AnswerRow(Contract):
    """One question as the model answered it; `grey_*` are the same with a grey image."""

    id: str
    kind: str
    group: str
    question: str
    answers: tuple[str, ...]
    answer: str
    right: bool
    confidence: float
    grey_answer: str | None = None
    grey_right: bool | None = None


class Slice(Contract):
    """All questions, or those of one kind. `accuracy` has Wilson's interval."""

    n: int
    accuracy: Interval
    text_only: Interval | None = None


class Evaluation(Contract):
    """A model on a data set."""

    model: str = Field(description="`NAME@VERSION`, or the folder or server that was asked.")
    version: str = Field(description="Version of the checkpoint's files; empty for a server.")
    backend: str
    data: str = Field(description="`NAME@VERSION:SPLIT`, with `[N]` for a draw.")
    overall: Slice
    by_image: Interval = Field(description="The accuracy with a bootstrap over images.")
    over_text_only: Paired | None = Field(None, description="With the image minus by words alone.")
    kinds: dict[str, Slice]
    mean_confidence: float
    calibration_error: float = Field(description="Expected calibration error over ten bins.")
    rows: tuple[AnswerRow, ...]

    def summary(self) -> dict[str, object]:
        """Return everything but the rows, for the registry and the screen."""
        body = self.model_dump(mode="json", exclude={"rows"})
        return {**body, "accuracy": body["overall"]["accuracy"]}

    def judged(self) -> list[Judged]:
        """Return the rows as the gate takes them."""
        blind = words_alone(self.rows)
        return [
            Judged(
                id=row.id,
                kind=row.kind,
                group=row.group,
                score=float(row.right),
                text_only=None if blind is None else blind[place],
            )
            for place, row in enumerate(self.rows)
        ]

    def judged_text_only(self) -> list[Judged]:
        """Return what the words alone give as a model of its own: what a first model has to beat.

        Raises:
            VidenceError: `invalid_input` when they were not asked.
        """
        blind = words_alone(self.rows)
        if blind is None:
            raise invalid_input(
                "The evaluation has no text-only baseline", help="Evaluate again with --text-only."
            )
        return [
            Judged(id=row.id, kind=row.kind, group=row.group, score=score)
            for row, score in zip(self.rows, blind, strict=True)
        ]


def evaluate(
    answerer: Answerer,
    questions: Questions,
    *,
    model: str,
    version: str,
    backend: str,
    text_only: bool = True,
    progress: Progress | None = None,
) -> Evaluation:
    """Ask every question greedily, and again with a grey image (see `words_alone`).

    Args:
        answerer: The model.
        questions: What to ask.
        model: What to call it in the report.
        version: Version of its files.
        backend: What ran it.
        text_only: Whether to ask with grey images too: what the words alone give away.
        progress: Hears how many answers are done, grey ones included.

    Raises:
        VidenceError: What the answerer raises.
    """
    count = len(questions.rows)
    total = count * (2 if text_only else 1)
    told = progress or (lambda done, of: None)
    replies = answerer.answer(questions.asked(), lambda done, _: told(done, total))
    grey: Sequence[Reply | None] = [None] * count
    if text_only:
        grey = answerer.answer(questions.asked(grey=True), lambda done, _: told(count + done, total))
    rows = tuple(
        AnswerRow(
            id=row.id,
            kind=row.kind,
            group=row.group,
            question=row.question,
            answers=row.answers,
            answer=reply.text,
            right=exact_match(reply.text, row.answers),
            confidence=reply.confidence,
            grey_answer=None if blind is None else blind.text,
            grey_right=None if blind is None else exact_match(blind.text, row.answers),
        )
        for row, reply, blind in zip(questions.rows, replies, grey, strict=True)
    )
    return summarise(rows, model=model, version=version, backend=backend, data=questions.ref)


def summarise(rows: Sequence[AnswerRow], *, model: str, version: str, backend: str, data: str) -> Evaluation:
    """Return the figures of answered questions; raises `ValueError` without any."""
    kinds = sorted({row.kind for row in rows})
    blind = words_alone(rows)
    groups = [row.group for row in rows]
    right = [float(row.right) for row in rows]
    return Evaluation(
        model=model,
        version=version,
        backend=backend,
        data=data,
        overall=_slice(rows, blind),
        by_image=bootstrap_mean(right, groups),
        over_text_only=None if blind is None else paired_difference(blind, right, groups),
        kinds={kind: _kind(rows, blind, kind) for kind in kinds},
        mean_confidence=sum(row.confidence for row in rows) / len(rows),
        calibration_error=_calibration_error(rows),
        rows=tuple(rows),
    )


def read_evaluation(path: Path) -> Evaluation:
    """Read an evaluation file; raises `not_found` or `invalid_input`."""
    if not path.is_file():
        raise not_found(
            f"There is no evaluation at {path}", help="Make one: vidence finetune evaluate -o FILE"
        )
    try:
        return Evaluation.model_validate_json(path.read_text())
    except (ValidationError, UnicodeDecodeError) as error:
        raise invalid_input(f"{path} is not an evaluation", help="Evaluate again.") from error


def words_alone(rows: Sequence[AnswerRow]) -> list[float] | None:
    """Return what is right without the image, 0 or 1 a row; None when grey images were not asked.

    It is the model with grey images, or the commonest answers, whichever is right more often: a model that
    was never shown grey may say nothing sensible to it, and would then be easy to beat.
    """
    if any(row.grey_right is None for row in rows):
        return None
    grey = [float(bool(row.grey_right)) for row in rows]
    prior = right_by_prior(
        [row.question for row in rows], [row.kind for row in rows], [row.answers for row in rows]
    )
    return grey if sum(grey) >= sum(prior) else [float(right) for right in prior]


def _slice(rows: Sequence[AnswerRow], blind: Sequence[float] | None) -> Slice:
    return Slice(
        n=len(rows),
        accuracy=wilson(sum(row.right for row in rows), len(rows)),
        text_only=None if blind is None else wilson(round(sum(blind)), len(rows)),
    )


def _kind(rows: Sequence[AnswerRow], blind: Sequence[float] | None, kind: str) -> Slice:
    at = [place for place, row in enumerate(rows) if row.kind == kind]
    return _slice([rows[place] for place in at], None if blind is None else [blind[place] for place in at])


def _calibration_error(rows: Sequence[AnswerRow], bins: int = 10) -> float:
    """Return how far confidence and accuracy lie apart, weighted by bin (Naeini et al. 2015)."""
    error = 0.0
    for place in range(bins):
        inside = [row for row in rows if min(int(row.confidence * bins), bins - 1) == place]
        if inside:
            gap = sum(row.confidence for row in inside) - sum(row.right for row in inside)
            error += abs(gap) / len(rows)
    return error
