"""Yes or no from studies: which of the passages report on what is asked, and what they say together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from agents.answer.base import AnswerTask
from agents.answer.relevance import Relevance, bag, relevance
from agents.answer.studies import finding, is_report
from agents.answer.units import Prose, Unit, prose
from agents.answer.wanted import wanted
from agents.answer.yesno import IS_IT_SO
from core.contracts import Candidate, Citation, DraftClaim, Evidence

_BESIDE = 0.85
"""Reports that have nearly as much of the question as the best one are read with it."""
_MOST = 6
_ENOUGH = 0.5
"""A report with half of the question's weight is about it; with less, what it says counts for less."""


@dataclass(frozen=True)
class Report:
    """A document that bears on a question; `said` leaves out what orders somebody to do something."""

    pieces: tuple[Evidence, ...]
    about: float
    said: str


class StudyExtractor:
    """Answers yes/no questions from passages that read like reports of studies."""

    name: ClassVar[str] = "studies"

    def propose(self, task: AnswerTask) -> list[Candidate]:
        """Return one candidate, or none where the passages are no reports or do not bear on the question."""
        reports = task.once(reporting)
        found = finding(task.question, [report.said for report in reports]) if reports else None
        if found is None:
            return []
        report = reports[found.report]
        source = next((piece for piece in report.pieces if found.sentence in piece.content), None)
        if source is None:
            return []  # a sentence that runs over two pieces cannot be quoted
        text = " ".join(found.sentence.split())
        return [
            Candidate(
                id=self.name,
                route="extraction",
                subquestion_id=task.subquestion_id,
                answer=f"{found.verdict.capitalize()}: {text}",
                short_answer=found.verdict,
                answer_type="yes_no",
                claims=(DraftClaim(text=text, citations=(Citation.of(source, found.sentence),)),),
                score=round(found.probability * min(1.0, reports[0].about / _ENOUGH), 4),
            )
        ]


_OWN = re.compile(r"\b(?:i|i['’]\w+|me|my|mine)\b", re.I)
"""What somebody asks about themselves no study has looked at."""
_DENIES = re.compile(rf"\bnot\b|n['’]t\b|^{IS_IT_SO}", re.I)


def reporting(task: AnswerTask) -> list[Report]:
    """Return what bears on a yes/no question, best first, when the best of it reads like research; else none.

    The head reads a question as it is put: one that denies, or asks whether something is false, is left to
    the sentence that answers it, and so is one about the asker. A leaflet or a rule that bears on the
    question more than any study is not weighed: it is read.
    """
    question = task.question
    if wanted(question).kind != "yes_no" or _DENIES.search(question.stem) or _OWN.search(question.stem):
        return []
    said = task.once(prose)
    if not said.units or not is_report([item.content for item in said.passages]):
        return []
    reports = _bearing(said, relevance(question, said.units))
    return reports if is_report([report.said for report in reports]) else []


def _bearing(said: Prose, weigh: Relevance) -> list[Report]:
    """Return the documents that bear on the question, each with all its pieces, best first."""
    documents: dict[str, list[Evidence]] = {}
    for item in said.passages:
        name = str(item.metadata.get("doc_id") or item.locator.pmid or item.source)
        documents.setdefault(name, []).append(item)
    reports = [
        Report(
            tuple(pieces),
            max(weigh.share_of(bag(piece.content)) for piece in pieces),
            _said(pieces, said.units),
        )
        for pieces in documents.values()
    ]
    # The order of the search decides between equals.
    ranked = sorted(reports, key=lambda report: -report.about)[:_MOST]
    return [report for report in ranked if report.about >= _BESIDE * ranked[0].about]


def _said(pieces: Sequence[Evidence], units: Sequence[Unit]) -> str:
    ids = {piece.id for piece in pieces}
    return "\n".join(unit.text for unit in units if unit.evidence.id in ids)
