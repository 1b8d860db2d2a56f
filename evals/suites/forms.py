"""Forms of our own as texts: their fields, asked by the form's number among many of the same kind."""

from __future__ import annotations

from collections.abc import Iterator

from evals.made.things import Thing, things
from evals.run.registry import Place, suite
from evals.run.sample import Output, Sample
from evals.solvers.asking import Ask
from evals.solvers.bench import AsyncAnswer, Bench, async_solver
from evals.suites.documents import TOGETHER, ask_fields
from evals.suites.rows import own

_EACH = 10
_KINDS = {"money": "amount", "number": "amount", "date": "date"}


def forms() -> list[Thing]:
    """Return the forms: ten of each kind."""
    return things(own("forms.jsonl"), _EACH)


def _form_asker(bench: Bench) -> AsyncAnswer:
    name = bench.collection(
        "forms", [{"id": one.id, "title": one.title, "text": one.text} for one in forms()]
    )

    async def answer(sample: Sample) -> Output:
        asked = sample.input["questions"]
        return await ask_fields(
            bench, {field: Ask(text, collections=(name,)) for field, text in asked.items()}
        )

    return answer


@suite(
    "made_forms",
    family="documents",
    open_solver=async_solver(_form_asker),
    scorers=TOGETHER,
)
def made_forms(place: Place) -> Iterator[Sample]:
    """Two fields of each of 80 invoices, leases, permits and the like, found among all, through the graph."""
    for form in forms():
        asked = form.answered[:2]
        yield Sample(
            id=form.id,
            suite="made_forms",
            family="documents",
            kind=form.kind,
            modality="text",
            source="made",
            input={
                "questions": {one.key: one.question for one in asked},
                "kinds": {one.key: _KINDS.get(one.kind, "text") for one in asked},
            },
            target={one.key: one.accepted[0] for one in asked},
        )


SUITES = (made_forms,)
