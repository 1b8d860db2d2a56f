"""What RAGAS looks at of one answer: question, answer, what was retrieved, and what should have been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from evals.run.sample import Output, Sample

DONE = "done"


@dataclass(frozen=True)
class Row:
    """An answer as RAGAS takes it.

    Attributes:
        question: What was asked.
        response: The whole answer; empty when the agent abstained.
        short: The short answer; empty when it abstained.
        contexts: Texts that were retrieved, best first.
        context_ids: The documents that they are of, each once, best first.
        references: Accepted short answers.
        reference_contexts: Texts that answer the question.
        reference_ids: Their documents.
        images: Names of the images that the question is about.
    """

    question: str
    response: str = ""
    short: str = ""
    contexts: tuple[str, ...] = ()
    context_ids: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    reference_contexts: tuple[str, ...] = ()
    reference_ids: tuple[str, ...] = ()
    images: tuple[str, ...] = ()


def is_answer(sample: Sample, output: Output) -> bool:
    """Return whether this is an answer of the graph to a question, as `evals.solvers.asking` keeps it."""
    answer = output.answer
    asked = isinstance(sample.input.get("question"), str)
    return asked and isinstance(answer, dict) and {"status", "short", "text"} <= set(answer)


def row_of(sample: Sample, output: Output) -> Row:
    """Return an answer as RAGAS takes it; raises `ValueError` when it is no answer of the graph."""
    if not is_answer(sample, output):
        raise ValueError(f"{sample.suite}: {sample.id} is no answer of the graph to a question")
    answer: dict[str, Any] = output.answer
    said = answer["status"] == DONE
    found = [(str(document), str(text)) for document, text in answer.get("retrieved") or []]
    target = sample.target if isinstance(sample.target, dict) else {"answers": sample.target}
    return Row(
        question=sample.input["question"],
        response=str(answer["text"] or "") if said else "",
        short=str(answer["short"] or "") if said else "",
        contexts=tuple(text for _, text in found if text.strip()),
        context_ids=tuple(dict.fromkeys(document for document, _ in found)),
        references=_texts(target.get("answers")),
        reference_contexts=_texts(target.get("contexts")),
        reference_ids=_texts(target.get("passages")),
        images=_texts(sample.input.get("images")),
    )


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,) if value else ()
    return (
        tuple(one for one in value if isinstance(one, str) and one) if isinstance(value, list | tuple) else ()
    )
