"""Ten languages: do search and short answers hold beyond English?

Fourteen facts of our own, each told in ten languages with a title, a passage and a question
(`languages.jsonl`). A fact in a language is a unit: its words, spelling and script are its own, though what
it says is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from core.text import find_numbers
from evals.metrics.words import metric_words
from evals.run.registry import Place, Scorer, suite
from evals.run.sample import Output, Sample
from evals.run.scorers import metric_scorer
from evals.solvers.asking import Ask, Asking, asker
from evals.solvers.bench import Bench, bench_solver
from evals.suites.answers import ANSWERED, INVENTED, said
from evals.suites.rows import own

LANGUAGES = ("en", "de", "fr", "es", "pt", "it", "ru", "zh", "ja", "ar")
ASKED_FROM = "en"
_FOUND = 14
FOUND = (
    metric_scorer("hit@1"),
    metric_scorer("hit@3", judged=False),
    metric_scorer("mrr", judged=False),
)


def facts(language: str) -> list[dict[str, Any]]:
    """Return the rows of a language, in the order of the facts."""
    return [row for row in own("languages.jsonl") if row["language"] == language]


def says(short: str, gold: str) -> bool:
    """Return whether a short answer says the gold words in order, in at most twice as many words and six.

    Characters of scripts without spaces are words. A number is said when it is the only one.
    """
    words, wanted = metric_words(short), metric_words(gold)
    if not words or len(words) > 2 * len(wanted) + 6:
        return False
    if len(wanted) == 1 and wanted[0].isdecimal():
        return [one.value for one in find_numbers(short)] == [float(wanted[0])]
    size = len(wanted)
    return any(words[at : at + size] == wanted for at in range(len(words) - size + 1))


def _collection(bench: Bench, language: str) -> str:
    records = [{"id": row["id"], "title": row["title"], "text": row["text"]} for row in facts(language)]
    return bench.collection(f"language-{language}", records)


def _searcher(bench: Bench) -> Callable[[Sample, int], Output]:
    names = {language: _collection(bench, language) for language in LANGUAGES}
    collections = bench.services.collections

    def answer(sample: Sample, seed: int) -> Output:
        name, query = names[sample.input["language"]], sample.input["question"]
        hits = collections.search_many(name, [query], _FOUND, by_document=True)[0]
        return Output(answer=[hit.doc_id for hit in hits if hit.score > 0])

    return answer


def _sample(row: dict[str, Any], suite_name: str, question: str, target: Any) -> Sample:
    return Sample(
        id=row["id"],
        suite=suite_name,
        family="languages",
        kind=row["kind"],
        difficulty=row["difficulty"],
        modality="text",
        source="own",
        language=row["language"],
        input={"question": question, "language": row["language"]},
        target=target,
    )


_searched = partial(
    suite, family="languages", open_solver=bench_solver(_searcher, "embeddings", "reranker"), scorers=FOUND
)


@_searched("languages_search")
def languages_search(place: Place) -> Iterator[Sample]:
    """Questions in ten languages over passages of the same language: the one that answers comes first."""
    for language in LANGUAGES:
        for row in facts(language):
            yield _sample(row, "languages_search", row["question"], [row["id"]])


@_searched("languages_across")
def languages_across(place: Place) -> Iterator[Sample]:
    """The English question over passages of nine other languages: the one that answers comes first."""
    asked = {row["fact"]: row["question"] for row in facts(ASKED_FROM)}
    for language in LANGUAGES:
        if language != ASKED_FROM:
            for row in facts(language):
                yield _sample(row, "languages_across", asked[row["fact"]], [row["id"]])


def _asker(bench: Bench) -> Asking:
    names = {language: _collection(bench, language) for language in LANGUAGES}
    return lambda sample: Ask(sample.input["question"], collections=(names[sample.input["language"]],))


def _right(sample: Sample, output: Output) -> float:
    return float(any(says(said(output), gold) for gold in sample.target["answers"]))


def _told(sample: Sample, output: Output) -> float:
    """Score an answer whose sentence holds what was asked, however long it is."""
    text = f" {' '.join(metric_words(output.answer['text']))} " if said(output) else ""
    return float(any(f" {' '.join(metric_words(gold))} " in text for gold in sample.target["answers"]))


def _cited(sample: Sample, output: Output) -> list[str]:
    return list(output.answer["cited"]) if said(output) else []


@suite(
    "languages_answers",
    family="languages",
    open_solver=asker(_asker),
    scorers=(
        Scorer("answer_right", _right, help="Says an accepted answer; an abstention is wrong."),
        Scorer("answer_told", _told, judged=False, help="The long answer holds an accepted answer."),
        metric_scorer("citation_precision", _cited, lambda sample: sample.target["passages"], judged=False),
        INVENTED,
        ANSWERED,
    ),
)
def languages_answers(place: Place) -> Iterator[Sample]:
    """The same questions through the real graph: a short answer in the language of the passage."""
    for language in LANGUAGES:
        for row in facts(language):
            target = {"answers": row["answers"], "passages": [row["id"]]}
            yield _sample(row, "languages_answers", row["question"], target)


SUITES = (languages_search, languages_across, languages_answers)
