"""Biomedical questions through the real graph: yes or no, names and lists (PubMedQA, BioASQ).

Deterministic samples of BioASQ, since every question is a run of the graph.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from evals.run.options import draw
from evals.run.registry import Place, suite
from evals.run.sample import Output, Sample
from evals.run.scorers import metric_scorer
from evals.solvers.asking import Ask, Asking, asker
from evals.solvers.bench import Bench
from evals.suites.answers import ANSWERED, INVENTED, said
from evals.suites.passages import bioasq_records, pubmedqa_records
from evals.suites.rows import public

_MOST = 150
_LABEL = re.compile(r"\W*(yes|no|maybe)\b", re.I)


def fitted_on(id_: str) -> bool:
    """Whether a question of the development sets is of the half that `benchmarks/fit_verdict.py` fits on."""
    return hashlib.sha256(id_.encode()).digest()[-1] % 2 == 0


def label_of(sample: Sample, output: Output) -> str:
    """Return the yes, no or maybe that an answer begins with; `none` where it has none."""
    # An answer that failed has no output at all, and counts as wrong.
    found = _LABEL.match(said(output)) if output.answer else None
    return found[1].lower() if found else "none"


LABELS = (
    metric_scorer("yes_no", label_of),
    metric_scorer("macro_f1", label_of),
    ANSWERED,
)


def _pubmedqa(bench: Bench) -> Asking:
    assert bench.data is not None  # the suite needs it
    name = bench.collection("pubmedqa", pubmedqa_records(bench.data / "pubmedqa"))
    return lambda sample: Ask(sample.input["question"], collections=(name,), profile="medical")


def _alone(bench: Bench) -> Asking:
    return lambda sample: Ask(sample.input["question"], profile="medical")


def verdicts(place: Place, name: str) -> list[Sample]:
    """Return PubMedQA's questions with their yes, no or maybe, as samples of a suite."""
    return [
        _sample(name, row["id"], row["question"], row["final_decision"], kind=row["final_decision"])
        for row in public(place, "pubmedqa/dev.jsonl")
    ]


def _sample(name: str, id_: str, question: str, target: Any, **more: Any) -> Sample:
    about: dict[str, Any] = {
        "family": "biomedical",
        "modality": "text",
        "source": name.split("_", maxsplit=1)[0],
        "difficulty": "of the fitted half" if fitted_on(id_) else "held out",
        **more,
    }
    return Sample(id=id_, suite=name, input={"question": question}, target=target, **about)


@suite("pubmedqa", family="biomedical", needs="pubmedqa", open_solver=asker(_pubmedqa), scorers=LABELS)
def pubmedqa(place: Place) -> Iterator[Sample]:
    """Yes, no or maybe with 1,000 abstracts to search, through the real graph (PubMedQA)."""
    yield from verdicts(place, "pubmedqa")


@suite("pubmedqa_alone", family="biomedical", needs="pubmedqa", open_solver=asker(_alone), scorers=LABELS)
def pubmedqa_alone(place: Place) -> Iterator[Sample]:
    """The same questions with nothing to search: what the models say from memory (PubMedQA)."""
    yield from verdicts(place, "pubmedqa_alone")


def _bioasq(bench: Bench) -> Asking:
    assert bench.data is not None  # the suite needs it
    name = bench.collection("bioasq", bioasq_records(bench.data / "bioasq")[0])
    return lambda sample: Ask(sample.input["question"], collections=(name,), profile="medical")


def _rows(place: Place, kind: str) -> list[Mapping[str, Any]]:
    return [row for row in public(place, "bioasq/dev.jsonl") if row["type"] == kind]


@suite("bioasq_yesno", family="biomedical", needs="bioasq", open_solver=asker(_bioasq), scorers=LABELS)
def bioasq_yesno(place: Place) -> Iterator[Sample]:
    """Yes or no over all snippets, through the real graph (BioASQ, 150 drawn)."""
    samples = [
        _sample("bioasq_yesno", row["id"], row["question"], row["exact_answer"], kind=row["exact_answer"])
        for row in _rows(place, "yesno")
    ]
    yield from draw(samples, _MOST)


def _all(names: str | list[str]) -> list[str]:
    return [names] if isinstance(names, str) else names


def _only(sample: Sample, output: Output) -> list[str]:
    return [said(output)] if said(output) else []


def _names(sample: Sample) -> list[str]:
    return list(sample.target)


@suite(
    "bioasq_factoid",
    family="biomedical",
    needs="bioasq",
    open_solver=asker(_bioasq),
    scorers=(metric_scorer("factoid_strict", _only, _names), INVENTED, ANSWERED),
)
def bioasq_factoid(place: Place) -> Iterator[Sample]:
    """Names and numbers over all snippets, through the real graph (BioASQ, 150 drawn)."""
    samples = [
        _sample(
            "bioasq_factoid",
            row["id"],
            row["question"],
            [name for names in row["exact_answer"] for name in _all(names)],
        )
        for row in _rows(place, "factoid")
    ]
    yield from draw(samples, _MOST)


@suite(
    "bioasq_list",
    family="biomedical",
    needs="bioasq",
    open_solver=asker(_bioasq),
    scorers=(
        metric_scorer("item_f1", lambda sample, output: said(output)),
        metric_scorer("item_precision", lambda sample, output: said(output), judged=False),
        metric_scorer("item_recall", lambda sample, output: said(output), judged=False),
        ANSWERED,
    ),
)
def bioasq_list(place: Place) -> Iterator[Sample]:
    """Lists of names over all snippets, through the real graph (BioASQ, 150 drawn)."""
    samples = [
        _sample("bioasq_list", row["id"], row["question"], row["exact_answer"])
        for row in _rows(place, "list")
    ]
    yield from draw(samples, _MOST)


SUITES = (pubmedqa, pubmedqa_alone, bioasq_yesno, bioasq_factoid, bioasq_list)
