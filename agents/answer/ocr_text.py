# ruff: noqa: E501 - tables of words and patterns, one group to a line
"""Free questions on charts, posters and pages of which only the printed lines are known.

Two ways: the value printed beside the labels that a question names, and the sentence of running text that bears
on it. Key-value questions on forms are answered in `agents.answer.fields`, computed ones in `agents.answer.charts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from agents.answer.base import AnswerTask
from agents.answer.layout import Line, Page, pages_of
from agents.answer.paragraphs import paragraphs_of
from agents.answer.passages import PassageExtractor
from agents.answer.printed import Printed, Value, read_printed, unique
from agents.answer.relevance import bag, entities, key
from agents.question import ParsedQuestion
from core.contracts import AnswerType, Candidate, Citation, DraftClaim, Evidence

_COMPUTED = re.compile(
    r"\b(?:difference|how much (?:more|less|higher|lower)|by how (?:much|many)|average of|sum of|combined|ratio|times as"
    r"|how many (?:more|fewer)|highest|lowest|most|least|largest|smallest|trend)\b",
    re.I,
)
_ASKS_VALUE = re.compile(
    r"\b(?:percent(?:age)?|share|proportion|fraction|portion|rate|how many|how much|number|figure|value|what did|level)\b|%",
    re.I,
)
_DESCRIBES = re.compile(
    r"^\s*(?:describe|compare|comment|explain|summari[sz]e|discuss|write|how (?:do|did|are|is|was|were)|what (?:are|is|do"
    r"|does|did|was|were)|why)\b",
    re.I,
)
_FRAME = frozenset(
    map(
        key,
        "percentage percent share proportion portion fraction rate number many much people person adult public "
        "american respondent say said report view opinion think describe compare comment trend different difference "
        "chart graph figure accord shown survey group country voter general overall".split(),
    )
)
_OVERALL = re.compile(r"^\s*(?:total|all|overall|u\.?s\.?|general|net)\b", re.I)
_NEGATIVE = 0.2
_MIN_TOPIC = 0.5
"""Share of an open question's own words that a page must print before its values are an answer."""
_SHOWN = 8


@dataclass(frozen=True)
class _Fit:
    value: Value
    score: float


class OcrTextExtractor:
    """Answers from printed values and running text on an image."""

    name: ClassVar[str] = "ocr_text"

    def propose(self, task: AnswerTask) -> list[Candidate]:
        """Return the best few answers, best first; none when the page does not name what is asked."""
        question = task.question
        if question.answer_type == "choice" or not question.keywords:
            return []
        found: list[Candidate] = []
        for page in pages_of(task.evidence):
            found += _from_values(page, question, task.subquestion_id)
            found += _from_prose(page, task)
        return sorted(found, key=lambda item: -item.score)[:4]


def _from_values(page: Page, question: ParsedQuestion, need: str) -> list[Candidate]:
    if question.answer_type in ("date", "time", "name", "yes_no", "money"):
        return []
    printed = read_printed(page)
    if len(printed.values) < 2:
        return []
    asks = _ASKS_VALUE.search(question.stem) is not None and not _COMPUTED.search(question.stem)
    fits = _fits(printed, question)
    if asks and fits:
        margin = (
            fits[0].score - fits[1].score
            if len(fits) > 1 and fits[1].value.text != fits[0].value.text
            else 0.1
        )
        sure = 0.75 + min(0.25, 2.5 * margin)
        return [_value_candidate(fit, printed, fit.score * sure, question, need) for fit in fits[:2]]
    if _DESCRIBES.search(question.stem):
        return _described(fits, printed, question, need)
    return []


def _fits(printed: Printed, question: ParsedQuestion) -> list[_Fit]:
    """Score every value by how much of the question its labels and the title cover."""
    asked = {key(word): (0.25 if key(word) in _FRAME else 1.0) for word in question.keywords}
    title = _words(printed.title)
    everywhere = title | {word for value in printed.values for word in _words(value.labels)}
    total = sum(asked.values())
    named = [entity for entity in entities(question.stem) if not _all_in(entity, everywhere)]
    fits = []
    for value in printed.values:
        rows, groups, columns = _words(value.row), _words(value.group), _words(value.column)
        covered = sum(
            weight * max(_in(word, rows), _in(word, columns), _in(word, groups), 0.9 * _in(word, title))
            for word, weight in asked.items()
        )
        own = rows | columns
        specific = {word for word in own if word not in _FRAME}
        hit = sum(max(_in(word, {w}) for word in asked) for w in specific)
        row_hit = max((_in(word, rows - title) for word in asked), default=0.0)
        column_hit = max((_in(word, columns - title) for word in asked), default=0.0)
        exact = hit / len(specific) if specific else 0.0
        if not hit:
            continue
        score = (covered / total) ** 1.3 * (0.55 + 0.45 * exact) * _NEGATIVE ** len(named)
        score *= 1.0 if column_hit or printed.columns < 2 else 0.8
        score *= 1.0 if row_hit or column_hit else 0.75
        fits.append(_Fit(value, min(0.97, score)))
    return sorted((fit for fit in fits if fit.score >= 0.1), key=lambda fit: -fit.score)


def _words(lines: Iterable[Line]) -> frozenset[str]:
    text = " ".join(line.text for line in lines)
    text = re.sub(r"(?<=\d)\s*[-–.]\s+(?=\d)", "-", text)  # `2007- 2014`
    return bag(re.sub(r"(?<=[a-z])(?=[A-Z])|[/&]", " ", text))


def _in(word: str, have: Iterable[str]) -> float:
    """Return how well a word of the question stands in a set: exact 1, an abbreviation or derivation 0.8."""
    best = 0.0
    for other in have:
        if other == word:
            return 1.0
        short, long = sorted((word, other), key=len)
        if len(short) >= 3 and long.startswith(short) and (len(long) >= 6 or len(long) - len(short) <= 2):
            best = max(best, 0.8)
        elif len(short) >= 6 and long[: len(short) - 1] == short[:-1]:
            best = max(best, 0.7)
    return best


def _all_in(entity: frozenset[str], have: frozenset[str]) -> bool:
    return all(_in(word, have) for word in entity)


def _value_candidate(
    fit: _Fit, printed: Printed, score: float, question: ParsedQuestion, need: str
) -> Candidate:
    claim, short = _claim(fit.value, printed)
    kind: AnswerType = "percent" if "%" in short else "number"
    return Candidate(
        id="ocr_text",
        route="extraction",
        subquestion_id=need,
        answer=claim.text,
        short_answer=short,
        answer_type=kind,
        claims=(claim,),
        score=round(min(0.97, max(0.0, score)), 4),
    )


def _claim(value: Value, printed: Printed) -> tuple[DraftClaim, str]:
    """Return the claim `row, group, column: value` with each of its lines quoted whole."""
    names = [" ".join(line.text for line in part) for part in (value.row, value.group, value.column) if part]
    names = [_without_figure(name, value) if value.line in value.row else name for name in names]
    short, unit_line = value.text, None
    if "%" not in short and not re.search(r"[a-z$€£]", short, re.I):
        unit_line = next(
            (line for line in printed.title if re.search(r"%|\bpercent\b", line.text, re.I)), None
        )
        if unit_line is None and any("%" in other.text for other in printed.values):
            unit_line = next(other.line for other in printed.values if "%" in other.text)
        short += "%" if unit_line is not None else ""
    lines = unique((value.line, *value.labels, *((unit_line,) if unit_line else ())))
    citations = tuple(Citation.of(line.evidence) for line in lines)
    return DraftClaim(text=f"{', '.join(dict.fromkeys(names))}: {short}", citations=citations), short


def _without_figure(name: str, value: Value) -> str:
    return name.removesuffix(value.text).rstrip(" :") if name.endswith(value.text) else name


def _described(
    fits: Sequence[_Fit], printed: Printed, question: ParsedQuestion, need: str
) -> list[Candidate]:
    """Answer an open question with the values that bear on it, each a claim of its own.

    Where it names no label but the topic of the whole page, the page's values are the answer, overall ones first.
    """
    title = _words(printed.title)
    everywhere = title | {word for value in printed.values for word in _words(value.labels)}
    asked = [key(word) for word in question.keywords if key(word) not in _FRAME]
    topic = sum(_in(word, everywhere) for word in asked) / max(1, len(asked))
    missing = [entity for entity in entities(question.stem) if not _all_in(entity, everywhere)]
    if topic < _MIN_TOPIC or missing:
        return []
    chosen = [fit.value for fit in fits if fit.score >= 0.5 * fits[0].score]
    if len(chosen) < _SHOWN:
        rest = [value for value in printed.values if value not in chosen and value.labels]
        chosen += sorted(rest, key=lambda value: _OVERALL.search(_name(value)) is None)
    claims = tuple(_claim(value, printed)[0] for value in chosen[:_SHOWN])
    if not claims:
        return []
    text = "; ".join(claim.text for claim in claims)
    return [
        Candidate(
            id="ocr_text",
            route="extraction",
            subquestion_id=need,
            answer=text,
            short_answer=claims[0].text,
            answer_type="text",
            claims=claims,
            score=round(0.7 * topic, 4),
        )
    ]


def _name(value: Value) -> str:
    return " ".join(line.text for line in value.row)


def _from_prose(page: Page, task: AnswerTask) -> list[Candidate]:
    """Answer from sentences that run over the lines of a page; each line that is used is cited."""
    found = []
    reader = PassageExtractor()
    for paragraph in paragraphs_of(page):
        text = Evidence(kind="passage", source=paragraph.lines[0].evidence.source, content=paragraph.text)
        for candidate in reader.propose(AnswerTask(task.question, [text], task.subquestion_id))[:2]:
            quote = candidate.claims[0].citations[0].quote
            start = paragraph.text.find(quote)
            lines = paragraph.lines_of(start, start + len(quote))
            if start < 0 or not lines:
                continue
            claim = DraftClaim(
                text=candidate.claims[0].text, citations=tuple(Citation.of(line.evidence) for line in lines)
            )
            found.append(
                candidate.model_copy(
                    update={"claims": (claim,), "score": round(candidate.score * 0.85, 4), "id": "ocr_text"}
                )
            )
    return sorted(found, key=lambda item: -item.score)[:2]
