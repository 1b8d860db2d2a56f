"""Searching passages: is what answers a question among the first that are found?

`passages` searches a small library of our own (places, ships and products that exist nowhere, in groups that
are easily confused). The others are public sets: SciFact's claims over its abstracts, BioASQ's questions
over all snippets, PubMedQA's questions over all abstracts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evals.run.registry import OpenSolver, Place, suite
from evals.run.sample import Output, Sample
from evals.run.scorers import metric_scorer
from evals.solvers.bench import Bench, bench_solver
from evals.suites.library import library, library_sample, searches
from evals.suites.rows import json_lines, public

Record = dict[str, Any]
FOUND = 100
"""So many documents are kept of an answer, for recall."""


def search_solver(name: str, records: Callable[[Bench], list[Record]]) -> OpenSolver:
    """Return what searches records as `vidence search` does; the answer is documents' ids, best first."""

    def prepare(bench: Bench) -> Callable[[Sample, int], Output]:
        collection = bench.collection(name, records(bench))
        collections = bench.services.collections

        def answer(sample: Sample, seed: int) -> Output:
            query = sample.input["question"]
            hits = collections.search_many(collection, [query], FOUND, by_document=True)[0]
            return Output(answer=[hit.doc_id for hit in hits if hit.score > 0])

        return answer

    return bench_solver(prepare, "embeddings", "reranker")


def judged(
    suite_name: str, queries: Iterable[tuple[str, str]], relevant: Mapping[str, set[str]], **more: Any
) -> Iterator[Sample]:
    """Yield a sample a query (id, text) that has something relevant."""
    for id_, text in queries:
        if relevant.get(id_):
            yield Sample(
                id=id_,
                suite=suite_name,
                family="passages",
                modality="text",
                input={"question": text},
                target=sorted(relevant[id_]),
                **more,
            )


SCORERS = (
    metric_scorer("ndcg@10"),
    metric_scorer("recall@5", judged=False),
    metric_scorer("precision@5", judged=False),
    metric_scorer("mrr", judged=False),
    metric_scorer("recall@100", judged=False),
)


@suite(
    "passages",
    family="passages",
    open_solver=search_solver("passages", lambda bench: library()),
    scorers=SCORERS,
)
def passages(place: Place) -> Iterator[Sample]:
    """Questions and descriptions over a small library of our own: the passages that answer them."""
    for row in searches():
        yield library_sample(row, "passages", "passages", row["passages"])


def scifact_records(folder: Path) -> list[Record]:
    """Return SciFact's abstracts."""
    return [
        {"id": row["doc_id"], "title": row["title"], "text": " ".join(row["abstract"])}
        for row in json_lines(folder / "corpus.jsonl")
    ]


def scifact_relevant(folder: Path) -> dict[str, set[str]]:
    """Return the documents of each claim, in the order of the judgements."""
    relevant: dict[str, set[str]] = {}
    for line in (folder / "qrels_dev.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        _, claim, document, grade = line.split("\t")
        if int(grade) > 0:
            relevant.setdefault(claim, set()).add(document)
    return relevant


def bioasq_records(folder: Path) -> tuple[list[Record], dict[str, set[str]]]:
    """Return BioASQ's snippets, and by question those that experts marked for it."""
    corpus: dict[str, Record] = {}
    relevant: dict[str, set[str]] = {}
    for row in json_lines(folder / "dev.jsonl"):
        for snippet in row["snippets"]:
            text = " ".join(snippet["text"].split())
            if text:
                id_ = hashlib.sha256(text.encode()).hexdigest()[:12]
                corpus.setdefault(id_, {"id": id_, "text": text, "metadata": {"pmid": snippet["pmid"]}})
                relevant.setdefault(row["id"], set()).add(id_)
    return list(corpus.values()), relevant


def pubmedqa_records(folder: Path) -> list[Record]:
    """Return PubMedQA's abstracts."""
    return [{"id": row["pmid"], "text": row["text"]} for row in json_lines(folder / "corpus.jsonl")]


def _folder(bench: Bench, name: str) -> Path:
    assert bench.data is not None  # the suite needs it
    return bench.data / name


@suite(
    "scifact",
    family="passages",
    needs="scifact",
    open_solver=search_solver("scifact", lambda bench: scifact_records(_folder(bench, "scifact"))),
    scorers=SCORERS,
)
def scifact(place: Place) -> Iterator[Sample]:
    """Scientific claims over 5,183 abstracts: those that support or contradict them (SciFact)."""
    claims = [(row["id"], row["claim"]) for row in public(place, "scifact/claims_dev.jsonl")]
    assert place.data is not None
    yield from judged("scifact", claims, scifact_relevant(place.data / "scifact"), source="scifact")


@suite(
    "bioasq_search",
    family="passages",
    needs="bioasq",
    open_solver=search_solver("bioasq", lambda bench: bioasq_records(_folder(bench, "bioasq"))[0]),
    scorers=SCORERS,
)
def bioasq_search(place: Place) -> Iterator[Sample]:
    """Biomedical questions over 12,492 snippets: those that experts marked (BioASQ task B)."""
    rows = public(place, "bioasq/dev.jsonl")
    assert place.data is not None
    relevant = bioasq_records(place.data / "bioasq")[1]
    for row in rows:
        yield from judged(
            "bioasq_search", [(row["id"], row["question"])], relevant, kind=row["type"], source=row["batch"]
        )


@suite(
    "pubmedqa_search",
    family="passages",
    needs="pubmedqa",
    open_solver=search_solver("pubmedqa", lambda bench: pubmedqa_records(_folder(bench, "pubmedqa"))),
    scorers=SCORERS,
)
def pubmedqa_search(place: Place) -> Iterator[Sample]:
    """Biomedical questions over 1,000 abstracts: the one that each was written for (PubMedQA)."""
    for row in public(place, "pubmedqa/dev.jsonl"):
        yield from judged(
            "pubmedqa_search",
            [(row["id"], row["question"])],
            {row["id"]: {row["pmid"]}},
            source=str(row["year"] or ""),
        )


SUITES = (passages, scifact, bioasq_search, pubmedqa_search)
