# ruff: noqa: E501 - tables of patterns, one group to a line
"""Yes, no or maybe from reports of studies: what their findings weigh, by a small head over counted cues.

An abstract seldom says yes. It says that a difference was significant, or was not, of what was asked or of
something beside it. The cues (significance, its absence, comparison, doubt) are counted over the findings,
weighted by how much of the question a sentence has; a softmax over them and the form of the question decides.
`benchmarks/fit_verdict.py` fits it, on half of the licensed questions; its probabilities are the confidence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import log1p
from pathlib import Path
from typing import NamedTuple

from agents.answer.relevance import bag
from agents.answer.yesno import Verdict, is_aim
from agents.heads import softmax
from agents.question import ParsedQuestion
from core.text import sentences

HEAD_FILE = Path(__file__).resolve().parents[1] / "data" / "verdict.json"
LABELS: tuple[Verdict, ...] = ("yes", "no", "maybe")
_NEGATED = re.compile(
    r"\bno (?:\w+ ){0,3}(?:difference|association|correlation|relationship|effect|change|influence|impact|evidence|benefit"
    r"|improvement|increase|decrease|reduction|advantage|relation|link)s?\b"
    r"|\b(?:not|n't|non)[- ](?:\w+ ){0,2}(?:significant\w*|differ\w*|associat\w*|correlat\w*|predict\w*|affect\w*|influenc\w*"
    r"|improv\w*|increas\w*|chang\w*|reduc\w*|relat\w*|statistically)"
    r"|\b(?:did|was|were|does|do|is|are|could|has|have|had|can) ?not\b|\bneither\b|\bfailed to\b|\black of\b|\bunrelated\b"
    r"|\bunaffected\b|\bunchanged\b|\bns\b|\bnor\b|\bnone of\b",
    re.I,
)
_ALIKE = re.compile(
    r"\b(?:similar|comparable|equal|equivalent|identical|the same|unchanged)\b|\bno (?:\w+ ){0,3}difference"
    r"|\bnot (?:\w+ ){0,2}differ|not (?:\w+ ){0,2}significant|non-?significant",
    re.I,
)
_CHANCE = re.compile(r"\bp\s*(?:=|>|≥)\s*0?[.·](?:0[6-9]|[1-9])\d*", re.I)
_SIGNIFICANT = re.compile(r"\bp\s*(?:<|=|≤|&lt;)\s*0?[.·]0(?:[0-4]\d*|5\b)", re.I)
_FOUND = re.compile(
    r"(?<!not )(?<!no )\bsignificant(?:ly)?\b|\b(?:associated|correlated|predict(?:s|ed|or|ive)|independent(?:ly)?"
    r"|improv(?:ed|ement)|effective|reliable|accurate|feasible|safe|successful(?:ly)?|beneficial|confirm(?:ed|s)"
    r"|demonstrat(?:ed|es))\b",
    re.I,
)
_COMPARED = re.compile(
    r"\b(?:higher|lower|greater|less|more|better|worse|increased|decreased|reduced|longer|shorter)\b", re.I
)
_DOUBT = re.compile(
    r"\b(?:may|might|could|unclear|however|although|limited|trend|borderline|only|but|further|mixed|while|whereas)\b",
    re.I,
)
_CUES = (_NEGATED, _ALIKE, _CHANCE, _SIGNIFICANT, _FOUND, _COMPARED, _DOUBT)
_FORMS = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        r"\b(?:differ\w*|affect\w*|influence\w*|impact\w*|effects?|alter\w*|change\w*|matter|modif\w+)\b",
        r"\b(?:need|needed|necessary|necessity|routine\w*|mandatory|required?|indicated|justif\w+|warrant\w+|worth\w*|should|always)\b",
        r"\b(?:predict\w*|associat\w*|correlat\w*|relat\w*|link\w*|risk|factor|marker|determin\w+|prognos\w+|caus\w+|contribut\w+)\b",
        r"\b(?:safe\w*|feasib\w*|effective\w*|efficac\w*|improv\w*|reduc\w*|prevent\w*|benefi\w+|increas\w*|useful|help\w*|enhanc\w*)\b",
        r"\b(?:reliab\w*|accura\w*|valid\w*|agree\w*|reproducib\w*|sufficient|adequate\w*|equal\w*|as good|comparable|appropriate)\b",
        r"\b(?:better|superior|more|worse|over|versus|vs|than|compared)\b",
        r"\b(?:still|really|only|actually)\b",
        r"^\s*(?:is|are|was|were)\b", r"^\s*(?:do|does|did)\b", r"^\s*(?:can|could|may|might|will|would)\b",
        r"^\s*(?:has|have|had)\b", r"^\s*should\b", r":", r"\b(?:new|novel|role|evidence)\b", r"\b(?:no|not|without|non)\b",
    )
)  # fmt: skip
_RESEARCH = re.compile(
    r"\b(?:patients?|participants|subjects|cohort|trials?|stud(?:y|ies)|group|groups|results?|significant\w*|analys[ei]s"
    r"|associated|mean|median|risk|clinical|expression|cells?|genes?|proteins?|mice|treatment|therapy|disease|syndrome"
    r"|p\s*[<=>]\s*0?\.\d+|controls?|outcomes?|methods?|conclusions?|versus|compared)\b",
    re.I,
)
_LATE = 0.6
"""Where findings begin in a report; before that stand background and methods."""
_SHORT = 4
"""A report of fewer sentences is an extract: all of it may be a finding."""
_SEVERAL = 2


@dataclass(frozen=True)
class Finding:
    """What reports say to a question: the verdict, its probability, and the sentence that weighs most for it."""

    verdict: Verdict
    probability: float
    report: int
    sentence: str


class _Head(NamedTuple):
    """What the file holds: features are standardised by `mean` and `scale`; weights and a bias by label."""

    mean: list[float]
    scale: list[float]
    weights: list[list[float]]
    bias: list[float]


@dataclass(frozen=True)
class _Line:
    report: int
    text: str
    weight: float
    """The share of the question's words that it has."""
    late: bool
    counts: tuple[float, ...]

    @property
    def against(self) -> float:
        return self.counts[0] + self.counts[1] + self.counts[2]

    @property
    def for_it(self) -> float:
        return self.counts[3] + self.counts[4] + 0.5 * self.counts[5]


def is_report(texts: Sequence[str]) -> bool:
    """Whether texts read like research: several of its words, in how studies speak."""
    return len({match.lower() for text in texts for match in _RESEARCH.findall(text)}) >= _SEVERAL


def features(question: str, reports: Sequence[str]) -> list[float]:
    """Return what the head sees of a question and of the reports that bear on it, best first."""
    return _features(question, _lines(question, reports))


def finding(question: ParsedQuestion, reports: Sequence[str]) -> Finding | None:
    """Return what reports say to a yes/no question, or None when they say nothing that can be quoted.

    Args:
        question: The question.
        reports: Texts that bear on it, best first.
    """
    lines = _lines(question.stem, reports)
    quotable = [line for line in lines if not is_aim(line.text) and not line.text.rstrip().endswith("?")]
    if not quotable:
        return None
    chances = _chances(_features(question.stem, lines))
    verdict = max(LABELS, key=lambda label: chances[label])

    def weighs(line: _Line) -> float:
        side = line.against if verdict == "no" else line.for_it if verdict == "yes" else line.counts[6]
        return (0.2 + line.weight) * (1.0 + side) * (1.0 if line.late else 0.5)

    best = max(quotable, key=weighs)
    return Finding(verdict, round(chances[verdict], 4), best.report, best.text)


def _lines(question: str, reports: Sequence[str]) -> list[_Line]:
    asked = bag(question)
    found = []
    for number, report in enumerate(reports):
        cut = sentences(report)
        for place, text in enumerate(cut, start=1):
            found.append(
                _Line(
                    report=number,
                    text=text,
                    weight=len(asked & bag(text)) / max(1, len(asked)),
                    late=len(cut) < _SHORT or place / len(cut) > _LATE,
                    counts=tuple(float(min(2, len(cue.findall(text)))) for cue in _CUES),
                )
            )
    return found


def _features(question: str, lines: Sequence[_Line]) -> list[float]:
    late = [line for line in lines if line.late]
    first = [line for line in late if line.report == 0][-2:]
    row: list[float] = []
    for place in range(len(_CUES)):
        row.append(log1p(sum(line.counts[place] for line in late)))
        row.append(log1p(3 * sum(line.counts[place] * line.weight for line in late)))
        row.append(log1p(sum(line.counts[place] for line in first)))
    plain = _balance([(line.against, line.for_it) for line in late], 1.0)
    weighed = _balance([(line.against * line.weight, line.for_it * line.weight) for line in late], 0.3)
    nearest = max(late, key=lambda line: line.weight, default=None)
    row += [plain, weighed]
    row += [nearest.against, nearest.for_it, nearest.weight] if nearest else [0.0, 0.0, 0.0]
    forms = [float(form.search(question) is not None) for form in _FORMS]
    alike = log1p(sum(line.counts[1] for line in lines))
    row += [
        *forms,
        weighed * forms[0],
        weighed * forms[1],
        plain * forms[2],
        plain * forms[3],
        alike * forms[0],
    ]
    return row


def _balance(sides: Sequence[tuple[float, float]], floor: float) -> float:
    against, for_it = (sum(side[place] for side in sides) for place in (0, 1))
    return (against - for_it) / (floor + against + for_it)


def _chances(row: Sequence[float]) -> dict[Verdict, float]:
    head = _head()
    scaled = [(value - mean) / scale for value, mean, scale in zip(row, head.mean, head.scale, strict=True)]
    logits = {
        label: bias + sum(weight * value for weight, value in zip(weights, scaled, strict=True))
        for label, weights, bias in zip(LABELS, head.weights, head.bias, strict=True)
    }
    return softmax(logits)


@cache
def _head() -> _Head:
    return _Head(**json.loads(HEAD_FILE.read_text(encoding="utf-8")))
