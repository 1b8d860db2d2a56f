"""RAGAS over the agent's answers: what was retrieved and what was said, beside our own measures.

The three suites score answers that `answers` and `drawn_chart_questions` gave: theirs are taken from the
cache. `ragas` needs no language model. The other two need a judge; they advise and no gate compares them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from evals.ragas.scorers import image_scorers, judged_scorers, lacks_judge, lacks_package, plain_scorers
from evals.run.registry import Place, suite
from evals.run.sample import Sample
from evals.suites.answers import answers
from evals.suites.drawn_charts import drawn_chart_questions
from evals.suites.library import library

FAMILY = "rag"
_JUDGED_TIMEOUT_S = 900.0
"""A metric of a sample: many requests, each with a time-out of its own."""


def _answered(place: Place, name: str) -> Iterator[Sample]:
    texts = {str(row["id"]): str(row["text"]) for row in library()}
    for sample in answers.samples(place):
        contexts = [texts[id_] for id_ in sample.target["passages"]]
        target = {**sample.target, "contexts": contexts}
        yield sample.model_copy(update={"suite": name, "family": FAMILY, "target": target})


_over_answers = partial(suite, family=FAMILY, open_solver=answers.open_solver, scorers=(), answers_of=answers)


@_over_answers("ragas", open_scorers=plain_scorers, lacks=lacks_package, timeout_s=answers.timeout_s)
def ragas(place: Place) -> Iterator[Sample]:
    """RAGAS's measures without a model, on the answers and retrieved texts of `answers`."""
    yield from _answered(place, "ragas")


@_over_answers("ragas_judged", open_scorers=judged_scorers, lacks=lacks_judge, timeout_s=_JUDGED_TIMEOUT_S)
def ragas_judged(place: Place) -> Iterator[Sample]:
    """Faithfulness, answer relevancy, context precision and recall by a judge, on the same answers."""
    yield from _answered(place, "ragas_judged")


@suite(
    "ragas_images",
    family=FAMILY,
    open_solver=drawn_chart_questions.open_solver,
    scorers=(),
    open_scorers=image_scorers,
    lacks=lacks_judge,
    answers_of=drawn_chart_questions,
    timeout_s=_JUDGED_TIMEOUT_S,
)
def ragas_images(place: Place) -> Iterator[Sample]:
    """Multimodal faithfulness and relevance by a judge that sees the charts of `drawn_chart_questions`."""
    for sample in drawn_chart_questions.samples(place):
        yield sample.model_copy(update={"suite": "ragas_images", "family": FAMILY})


SUITES = (ragas, ragas_judged, ragas_images)
