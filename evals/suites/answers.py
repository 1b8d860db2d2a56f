"""Answers with citations through the real graph, and abstention where nothing answers.

`answers` and `unanswerable` ask about the library of `passages`; nobody can have read its facts elsewhere.
`fixed_questions` are 50 questions on receipts, charts and our documents, and 20 that those do not answer,
fixed by id before any extractor was tuned on them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.text import find_dates, find_numbers, squash
from evals.run.registry import Place, Scorer, suite
from evals.run.sample import Output, Sample
from evals.run.scorers import metric_scorer
from evals.solvers.asking import Ask, Asking, asker
from evals.solvers.bench import Bench
from evals.suites import library as ours
from evals.suites.library import library, library_sample
from evals.suites.rows import OWN, json_lines

FIXED = OWN / "fixed_questions.jsonl"
FIXED_UNANSWERABLE = OWN / "fixed_unanswerable.jsonl"
_ROOT = Path(__file__).resolve().parents[2]
_DOCUMENTS = ("README.md", "docs")
SCALES = ("ece", "brier", "aurc", "e_aurc", "coverage_at_risk")
"""What is measured of confidence."""


@lru_cache(maxsize=8192)  # measures over a whole run ask for the same pairs again and again
def is_right(short: str, gold: str) -> bool:
    """Return whether a short answer says the gold answer, after normalising dates, numbers and punctuation.

    A longer short answer counts when it holds the gold words in order and at most twice as many words.
    """
    if _letters(short) == _letters(gold):
        return True
    dates = [span.iso for span in find_dates(gold)]
    if dates:
        return [span.iso for span in find_dates(short)] == dates
    numbers = find_numbers(gold)
    if numbers and re.fullmatch(r"\W*(?:RM|\$)?\s*[\d.,]+\s*(?:%|million)?\W*", gold):
        said = find_numbers(short)
        return len(said) == 1 and abs(said[0].value - numbers[0].value) < 1e-9
    wanted, said_words = squash(gold).split(), re.findall(r"[\w'./~-]+", squash(short))
    plain = [word.strip(".,`*") for word in wanted]
    text = " ".join(word.strip(".,`*") for word in said_words)
    return f" {' '.join(plain)} " in f" {text} " and len(said_words) <= 2 * len(plain) + 6


def _letters(text: str) -> str:
    return "".join(char for char in squash(text) if char.isalnum())


def said(output: Output) -> str:
    """Return the short answer, empty when it abstained or asked back."""
    return str(output.answer["short"]) if output.answer["status"] == "done" else ""


def right(sample: Sample, output: Output) -> float | None:
    """Score an answer against any of the accepted ones; None where nothing answers."""
    if not sample.target["answers"]:
        return None
    short = said(output)
    return float(bool(short) and any(is_right(short, gold) for gold in sample.target["answers"]))


def kept_quiet(sample: Sample, output: Output) -> float | None:
    """Score an abstention with a reason; None where there is an answer."""
    if sample.target["answers"]:
        return None
    return float(output.answer["status"] == "abstained" and bool(output.answer["reason"]))


def invented(sample: Sample, output: Output) -> float | None:
    """Return the share of citations that are no evidence of the run, or whose quote is not in it."""
    ids = output.answer["citations"]
    return len(output.answer["invented"]) / len(ids) if ids else None


def _cited(sample: Sample, output: Output) -> list[str]:
    return list(output.answer["cited"]) if said(output) else []


def _supporting(sample: Sample) -> list[str]:
    return list(sample.target["passages"])


def _accepted(sample: Sample) -> list[str]:
    return list(sample.target["answers"])


LIKENESS = tuple(
    metric_scorer(name, lambda sample, output: said(output), _accepted, judged=False)
    for name in ("exact_match", "token_f1", "anls")
)
"""How near short answers come to accepted ones, where there are any."""


def confidences(scale: str) -> Scorer:
    """Return a corpus scorer of confidence against being right, over what was answered."""
    from evals.metrics.registry import get_metric

    metric = get_metric(scale)

    def corpus(records: Any) -> float | None:
        answered = [record for record in records if record.output.answer and said(record.output)]
        sure = [record.output.answer["confidence"] for record in answered]
        return metric(sure, [bool(right(record.sample, record.output)) for record in answered])

    return Scorer(
        scale, corpus=corpus, higher_is_better=metric.better == "higher", judged=False, help=metric.help
    )


RIGHT = Scorer("answer_right", right, help="Says an accepted answer; an abstention is wrong.")
QUIET = Scorer("abstained", kept_quiet, help="Abstains, with a reason, where nothing answers.")
INVENTED = Scorer(
    "invented",
    invented,
    higher_is_better=False,
    judged=False,  # `answers` judges it; elsewhere it is shown
    help="Share of citations that are no evidence of the run, or whose quote is not in it.",
)
ANSWERED = Scorer(
    "answered", lambda sample, output: float(bool(said(output))), judged=False, help="Gives an answer at all."
)


def library_asker(bench: Bench) -> Asking:
    """Return how a question about the library is asked."""
    name = bench.collection("passages", library())
    return lambda sample: Ask(sample.input["question"], collections=(name,))


@suite(
    "answers",
    family="answers",
    open_solver=asker(library_asker),
    scorers=(
        RIGHT,
        metric_scorer("citation_precision", _cited, _supporting),
        metric_scorer("citation_recall", _cited, _supporting, judged=False),
        replace(INVENTED, judged=True),
        ANSWERED,
        *LIKENESS,
        *(confidences(scale) for scale in SCALES),
    ),
)
def answers(place: Place) -> Iterator[Sample]:
    """Short answers with citations about a small library of our own, through the real graph."""
    for row in ours.questions():
        target = {"answers": row["answers"], "passages": row["passages"]}
        yield library_sample(row, "answers", "answers", target)


@suite("unanswerable", family="abstention", open_solver=asker(library_asker), scorers=(QUIET, INVENTED))
def unanswerable(place: Place) -> Iterator[Sample]:
    """Questions that the same library does not answer: abstains, with a reason."""
    for row in ours.unanswerable():
        yield Sample(
            id=row["id"],
            suite="unanswerable",
            family="abstention",
            kind=row["kind"],
            modality="text",
            source="own",
            group=row["about"],
            input={"question": row["question"]},
            target={"answers": [], "passages": []},
        )


def _fixed_asker(bench: Bench) -> Asking:
    paths = [_ROOT / name for name in _DOCUMENTS]
    # When opened, so that it is known what answers rest on.
    name = bench.collection("vidence-docs", paths=paths) if all(path.exists() for path in paths) else ""

    def ask(sample: Sample) -> Ask:
        if sample.input["images"]:
            return Ask(sample.input["question"], images=tuple(sample.input["images"]))
        return Ask(sample.input["question"], collections=(name,))

    return ask


@suite(
    "fixed_questions",
    family="answers",
    needs="sroie",
    timeout_s=300.0,
    open_solver=asker(_fixed_asker, "ocr"),
    scorers=(RIGHT, QUIET, INVENTED, ANSWERED, *LIKENESS, *(confidences(scale) for scale in SCALES)),
)
def fixed_questions(place: Place) -> Iterator[Sample]:
    """50 questions on receipts, charts and our documents, and 20 that those do not answer."""
    documents = all((_ROOT / name).exists() for name in _DOCUMENTS)
    for row in (*json_lines(FIXED), *json_lines(FIXED_UNANSWERABLE)):
        image = row.get("image")
        if not documents if image is None else not (place.data and (place.data / image).is_file()):
            continue
        yield Sample(
            id=row["id"],
            suite="fixed_questions",
            family="answers",
            kind=row["kind"] if row.get("answers") else "unanswerable",
            modality="image" if image else "text",
            source=image.split("/")[0] if image else "own",
            group=image or row["id"],
            input={"question": row["question"], "images": [image] if image else []},
            target={"answers": row.get("answers", [])},
        )


SUITES = (answers, unanswerable, fixed_questions)
