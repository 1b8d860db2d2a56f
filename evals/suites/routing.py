"""Routing: does the agent choose the right next action for a question in its context?

The pattern for other suites: a loader that yields samples, what opens the solver, scorers, and `SUITES`.
The questions of `data/routing.jsonl` were fixed before the router was tuned. Its lines are `{id, action,
question, paraphrases, context: {images, image_kind, collections, profile}}`; the paraphrases are asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agents.heads import HEADS_FILE
from agents.router import RouteContext, Router
from agents.routes import seen_as
from core.contracts import ModelRef
from evals.made.values import sentence
from evals.run.registry import Place, Scorer, suite
from evals.run.sample import Output, Sample
from evals.run.solver import FunctionSolver
from evals.solvers.bench import open_bench
from evals.suites.rows import OWN, json_lines, own

FILE = OWN / "routing.jsonl"
_SHOWN = 3


def read_rows(path: Path = FILE) -> list[dict[str, Any]]:
    """Return the lines of a routing file."""
    return json_lines(path)


def context_of(row: dict[str, Any]) -> RouteContext:
    """Return what is at hand beside the words of a line, images as coarsely as the planner sees them."""
    given = row["context"]
    kind = given.get("image_kind", "none")
    kinds = () if kind == "none" else (seen_as(kind),) * given["images"]
    return RouteContext(given["images"], kinds, tuple(given["collections"]), given["profile"])


@contextmanager
def open_router(place: Place) -> Iterator[FunctionSolver]:
    """Open the embedded router, the one that the settings choose."""
    heads = hashlib.sha256(HEADS_FILE.read_bytes()).hexdigest()[:16]
    models = {"router": ModelRef(name=place.settings.router, hash=heads)}
    if place.settings.router == "rules":
        yield FunctionSolver(_answer(Router()), models)
        return
    with open_bench(place) as bench:
        router = Router(bench.services.models.embedder)
        yield FunctionSolver(_answer(router), {**models, **bench.models("embeddings")})


def _answer(router: Router) -> Callable[[Sample, int], Output]:
    def answer(sample: Sample, seed: int) -> Output:
        route = router.route(sample.input["question"], context_of(sample.input))
        top = {action: round(score, 4) for action, score in list(route.scores.items())[:_SHOWN]}
        return Output(answer={"action": route.action, "scores": top})

    return answer


def _right(sample: Sample, output: Output) -> float:
    return float(output.answer["action"] == sample.target)


ACCURACY = Scorer("accuracy", _right, help="Share of questions whose next action is right.")


@suite("routing", family="routing", version="2", open_solver=open_router, scorers=(ACCURACY,))
def routing(place: Place) -> Iterator[Sample]:
    """Paraphrases of 60 fixed questions: the next action of the embedded planner, in its context."""
    for row in read_rows():
        for number, text in enumerate(row["paraphrases"]):
            yield Sample(
                id=f"{row['id']}.{number}",
                suite="routing",
                family="routing",
                kind=row["action"],
                modality="image" if row["context"]["images"] else "text",
                source=row["context"]["profile"],
                group=row["id"],
                input={"question": text, "context": row["context"]},
                target=row["action"],
            )


@suite("made_routing", family="routing", version="2", open_solver=open_router, scorers=(ACCURACY,))
def made_routing(place: Place) -> Iterator[Sample]:
    """1,092 requests made from 84 ways to ask: the next action of the embedded planner, in its context."""
    for row in own("requests.jsonl"):
        for way, template in enumerate(row["templates"]):
            for number, thing in enumerate(row["x"]):
                text = template.format(x=thing)
                yield Sample(
                    id=f"{row['action']}.{way}.{number:02}",
                    suite="made_routing",
                    family="routing",
                    kind=row["action"],
                    modality="image" if row["context"]["images"] else "text",
                    source=row["context"]["profile"],
                    group=f"{row['action']}.{way}",
                    input={"question": sentence(text), "context": row["context"]},
                    target=row["action"],
                )


SUITES = (routing, made_routing)
