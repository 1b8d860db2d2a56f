"""Filling the queue: from finished runs and what was said about them, and from a pool of questions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from core.contracts import Contract, RunResult
from core.errors import VidenceError, invalid_input, not_found
from core.feedback_store import Feedback, images_of
from core.images import ImageStore
from evals.production.kinds import kind_of
from finetune.data.lines import file_lines, first_problem
from finetune.loop.queue import CandidateQueue, QueueItem, Reason
from finetune.loop.uncertainty import MEASURES, Measure, TokenScore
from models.embeddings import Embedder

UNSURE = 0.5
"""Uncertainty from which an answered run is a candidate."""


class ScoredAnswer(Contract):
    """An answer with the log-probabilities of its tokens."""

    text: str
    tokens: tuple[TokenScore, ...] = ()


class Answerer(Protocol):
    """Answers a question about an image, or about none, and tells how likely each token was."""

    def answer(self, question: str, image: Path | None) -> ScoredAnswer:
        """Answer greedily; raises `VidenceError` where the model cannot be reached."""
        ...


def from_run(
    result: RunResult, feedback: Sequence[Feedback] = (), *, unsure: float = UNSURE
) -> QueueItem | None:
    """Return the candidate that a run is, or None when it was sure and nobody called it wrong.

    A run about several images has no single one to label the answer on, so it is left out, as are runs that
    failed or still wait.
    """
    reasons: list[Reason] = []
    if result.status == "abstained":
        reasons.append("abstained")
    elif result.status != "done":
        return None
    elif result.uncertainty >= unsure:
        reasons.append("low_confidence")
    if any(item.rating == "down" for item in feedback):
        reasons.append("rated_down")
    images = images_of(result)
    if not reasons or len(images) > 1:
        return None
    # Whoever calls an answer wrong knows more than the model's own confidence.
    uncertainty = 1.0 if "rated_down" in reasons else result.uncertainty
    return QueueItem(
        question=result.question,
        image_sha256=images[0] if images else None,
        answer=result.short_answer,
        kind=kind_of(result.question, result.short_answer),
        reasons=tuple(sorted(reasons)),
        uncertainty=min(max(uncertainty, 0.0), 1.0),
        run_ids=(result.run_id,),
        models=result.models,
    )


def from_runs(
    results: Iterable[RunResult], feedback: Iterable[Feedback], *, unsure: float = UNSURE
) -> Iterator[QueueItem]:
    """Yield the candidates among runs; `feedback` may be of any runs."""
    said: dict[str, list[Feedback]] = {}
    for item in feedback:
        said.setdefault(item.run.run_id, []).append(item)
    for result in results:
        found = from_run(result, said.get(result.run_id, ()), unsure=unsure)
        if found is not None:
            yield found


class PoolQuestion(Contract):
    """A line of a pool: a question that nobody answered yet. `image` is relative to the pool's file."""

    question: str
    image: str | None = None
    kind: str = ""
    source: str = "pool"
    licence: str = ""


def read_pool(path: Path) -> list[PoolQuestion]:
    """Read a pool of questions, JSON lines; raises `invalid_input` naming the broken line."""
    if not path.is_file():
        raise not_found(f"No pool at {path}", help='JSON lines: {"question": ..., "image": PATH?}')
    pool: list[PoolQuestion] = []
    for number, line in enumerate(file_lines(path), 1):
        if not line.strip():
            continue
        try:
            pool.append(PoolQuestion.model_validate(json.loads(line)))
        except (ValidationError, json.JSONDecodeError) as error:
            said = first_problem(error) if isinstance(error, ValidationError) else error.msg
            raise invalid_input(
                f"{path}, line {number}: {said}", help="Mend or leave out the line."
            ) from error
    return pool


def from_pool(
    pool: Iterable[PoolQuestion],
    folder: Path,
    answerer: Answerer,
    images: ImageStore,
    *,
    measure: Measure = "entropy",
    skipped: Callable[[str], None] = lambda _why: None,
) -> Iterator[QueueItem]:
    """Ask each question of the model and yield it with how unsure the answer was.

    A question whose image is missing or broken is left out.

    Args:
        pool: The questions.
        folder: What their image paths are relative to.
        answerer: The model.
        images: Where their images are kept from now on.
        measure: Which figure of `finetune.loop.uncertainty` to take.
        skipped: Hears why a question was left out.
    """
    for item in pool:
        try:
            stored = images.add_path(folder / item.image) if item.image else None
        except VidenceError as error:
            skipped(error.message)
            continue
        reply = answerer.answer(item.question, images.path(stored.sha256) if stored else None)
        yield QueueItem(
            question=item.question,
            image_sha256=stored.sha256 if stored else None,
            answer=reply.text,
            kind=item.kind or kind_of(item.question, reply.text),
            reasons=("pool",),
            uncertainty=MEASURES[measure](reply.tokens),
            source=item.source,
            licence=item.licence,
        )


def rank(
    queue: CandidateQueue, embedder: Embedder, *, beta: float, near: float, asked: Sequence[str] = ()
) -> int:
    """Score every waiting candidate by uncertainty and density; return how many there are.

    Args:
        queue: The candidates, whose scores are written.
        embedder: Turns questions into unit vectors.
        beta: How much density counts; 0 not at all.
        near: Cosine from which two questions are neighbours.
        asked: More questions that people ask, which make a place dense.
    """
    import numpy as np

    from finetune.loop.density import combined, density

    waiting = queue.items("new", "exported")
    if not waiting:
        return 0
    vectors = embedder.embed([item.question for item in waiting])
    pool = embedder.embed(list(asked)) if asked else None
    typical = density(vectors, pool, near=near)
    scores = combined(np.array([item.uncertainty for item in waiting]), typical, beta=beta)
    queue.rescore(
        {item.id: (float(d), float(s)) for item, d, s in zip(waiting, typical, scores, strict=True)}
    )
    return len(waiting)


def choose(queue: CandidateQueue, embedder: Embedder, count: int, *, diversity: float) -> list[QueueItem]:
    """Return up to `count` new candidates to label, best first, unlike each other by `diversity` (0 to 1)."""
    import numpy as np

    from finetune.loop.density import pick_diverse

    waiting = queue.items("new")
    if not waiting or diversity == 0.0:
        return waiting[:count]
    vectors = embedder.embed([item.question for item in waiting])
    scores = np.array([item.score for item in waiting], dtype=np.float32)
    return [waiting[index] for index in pick_diverse(scores, vectors, count, weight=diversity)]
