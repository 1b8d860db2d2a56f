"""What a question asks for, read in code: answer type, options of a multiple choice, key words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from agents.courtesy import without_courtesy
from agents.decompose import compared_names
from agents.function_words import function_words, language_of
from agents.question_words import AUXILIARIES, MODALS, SHARE, WH
from core.contracts import AnswerType
from core.text import content_words

_OPTION = re.compile(r"(?:^|[\n\r;|]|(?<=[\s.?:,]))\(?(?P<letter>[A-H])(?P<mark>[).:])\s+", re.M)
_TYPE_RULES: tuple[tuple[AnswerType, re.Pattern[str]], ...] = (
    ("date", re.compile(r"\b(?:what|which)\s+(?:\w+\s+){0,3}date\b|\bdate\s+(?:of|on)\b|\bwhen\b|\b(?:what|which)\s+day\b|\bdated\b", re.I)),
    ("time", re.compile(r"\b(?:what|which)\s+(?:\w+\s+){0,2}time\b|\bat what time\b", re.I)),
    ("percent", re.compile(rf"{SHARE}|%", re.I)),
    ("money", re.compile(r"\b(?:total|amount|price|cost|subtotal|balance|fee|paid|pay|change due|tax|gst|vat|revenue|salary)\b", re.I)),
    ("number", re.compile(r"\bhow (?:many|much|old|long|far|tall|high|large|big)\b|\b(?:number|count|quantity|value|average|sum|difference) of\b|\bby how much\b", re.I)),
    ("list", re.compile(r"\b(?:list|name|enumerate)\s+(?:all|the|every|each)\b|\bwhich (?:are|ones)\b", re.I)),
    ("name", re.compile(r"^\s*who\b|\bname of\b|\b(?:company|vendor|store|shop|merchant|seller|author|customer|cashier|person)\b", re.I)),
)  # fmt: skip

_ASKS_WHETHER = re.compile(
    rf"^\s*(?:{AUXILIARIES}|{MODALS})\b(?!\s+(?:you|anyone|somebody)\b)",
    re.I,
)
_CLAUSES = re.compile(r"(?<=[\w)\]\"'%])\s*(?:[:;.!?]\s+|--+\s*|\s[–—]\s+)")
_ASKS_WHAT = re.compile(
    rf"\b(?:{WH}|list|name|give|tell|show|find|compute|calculate|describe|explain"
    r"|summari[sz]e|compare|define|read|extract|or)\b",
    re.I,
)
_TITLE_WORDS = 7


@dataclass(frozen=True)
class ParsedQuestion:
    """A question with its parts. `stem` is the question without its options."""

    text: str
    stem: str
    answer_type: AnswerType
    options: Mapping[str, str]
    keywords: tuple[str, ...]


@lru_cache(maxsize=64)  # every node of a run asks about the same question
def parse_question(text: str) -> ParsedQuestion:
    """Read what a question asks for, without greetings and thanks. Pure; no model."""
    text = without_courtesy(text)
    stem, options = split_options(text)
    language = language_of(stem)
    # The forms of English questions say nothing of others: German asks `was` for `what`.
    kind: AnswerType = "choice" if options else _answer_type(stem) if language == "en" else "text"
    empty = function_words(language)
    keywords = tuple(word for word in content_words(stem) if word not in empty)
    return ParsedQuestion(text, stem, kind, options, keywords)


def split_options(text: str) -> tuple[str, dict[str, str]]:
    """Split `stem A) one B) two` into the stem and its options; at least A and B in order."""
    marks = list(_OPTION.finditer(text))
    for first, match in enumerate(marks):
        if match["letter"] != "A":
            continue
        run = [match]
        for later in marks[first + 1 :]:
            if later["letter"] == chr(ord(run[-1]["letter"]) + 1):
                run.append(later)
        if len(run) < 2:
            continue
        ends = [later.start() for later in run[1:]] + [len(text)]
        options = {
            mark["letter"]: text[mark.end() : end].strip(" \t\r\n;|,")
            for mark, end in zip(run, ends, strict=True)
        }
        if all(options.values()):
            stem = re.sub(r"(?:\b(?:options|choices)\s*:?\s*)$", "", text[: match.start()], flags=re.I)
            return stem.strip(), options
    return text.strip(), {}


def _answer_type(stem: str) -> AnswerType:
    clauses = [clause for clause in _CLAUSES.split(stem) if clause.strip()]
    if clauses and _ASKS_WHETHER.search(clauses[-1]) and not _is_choice(clauses[-1]):
        return "yes_no"  # whatever it speaks of: `Is there a date?` asks for none
    for kind, rule in _TYPE_RULES:
        if rule.search(stem):
            return kind
    return "yes_no" if _is_title(stem, clauses) else "text"


def _is_choice(clause: str) -> bool:
    """Whether it asks which of two: `Does A or B lend more books?`."""
    return " or " in clause and compared_names(clause) is not None


def _is_title(stem: str, clauses: list[str]) -> bool:
    """Whether a question is a title that asks whether: `Hearing loss: an unknown complication of X?`."""
    long = len(stem.split()) >= _TITLE_WORDS
    return long and len(clauses) > 1 and stem.rstrip().endswith("?") and not _ASKS_WHAT.search(stem)
