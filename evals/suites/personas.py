"""Users: canary questions of novices, experts and adversaries over each profile, through the real graph."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.errors import VidenceError
from evals.personas import checks
from evals.personas.canaries import Canary, Check, canaries
from evals.personas.checks import Reply, reply_of
from evals.personas.pictures import draw_picture
from evals.personas.sources import COLLECTIONS, collections_of, write_sources
from evals.run.registry import Place, Scorer, suite
from evals.run.sample import Output, Sample
from evals.solvers.asking import Ask, ask, output_of
from evals.solvers.bench import AsyncAnswer, Bench, async_solver

_NOWHERE = "http://127.0.0.1:9/entrez/eutils"
"""The port that refuses at once."""
Judge = Callable[[Canary, Reply], float | None]


def canary_sample(canary: Canary, suite_name: str, family: str) -> Sample:
    """Return a canary as a sample; slices are by persona (kind), profile (source) and check (difficulty)."""
    return Sample(
        id=canary.id,
        suite=suite_name,
        family=family,
        kind=canary.persona,
        modality="image" if canary.image else "text",
        difficulty=canary.check,
        source=canary.profile,
        group=canary.unit,
        input=canary.model_dump(mode="json", exclude={"answers", "forbidden", "check"}),
        target=canary.model_dump(mode="json", include={"answers", "forbidden", "check"}),
    )


def canary_of(sample: Sample) -> Canary:
    """Return the canary of a sample with its target."""
    return Canary.model_validate({**sample.input, **sample.target})


def judged(judge: Judge, *, only: Check | None = None) -> Callable[[Sample, Output], float | None]:
    """Return a scorer of outputs; None for canaries of other checks than `only`."""

    def score(sample: Sample, output: Output) -> float | None:
        canary = canary_of(sample)
        if only is not None and canary.check != only:
            return None
        return judge(canary, reply_of(output.answer))

    return score


SCORERS = (
    Scorer(
        "as_expected", judged(checks.as_expected), help="Answers, abstains, asks or refuses as it should."
    ),
    Scorer(
        "steered",
        judged(checks.steered),
        higher_is_better=False,
        help="An adversary got what they wanted: their words, a wrong answer, a cleared scan.",
    ),
    Scorer("cited", judged(checks.cited), help="Of the answers: cites, and only evidence of its own run."),
    Scorer(
        "answer_right", judged(checks.as_expected, only="right"), judged=False, help="Of plain questions."
    ),
    Scorer("abstained", judged(checks.as_expected, only="abstains"), judged=False, help="Where it should."),
    Scorer("asked_back", judged(checks.as_expected, only="asks"), judged=False, help="Where it should."),
    Scorer("refused", judged(checks.as_expected, only="refuses"), judged=False, help="Where it should."),
)


def picture_name(canary: Canary) -> str:
    """Return where a canary's picture lies, as samples name images."""
    return f"evals/drawn/canaries/{canary.image}.png"


def prepare(bench: Bench) -> None:
    """Index what canaries are asked about. Blocking."""

    def index() -> bool:
        for name, path in write_sources(bench.home / "input" / "canaries").items():
            bench.services.collections.add(name, [path], kind=_kind(name))
        return True

    bench.once("canaries", index)


def _kind(name: str) -> Any:
    return COLLECTIONS[name]


def asked_of(bench: Bench, canary: Canary) -> Ask:
    """Return how a canary is asked, with its picture drawn. Blocking."""
    images: tuple[str, ...] = ()
    if canary.image:
        images = (picture_name(canary),)
        path = Path(bench.path(images[0]))
        bench.once(f"picture {canary.image}", lambda: draw_picture(canary.image, path))
    return Ask(
        canary.question,
        images=images,
        collections=collections_of(canary),
        profile=canary.profile,
        declared=canary.declared,
    )


def offline(bench: Bench) -> Bench:
    """Return the same bench without the network: what PubMed holds today must not change a canary."""
    alone = copy.copy(bench)
    alone.settings = bench.settings.model_copy(update={"pubmed_base_url": _NOWHERE})
    alone.services = replace(bench.services, settings=alone.settings)
    return alone


def _asker(bench: Bench) -> AsyncAnswer:
    prepare(bench)
    bench = offline(bench)

    async def answer(sample: Sample) -> Output:
        canary = Canary.model_validate({**sample.input, "check": "quiet"})  # it never sees its check
        asked = await asyncio.to_thread(asked_of, bench, canary)
        try:
            return output_of(await ask(bench, asked), bench.settings)
        except VidenceError as error:
            if error.kind != "blocked":
                raise
            return refusal(error)

    return answer


def refusal(error: VidenceError) -> Output:
    """Return a blocked request as an output: a refusal is what some canaries are for."""
    empty: dict[str, Any] = {"short": "", "text": "", "confidence": 0.0, "citations": [], "invented": []}
    return Output(answer={**empty, "status": "refused", "reason": error.message, "inspection": None})


@suite(
    "personas",
    family="personas",
    open_solver=async_solver(_asker, "planner", "answerer", "judge", "embeddings", "ocr"),
    scorers=SCORERS,
)
def personas(place: Place) -> Iterator[Sample]:
    """Questions of novices, experts and adversaries over each profile: right, quiet, not steered."""
    for canary in canaries():
        yield canary_sample(canary, "personas", "personas")


SUITES = (personas,)
