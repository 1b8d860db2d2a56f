# ruff: noqa: E501 - tables of patterns, one group to a line
"""Yes, no or maybe from a sentence that bears on the question: by negation, direction and certainty."""

from __future__ import annotations

import re
from typing import Literal

from agents.check.overlap import stems
from agents.check.polarity import polarity_faults
from agents.question import ParsedQuestion
from agents.question_words import AUXILIARIES, MODALS

_AUXILIARY = re.compile(
    rf"^\s*(?:{AUXILIARIES}|{MODALS}|may|might)\s+(?:there\s+)?",
    re.I,
)
_DOUBT = re.compile(
    r"\b(?:may|might|could|possibl[ey]|unclear|inconclusive|insufficient"
    r"|further (?:research|studies|study|work)|not clear"
    r"|remains? (?:to be|unknown|uncertain)|mixed|conflicting|controversial|limited evidence)\b",
    re.I,
)
_FINDING = re.compile(
    r"\b(?:conclu\w+|suggest\w*|indicat\w+|show\w*|demonstrat\w+|found|find\w*|result\w*|significant\w*|reveal\w*"
    r"|support\w*|confirm\w*|therefore|thus|overall|in summary)\b",
    re.I,
)

_AIM = re.compile(
    r"\b(?:whether|aim(?:s|ed)?|objectives?|purpose|goal|hypothesi[sz]\w*|sought|question)\b"
    r"|\bto (?:determine|assess|evaluate|investigate|examine|explore|compare|test|study|analy[sz]e|identify|describe"
    r"|establish|clarify|find out|review|report|ascertain|measure|quantify|characteri[sz]e)\b"
    r"|\bwe (?:\w+ )?(?:investigated|examined|assessed|evaluated|studied|explored|tested|reviewed|asked|analy[sz]ed"
    r"|compared|conducted|performed|describe)\b|\b(?:has not|have not|not) been (?:studied|investigated|established)\b",
    re.I,
)

IS_IT_SO = r"\s*is it (?P<no>not )?(?P<word>true|correct|right|false|wrong|untrue|incorrect) that\b"
_IS_IT_SO = re.compile(rf"{IS_IT_SO}\s+", re.I)
_WITHOUT = re.compile(r"\bwithout(?:\s+[\w'’-]+){1,3}", re.I)

_OF_ONESELF = re.compile(
    r"\s*(?:do i (?:still |already |really |also |just )?(?:have(?! to\b)|suffer\b)|have i (?:got|had|caught)\b"
    r"|am i (?!allowed|permitted|supposed|required|obliged|entitled|eligible|covered|right|wrong|able)\w)",
    re.I,
)

Verdict = Literal["yes", "no", "maybe"]
_TURNED: dict[Verdict, Verdict] = {"yes": "no", "no": "yes", "maybe": "maybe"}


def asks_of_oneself(question: ParsedQuestion) -> bool:
    """Whether somebody asks how it stands with themselves ("do I have diabetes?"): no document knows that."""
    return _OF_ONESELF.match(question.stem) is not None


def verdict(question: ParsedQuestion, sentence: str) -> Verdict:
    """Return what a sentence says to a yes/no question on which it bears."""
    claim = _IS_IT_SO.match(question.stem)
    if claim is None:
        return _says(_AUXILIARY.sub("", question.stem).rstrip(" ?"), sentence)
    said = _says(question.stem[claim.end() :].rstrip(" ?"), sentence)
    turned = bool(claim["no"]) != (claim["word"].lower() not in ("true", "correct", "right"))
    return _TURNED[said] if turned else said


def _says(statement: str, sentence: str) -> Verdict:
    """Return whether a sentence says what a statement says."""
    plain = _WITHOUT.sub(lambda match: match[0] if _shares(match[0], statement) else " ", sentence)
    plain = _DOUBT.sub(" ", plain)
    faults = [
        fault
        for fault in polarity_faults(statement, plain)
        if "certain" not in fault and "nothing" not in fault
    ]
    if any("negates" in fault or "opposite" in fault for fault in faults):
        return "no"
    if "nothing, about direction" in " ".join(polarity_faults(statement, plain)) and _opposes(
        statement, plain
    ):
        return "no"
    return "maybe" if _DOUBT.search(sentence) else "yes"


def _shares(phrase: str, statement: str) -> bool:
    """Whether what something is without is what is asked about: only then it denies anything."""
    return not stems(phrase).isdisjoint(stems(statement))


def _opposes(statement: str, sentence: str) -> bool:
    """Whether the sentence has a direction, and it is the other one (not just none)."""
    from agents.check.polarity import directions

    said, stands = directions(statement), directions(sentence)
    return any(pair in stands and not said[pair] & stands[pair] for pair in said)


def is_finding(sentence: str) -> bool:
    """Whether a sentence reports a finding rather than background or method."""
    return _FINDING.search(sentence) is not None


def is_aim(sentence: str) -> bool:
    """Whether a sentence says what was asked or done, and so asserts nothing about the answer."""
    return _AIM.search(sentence) is not None
