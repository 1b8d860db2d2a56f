# ruff: noqa: E501 - tables of words and patterns, one group to a line
"""Answers to questions about the fields of a form or page, from its lines of text and their layout."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from agents.answer.amounts import Found, total_candidates
from agents.answer.base import AnswerTask
from agents.answer.blocks import (
    address_blocks,
    address_score,
    company_candidates,
    date_candidates,
    heading_candidates,
)
from agents.answer.items import Wanted, item_candidates, name_fit
from agents.answer.labels import Pair, canon, match_label, pairs_of, same_word
from agents.answer.layout import Line, Page, pages_of
from agents.answer.values import Value, ValueKind, find_values
from agents.answer.vocabulary import CONCEPTS, DATE_WORDS, GENERIC_WORDS, Concept
from agents.question import ParsedQuestion
from core.contracts import AnswerType, Candidate, Citation, DraftClaim
from core.text import content_words

_KEEP = 3
_FLOOR = 0.2
_WITH_TAX = re.compile(r"\b(?:incl\w*|with|after|plus)\b.{0,12}\b(?:gst|tax|vat|sst|service)\b", re.I)
_COMPUTES = re.compile(
    r"\b(?:difference|average|mean|compare[ds]?|more than|less than|fewer|higher|lower|highest|lowest|most|least|largest"
    r"|smallest|cheapest|trend|per person|how many more|increase|decrease|ratio|twice|both|each of)\b",
    re.I,
)
_ANSWER_TYPES: dict[ValueKind, AnswerType] = {
    "money": "money", "date": "date", "time": "time", "percent": "percent", "count": "number",
    "phone": "text", "email": "text", "url": "text", "id": "text", "name": "name", "text": "text",
}  # fmt: skip
_ID_CUE = re.compile(r"\b(?:number|no|id|code|reference|ref|serial|iban|plate|passport|licen[cs]e)\b|#", re.I)
_NAME_CUE = re.compile(r"\bnames?\b|\bwho\b|\bwhom\b", re.I)
_COUNT_CUE = re.compile(r"\bhow many\b|\bquantity\b|\bqty\b|\bnumber of\b|\bage\b|\bhow old\b", re.I)
_UNIT_CUE = re.compile(r"\b(?:unit price|price per|per unit|each|apiece|one)\b", re.I)


@dataclass(frozen=True)
class Reading:
    """An answer found on a page: the lines that carry it, its short form, its kind and score."""

    lines: tuple[Line, ...]
    short: str
    kind: ValueKind
    score: float
    name: str


class FieldExtractor:
    """Answers what a form, receipt, invoice, letter or table says under a label or by its layout."""

    name: ClassVar[str] = "fields"

    def propose(self, task: AnswerTask) -> list[Candidate]:
        """Return at most three candidates, best first; none when the page does not say it."""
        question = task.question
        if question.answer_type in ("yes_no", "choice", "list") or _COMPUTES.search(question.stem):
            return []
        readings = [found for page in pages_of(task.evidence) for found in read_field(page, question)]
        return [_candidate(reading, task) for reading in _settle(readings)]


def read_field(page: Page, question: ParsedQuestion) -> list[Reading]:  # noqa: PLR0911 - one return a strategy
    """Return what a page says to a question, unordered. Pure."""
    pairs = list(pairs_of(page))
    concept = find_concept(question.stem)
    if concept is not None and concept.kind == "time" and _specific(question, DATE_WORDS | GENERIC_WORDS):
        concept = None  # `departure time`: the label has to say which time
    if concept is None:
        return _by_words(page, pairs, question)
    if concept.strategy == "total":
        return [_reading(item, "money", concept.name) for item in total_candidates(page, pairs)]
    if concept.strategy == "date":
        found = date_candidates(page, pairs, _specific(question, DATE_WORDS | GENERIC_WORDS))
        return [_reading(item, "date", "date") for item in found]
    if concept.strategy == "company":
        labelled = _by_concept(page, pairs, concept, question)
        found = company_candidates(page)
        return [*labelled, *(_reading(item, "name", "company name") for item in found)]
    if concept.strategy == "address":
        return _addresses(page, pairs)
    if concept.strategy == "heading":
        return [_reading(item, "text", "heading") for item in heading_candidates(page)]
    return _by_concept(page, pairs, concept, question)


def find_concept(stem: str) -> Concept | None:
    """Return the first known concept that a question asks for, or None.

    An amount of something specific (`the price of the padlock`) is not the total.
    """
    if _WITH_TAX.search(stem) and re.search(r"\b(?:total|sum|amount|price|payable)\b", stem, re.I):
        return next(concept for concept in CONCEPTS if concept.strategy == "total")
    for concept in CONCEPTS:
        if not concept.ask.search(stem):
            continue
        if concept.strategy == "total" and _names_a_thing(stem):
            continue
        if concept.strategy == "company" and set(content_words(stem)) - _COMPANY_WORDS - GENERIC_WORDS:
            continue
        return concept
    return None


_BUYING_WORDS = frozenset(
    "unit one per each apiece bought buy purchased purchase ordered order sold sell item piece quantity "
    "charged charge single price cost amount".split()
)
_TOTAL_WORDS = frozenset(
    "total grand bill purchase meal altogether spent spend charged charge due payable pay final overall owed owe sum "
    "balance customer shopping paying transaction all including inclusive incl tax gst vat payment cash rm ringgit "
    "amount net nett rounded rounding after with company shop store restaurant merchant".split()
)


_COMPANY_WORDS = frozenset(
    "company store shop merchant vendor seller restaurant supplier retailer issuer firm organization organisation "
    "outlet business establishment issued issue issuing sent made sold bought buy purchase purchased eat goods "
    "letterhead items item things product products from selling sells who where come called provided printed "
    "customer transaction place".split()
)


def _names_a_thing(stem: str) -> bool:
    return bool(set(content_words(stem)) - _TOTAL_WORDS - GENERIC_WORDS)


def _specific(question: ParsedQuestion, generic: frozenset[str]) -> list[str]:
    """The words of a question that single out what is asked, in the spelling of labels."""
    return [
        canon(word)[0]
        for word in question.keywords
        if word not in generic and canon(word) and word.removesuffix("'s") not in generic
    ]


def _by_concept(
    page: Page, pairs: Sequence[Pair], concept: Concept, question: ParsedQuestion
) -> list[Reading]:
    readings: list[Reading] = []
    decimals = sum(1 for line in page.lines for v in find_values("money", line.text) if v.fit == 1.0) > 2
    phrases = [(canon(label), 1.0 - 0.012 * order) for order, label in enumerate(concept.labels)]
    for pair in pairs:
        fit = max((match_label(pair.label, phrase) * weight for phrase, weight in phrases), default=0.0)
        if fit < 0.5:
            continue
        if any(same_word(word, bad) for word in canon(pair.label) for bad in concept.avoid):
            fit *= 0.3
        value = _pick(concept.kind, pair)
        if value is None or (concept.kind == "money" and value.fit < 0.6 and decimals):
            continue
        if concept.kind == "count" and (pair.relation in ("below", "next") or (value.number or 0) > 999):
            fit *= 0.45
        if concept.kind == "money" and value.number == 0:
            fit *= 0.9
        score = 0.93 * fit * pair.near * (0.5 + 0.5 * value.fit) * (0.6 + 0.4 * pair.line.trust)
        readings.append(Reading((pair.line,), value.short, concept.kind, _clip(score), concept.name))
    readings += _prefixed(page, concept, phrases)
    if concept.alone:
        for line in page.lines:
            for value in find_values(concept.kind, line.text):
                if value.fit == 1.0 and not _labelled_otherwise(line, concept):
                    score = concept.alone * line.trust - 0.1 * page.depth(line)
                    readings.append(Reading((line,), value.short, concept.kind, _clip(score), concept.name))
    return readings


def _labelled_otherwise(line: Line, concept: Concept) -> bool:
    return any(same_word(word, bad) for word in canon(line.text) for bad in concept.avoid)


def _prefixed(page: Page, concept: Concept, phrases: Sequence[tuple[list[str], float]]) -> list[Reading]:
    """Read `Cashier JOHN`, where nothing parts the label from its value."""
    if concept.kind not in ("name", "id", "text"):
        return []
    readings = []
    for line in page.lines:
        tokens = line.text.split()
        for size in (2, 1):
            if len(tokens) <= size:
                continue
            head, rest = " ".join(tokens[:size]), " ".join(tokens[size:])
            fit = max(
                (weight for phrase, weight in phrases if match_label(head, phrase) >= 0.99), default=0.0
            )
            values = find_values(concept.kind, rest)
            if fit and values and ":" not in head and not _labelled_otherwise(line, concept):
                score = 0.7 * fit * values[0].fit * line.trust
                readings.append(Reading((line,), values[0].short, concept.kind, _clip(score), concept.name))
                break
    return readings


def _pick(kind: ValueKind, pair: Pair) -> Value | None:
    values = find_values(kind, pair.text)
    if not values:
        return None
    if kind == "money":
        exact = [value for value in values if value.fit == 1.0]
        return (exact or values)[-1] if pair.relation == "same" else (exact or values)[0]
    if kind in ("name", "text") and not pair.whole and pair.relation != "same":
        return None
    return values[0]


def _by_words(page: Page, pairs: Sequence[Pair], question: ParsedQuestion) -> list[Reading]:
    """Find the label, or the row of a list, that says the specific words of the question."""
    kind = _kind(question)
    wanted = _specific(question, GENERIC_WORDS)
    if kind in ("money", "count"):
        wanted = [word for word in wanted if word not in _BUYING_WORDS]
    wanted = [word for word in wanted if len(word) > 1] or wanted
    if not wanted:
        return []
    name, asked = " ".join(wanted), canon(question.stem)
    readings: list[Reading] = []
    for pair in pairs:
        fit = name_fit(pair.label, wanted, asked)
        value = _pick(kind, pair) if fit >= 0.5 else None
        if value is None or (kind == "money" and value.fit < 0.6):
            continue
        score = 0.88 * fit * pair.near * (0.5 + 0.5 * value.fit) * (0.6 + 0.4 * pair.line.trust)
        readings.append(Reading((pair.line,), value.short, kind, _clip(score), name))
    if kind not in ("money", "count"):
        return readings
    form: Wanted = "quantity" if kind == "count" else "unit" if _UNIT_CUE.search(question.stem) else "amount"
    items = [_reading(item, kind, name) for item in item_candidates(page, wanted, asked, form)]
    # In a list the row decides which of its figures is meant; labels decide where there is no list.
    return items or readings


def _kind(question: ParsedQuestion) -> ValueKind:
    stem = question.stem
    if _COUNT_CUE.search(stem):
        return "count"
    if _ID_CUE.search(stem):
        return "id"
    if question.answer_type in ("money", "date", "time", "percent"):
        return {"money": "money", "date": "date", "time": "time", "percent": "percent"}[question.answer_type]  # type: ignore[return-value]
    if re.search(r"\bhow much\b|\bprice|\bcosts?\b|\bcharged?\b|\bfee\b", stem, re.I):
        return "money"
    return "name" if _NAME_CUE.search(stem) else "text"


def _addresses(page: Page, pairs: Sequence[Pair]) -> list[Reading]:
    readings = []
    for run in address_blocks(page)[:2]:
        text = ", ".join(line.text.strip(" ,") for line in run)
        text = re.sub(r"^\W*address\s*:?\s*", "", text, flags=re.I)
        readings.append(Reading(tuple(run), text, "text", address_score(page, run), "address"))
    return readings


def _reading(item: Found, kind: ValueKind, name: str) -> Reading:
    return Reading((item.line,), item.value.short, kind, item.score, name)


def _settle(readings: Sequence[Reading]) -> list[Reading]:
    """Keep the best reading of each distinct answer; a close rival makes the first less sure."""
    best: dict[str, Reading] = {}
    for reading in readings:
        known = best.get(reading.short.lower())
        if known is None or reading.score > known.score:
            best[reading.short.lower()] = reading
    ranked = sorted(best.values(), key=lambda reading: -reading.score)[:_KEEP]
    if len(ranked) > 1 and ranked[0].score - ranked[1].score < 0.1:
        first = ranked[0]
        margin = ranked[0].score - ranked[1].score
        ranked[0] = Reading(
            first.lines, first.short, first.kind, first.score * (0.88 + 1.2 * margin), first.name
        )
        ranked.sort(key=lambda reading: -reading.score)
    return [reading for reading in ranked if reading.score >= _FLOOR]


def _candidate(reading: Reading, task: AnswerTask) -> Candidate:
    claims = tuple(
        DraftClaim(
            text=f'The document reads "{line.text}".',
            citations=(Citation.of(line.evidence, quote=line.text),),
        )
        for line in reading.lines
    )
    return Candidate(
        id="",
        route="extraction",
        subquestion_id=task.subquestion_id,
        answer=f"The {reading.name} is {reading.short.rstrip('.')}.",
        short_answer=reading.short,
        answer_type=_ANSWER_TYPES[reading.kind],
        claims=claims,
        score=_clip(reading.score),
    )


def _clip(score: float) -> float:
    return min(max(score, 0.0), 0.99)
