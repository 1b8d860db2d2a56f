"""Reports of trials that never were: yes, no or maybe through the real graph, in the medical profile."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from evals.made.values import drug, sentence
from evals.run.registry import Place, suite
from evals.run.sample import Sample
from evals.solvers.asking import Ask, Asking, asker
from evals.solvers.bench import Bench
from evals.suites.biomedical import LABELS

_COUNT = 126
_CONDITIONS = (
    "migraine", "gout", "asthma", "psoriasis", "insomnia", "heart failure", "osteoarthritis",
    "eczema", "type 2 diabetes", "chronic cough", "hay fever", "anaemia", "back pain",
    "hypertension",
)  # fmt: skip
_OUTCOMES = (
    "pain", "the number of attacks", "admissions to hospital", "fatigue",
    "the need for surgery", "relapses", "days off work", "nausea", "mortality",
)  # fmt: skip
_FINDINGS = {
    "yes": (
        "{outcome} was significantly lower with {drug} than with placebo (P = .00{digit})",
        "{drug} lowered {outcome} by {share}% compared with placebo (95% CI {low}% to {high}%, P < .001)",
    ),
    "no": (
        "{outcome} did not differ between {drug} and placebo (P = .{many})",
        "there was no significant difference in {outcome} between the groups (P = .{many})",
    ),
    "maybe": (
        "{outcome} tended to be lower with {drug}, but only in one of the two planned analyses (P = .05)",
        "results were mixed: {outcome} was lower with {drug} in women (P = .03), not in men (P = .{many})",
    ),
}
_CONCLUSIONS = {
    "yes": (
        "{drug} reduces {outcome} in adults with {condition}.",
        "{drug} is effective in reducing {outcome}.",
    ),
    "no": (
        "{drug} does not reduce {outcome} in adults with {condition}.",
        "{drug} had no effect on {outcome}.",
    ),
    "maybe": (
        "{drug} may reduce {outcome} in some adults with {condition}; larger trials are needed.",
        "Whether {drug} reduces {outcome} remains uncertain.",
    ),
}
_ASKED = (
    "Does {drug} reduce {outcome} in adults with {condition}?",
    "Is {drug} effective in reducing {outcome} in {condition}?",
    "Can {drug} lower {outcome} in people with {condition}?",
)


@dataclass(frozen=True)
class Study:
    """A report, the question that it answers, and the answer."""

    id: str
    text: str
    question: str
    verdict: str


def studies() -> list[Study]:
    """Return the reports, the same ones each time; a third says yes, a third no, a third maybe."""
    return [_study(number) for number in range(_COUNT)]


def _study(number: int) -> Study:
    rng = random.Random(f"study-{number}")  # noqa: S311 - made-up data, no secret
    verdict = ("yes", "no", "maybe")[number % 3]
    share = rng.randrange(14, 48)
    names = {
        "drug": drug(number), "condition": rng.choice(_CONDITIONS), "outcome": rng.choice(_OUTCOMES),
        "digit": rng.randrange(1, 9), "many": rng.randrange(22, 91), "share": share, "low": share - 8,
        "high": share + 9,
    }  # fmt: skip
    people, weeks = rng.randrange(60, 900), rng.randrange(4, 60)
    text = " ".join(
        (
            f"{names['drug']} was compared with placebo in {people} adults with {names['condition']}.",
            f"Treatment lasted {weeks} weeks.",
            sentence(rng.choice(_FINDINGS[verdict]).format(**names) + "."),
            sentence(rng.choice(_CONCLUSIONS[verdict]).format(**names)),
        )
    )
    return Study(f"study-{number:03}", text, rng.choice(_ASKED).format(**names), verdict)


def _asking(bench: Bench) -> Asking:
    name = bench.collection("studies", [{"id": one.id, "text": one.text} for one in studies()])
    return lambda sample: Ask(sample.input["question"], collections=(name,), profile="medical")


@suite("made_studies", family="biomedical", open_solver=asker(_asking), scorers=LABELS)
def made_studies(place: Place) -> Iterator[Sample]:
    """126 questions on trials that never were, over reports of these: yes, no or maybe, through the graph."""
    for one in studies():
        yield Sample(
            id=one.id,
            suite="made_studies",
            family="biomedical",
            kind=one.verdict,
            modality="text",
            source="made",
            input={"question": one.question},
            target=one.verdict,
        )


SUITES = (made_studies,)
