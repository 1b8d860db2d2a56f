# ruff: noqa: E501 - tables of words, one group to a line
"""Lists from text: what sentences that bear on the question name one after the other, gathered over passages.

A run of items parted by commas, `and`, `or` or slashes is a list; a function word or a common verb ends an item.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agents.answer.relevance import bag
from agents.answer.units import Unit
from agents.question import ParsedQuestion
from core.contracts import Candidate, Citation, DraftClaim

_MOST_ITEMS = 10
_MOST_SENTENCES = 3
_LONGEST = 5
_NEAR = 0.6
"""Sentences that score this share of the best one may add items."""
_ASKS = re.compile(
    r"^\s*(?:please\s+)?(?:list|enumerate|name|give)\b(?!\s+of\b)"
    r"|\b(?:what|which) (?:are|were) the\b|\b(?:what|which)\s+(?:two|three|four|five|six|[2-9])\b"
    r"|\b(?:what|which)\s+(?:[\w-]+\s+){0,2}?[a-z-]{3,}[a-rt-z]s\s+(?:are|were|have|has|can|is|do|did|form|make|belong|constitute|include|exist)\b",
    re.I,
)
_NO_ITEM = re.compile(r"^\d|(?:ly|ed)$", re.I)
"""A figure, or what a verb or adverb ends."""
_NUMBERS = "two three four five six seven eight nine".split()
_COUNT = re.compile(rf"\b(?:([2-9])|({'|'.join(_NUMBERS)}))\b", re.I)
_TOKEN = re.compile(r"[\w'’+\-.αβγδεκλμω]*[\w'’+αβγδεκλμω]|[,;:()\[\]/&.]")
_BREAKS = frozenset(
    "a an the this that these those is are was were be been being has have had do does did can could may might will would should of in "
    "on at by for from to with within without into between among during after before over under than as such like including include "
    "includes included via per not no nor but while whereas although which who whose where when what that it its they their we our "
    "he she there here also both each all any some other others more most less least several many few various only however thus "
    "therefore if because since contain contains containing contained comprise comprises comprising combine combines combining "
    "consist consists consisting involve involves involving cause causes caused encode encodes encoding bind binds binding form forms "
    "target targets targeting show shows showed shown report reports reported identify identified use uses used using find found "
    "produce produced call called name named develop developed approve approved treat treats treated associate associated compose "
    "composed characterize characterized characterised define defined describe described known respectively e.g i.e ; : ( ) [ ] .".split()
)
_MAY_BEGIN = frozenset("a an the its their his her some other also both".split())
"""What may stand before an item, after a separator."""
_SEPARATORS = frozenset(", and or & /".split())


@dataclass(frozen=True)
class _Found:
    unit: Unit
    items: tuple[str, ...]
    score: float


def asks_for_list(question: ParsedQuestion) -> bool:
    """Whether several things are asked for, by the words of the question."""
    return _ASKS.search(question.stem) is not None


def listed(scored: Sequence[tuple[Unit, float]], question: ParsedQuestion, need: str) -> Candidate | None:
    """Return the items that the best sentences enumerate, or None where none does.

    Args:
        scored: Sentences with their score (0 to 1), best first.
        question: A question that asks for a list.
        need: The sub-question's id.
    """
    asked = bag(question.stem)
    found = [
        _Found(unit, items, score)
        for unit, score in scored
        if not unit.is_row and len(items := tuple(items_of(unit.text, asked))) > 1
    ]
    if not found:
        return None
    top = max(one.score for one in found)
    chosen = [one for one in found if one.score >= _NEAR * top][:_MOST_SENTENCES]
    wanted = _count(question.stem)
    unique: dict[frozenset[str], str] = {}
    for item in (item for one in chosen for item in one.items):
        unique.setdefault(bag(item) or frozenset({item.lower()}), item)
    kept = list(unique.values())[: wanted or _MOST_ITEMS]
    used = [one for one in chosen if set(one.items) & set(kept)]
    claims = [" ".join(one.unit.text.split()) for one in used]
    return Candidate(
        id="listed",
        route="extraction",
        subquestion_id=need,
        answer=" ".join(claims),
        short_answer=", ".join(kept),
        answer_type="list",
        claims=tuple(
            DraftClaim(text=text, citations=(Citation.of(one.unit.evidence, one.unit.text),))
            for text, one in zip(claims, used, strict=True)
        ),
        score=round(min(1.0, top), 4),
    )


def items_of(sentence: str, asked: frozenset[str]) -> Iterator[str]:
    """Yield the items of the longest run that a sentence enumerates; words of the question end none."""
    runs: list[list[str]] = [[]]
    item: list[re.Match[str]] = []
    parted = False

    def close() -> None:
        if item:
            runs[-1].append(sentence[item[0].start() : item[-1].end()])
            item.clear()

    for token in _TOKEN.finditer(sentence):
        word = token.group().lower()
        if word in _SEPARATORS:
            close()
            parted = True
        elif word in _BREAKS or bag(word) & asked:
            close()
            if not (parted and word in _MAY_BEGIN):
                runs.append([])
                parted = False
        else:
            item.append(token)
            parted = False
    close()
    best = max(runs, key=len)
    yield from (
        text for text in best if len(text.split()) <= _LONGEST and len(text) > 1 and not _NO_ITEM.search(text)
    )


def _count(stem: str) -> int:
    match = _COUNT.search(stem)
    if match is None:
        return 0
    return int(match[1]) if match[1] else _NUMBERS.index(match[2].lower()) + 2
