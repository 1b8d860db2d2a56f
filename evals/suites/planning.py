"""Planning: the kinds of source that a question needs, its parts, and answers that need several documents."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from agents.decompose import decompose
from agents.router import Router
from core.text import squash
from evals.metrics.multihop import Step
from evals.run.options import draw
from evals.run.registry import Place, Scorer, suite
from evals.run.sample import Output, Sample
from evals.run.scorers import metric_scorer
from evals.run.solver import function_solver
from evals.solvers.asking import Ask, Asking, asker
from evals.solvers.bench import Bench, bench_solver
from evals.suites.answers import ANSWERED, INVENTED, said
from evals.suites.rows import json_lines, public

_MOST = 60
_REFERENCE = re.compile(r"#(\d+)")


def _modalities(bench: Bench) -> Callable[[Sample, int], Output]:
    embedder = bench.services.models.embedder() if bench.settings.router == "embedding" else None
    router = Router(lambda: embedder) if embedder else Router()
    return lambda sample, seed: Output(answer=sorted(router.modalities(sample.input["question"])))


@suite(
    "modalities",
    family="planning",
    needs="multimodalqa",
    open_solver=bench_solver(_modalities, "embeddings"),
    scorers=(
        Scorer(
            "set_right",
            lambda sample, output: float(output.answer == sample.target),
            help="Exactly the kinds of source that are needed.",
        ),
        metric_scorer("item_f1", judged=False),
    ),
)
def modalities(place: Place) -> Iterator[Sample]:
    """Whether text, tables and images are needed, from the question alone (MultiModalQA)."""
    for row in public(place, "multimodalqa/dev.jsonl"):
        wanted = sorted(set(row["modalities"]))  # some rows name a kind twice
        yield Sample(
            id=row["qid"],
            suite="modalities",
            family="planning",
            kind="+".join(wanted),
            difficulty="one kind" if len(wanted) == 1 else "several kinds",
            modality="text",
            source="multimodalqa",
            input={"question": row["question"]},
            target=wanted,
        )


def split(sample: Sample, seed: int) -> Output:
    """Split a question by rules; the answer holds the steps, none where it is left whole."""
    parts = decompose(sample.input["question"])
    places = {part.id: place for place, part in enumerate(parts)}
    steps = [
        {
            "question": part.question,
            "needs": [places[id_] for id_ in part.depends_on if id_ in places],
        }
        for part in parts
    ]
    return Output(answer=steps)


def questions_of(sample: Sample, output: Output) -> list[str]:
    """Return the questions of the steps; the question itself where there are none."""
    return [step["question"] for step in output.answer] or [sample.input["question"]]


def _steps(sample: Sample, output: Output) -> list[Step]:
    return [Step(step["question"], tuple(step["needs"])) for step in output.answer]


def gold_steps(decomposition: list[str]) -> list[Step]:
    """Return StrategyQA's steps; `#2` names the second one."""
    return [
        Step(text, tuple(int(number) - 1 for number in dict.fromkeys(_REFERENCE.findall(text))))
        for text in decomposition
    ]


@suite(
    "strategyqa_parts",
    family="planning",
    needs="multihop_text",
    open_solver=function_solver(split),
    scorers=(
        metric_scorer("decomposition_f1", questions_of),
        metric_scorer("dependency_f1", _steps, lambda sample: gold_steps(sample.target), judged=False),
    ),
)
def strategyqa_parts(place: Place) -> Iterator[Sample]:
    """Splitting questions whose steps are not in their words, by rules, against people's (StrategyQA)."""
    for row in public(place, "multihop_text/strategyqa_dev.jsonl"):
        yield Sample(
            id=row["qid"],
            suite="strategyqa_parts",
            family="planning",
            difficulty=f"{len(row['decomposition'])} steps",
            modality="text",
            source="strategyqa",
            input={"question": row["question"]},
            target=row["decomposition"],
        )


def _paragraphs(bench: Bench) -> Asking:
    assert bench.data is not None  # the suite needs it
    records: dict[str, dict[str, Any]] = {}
    for row in json_lines(bench.data / "multihop_text" / "hotpot_dev.jsonl"):
        for title, sentences in row["context"]:
            records.setdefault(title, {"id": title, "title": title, "text": "".join(sentences)})
    name = bench.collection("hotpot", list(records.values()))
    return lambda sample: Ask(sample.input["question"], collections=(name,))


def cited_facts(sample: Sample, output: Output) -> list[list[Any]]:
    """Return the sentences (title, place) that an answer's quotes are of."""
    found: list[list[Any]] = []
    for title, quote in output.answer["quotes"] if said(output) else ():
        for place, sentence in enumerate(sample.target["sentences"].get(title, ())):
            one, other = squash(sentence), squash(quote)
            if one and other and (one in other or other in one) and [title, place] not in found:
                found.append([title, place])
    return found


@suite(
    "hotpot",
    family="planning",
    needs="multihop_text",
    open_solver=asker(_paragraphs),
    scorers=(
        metric_scorer("answer_f1", lambda sample, output: said(output), lambda one: one.target["answer"]),
        metric_scorer("supporting_f1", cited_facts, lambda one: one.target["facts"]),
        INVENTED,
        ANSWERED,
    ),
)
def hotpot(place: Place) -> Iterator[Sample]:
    """Two-hop questions over the paragraphs of 200 of them, through the real graph (HotpotQA, 60 drawn)."""
    samples = [
        Sample(
            id=row["_id"],
            suite="hotpot",
            family="planning",
            kind=str(row.get("type", "")),
            difficulty=str(row.get("level", "")),
            modality="text",
            source="hotpotqa",
            input={"question": row["question"]},
            target={
                "answer": row["answer"],
                "facts": [list(fact) for fact in row["supporting_facts"]],
                "sentences": dict(row["context"]),
            },
        )
        for row in public(place, "multihop_text/hotpot_dev.jsonl")
    ]
    yield from draw(samples, _MOST)


SUITES = (modalities, strategyqa_parts, hotpot)
