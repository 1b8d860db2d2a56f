# ruff: noqa: E501 - tables of words and patterns, one group to a line
"""How well a unit of text bears on a question: weighted overlap, with the words that must not be missing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log

from agents.answer.irregular import BASE_FORMS
from agents.answer.units import Unit
from agents.check.overlap import stem
from agents.function_words import language_of
from agents.question import ParsedQuestion
from core.text import content_words

_HEADING_CREDIT = 0.75
_BEFORE_CREDIT = 0.45
_PASSAGE_CREDIT = 0.25
_COMMON = 0.3
_FRAME_WORDS = frozenset(
    map(
        stem,
        "number name kind type many much get give mean call named called default document documentation docs according "
        "following different main please there possible list enumerate feature several available various include "
        "true false correct wrong untrue incorrect".split(),
    )
)
_ENTITY = re.compile(
    r"`[^`]+`|\"[^\"]+\"|“[^”]+”|\b\w+(?:_\w+)+\b|(?<!\w)--?[a-z][\w-]+|\b[A-Z][\w.&'’-]*\b|\b\w*\d\w*(?:-\w+)*\b"
)


_FORMS = BASE_FORMS | {
    "maximum": "max", "minimum": "min", "configuration": "config", "configure": "config", "environment": "env",
    "directory": "folder", "repository": "repo", "parameter": "param", "argument": "arg", "quantity": "qty",
    "founded": "founder", "founding": "founder", "telephone": "phone", "percentage": "percent",
}  # fmt: skip


def key(word: str) -> str:
    """Return the form under which a word is matched: its stem; long forms as their usual short ones."""
    return stem(_FORMS.get(word, word))


@lru_cache(maxsize=8192)
def bag(text: str) -> frozenset[str]:
    """Return the stems of the content words of a text."""
    return frozenset(key(part) for word in content_words(text) for part in {word, *re.split(r"[-'’]", word)})


@dataclass(frozen=True)
class Relevance:
    """The weights of a question's words over the units at hand, and its entities."""

    weights: dict[str, float]
    entities: tuple[frozenset[str], ...]

    @property
    def total(self) -> float:
        """The weight of the whole question."""
        return sum(self.weights.values()) or 1.0

    def coverage(self, unit: Unit, passage: frozenset[str]) -> float:
        """Return the share (0 to 1) of the question that a unit covers.

        Words in the heading, the sentence before, or elsewhere in the passage count in part.
        """
        layers = (
            (bag(unit.text), 1.0),
            (bag(unit.heading), _HEADING_CREDIT),
            (bag(unit.header), _HEADING_CREDIT),
            (bag(unit.before), _BEFORE_CREDIT),
            (passage, _PASSAGE_CREDIT),
        )
        covered = 0.0
        for word, weight in self.weights.items():
            covered += weight * max((credit for have, credit in layers if _has(word, have)), default=0.0)
        return covered / self.total

    def own_coverage(self, unit: Unit) -> float:
        """Return the share (0 to 1) of the question that a unit's own words cover."""
        return self.share_of(bag(unit.text))

    def share_of(self, have: frozenset[str]) -> float:
        """Return the share (0 to 1) of the question that words cover."""
        return sum(weight for word, weight in self.weights.items() if _has(word, have)) / self.total

    def missing_entities(self, unit: Unit, passage: frozenset[str]) -> int:
        """Count the question's entities that neither the unit, its heading nor its passage names."""
        have = passage | bag(unit.heading)
        return sum(not all(_has(word, have) for word in entity) for entity in self.entities)


def _has(word: str, have: frozenset[str]) -> bool:
    return word in have or (len(word) > 5 and any(other.startswith(word[:-1]) for other in have))


def relevance(question: ParsedQuestion, units: Sequence[Unit]) -> Relevance:
    """Weigh the question's words by how rare they are among the units."""
    bags = [bag(unit.text) for unit in units]
    frequency = Counter(word for have in bags for word in have)
    stems = dict.fromkeys(key(word) for word in question.keywords)
    weights = {
        word: log(1 + (len(bags) + 1) / (frequency[word] + 0.5)) * (0.4 if word in _FRAME_WORDS else 1.0)
        for word in stems
    }
    # A name that runs through the collection says little about one passage of it.
    passages = {unit.evidence.id: bag(f"{unit.evidence.content} {unit.heading}") for unit in units}
    named = tuple(
        entity
        for entity in entities(question.stem)
        if sum(entity <= have for have in passages.values()) < max(2, _COMMON * len(passages))
    )
    return Relevance(weights, named)


def entities(text: str) -> Iterable[frozenset[str]]:
    """Yield the words of each name, code or number of a question; its first word is one only if it looks it."""
    nouns = language_of(text) == "de"  # every noun has a capital there
    for match in _ENTITY.finditer(text):
        word = match.group()
        if nouns and word.isalpha():
            continue
        plain_first = (
            not text[: match.start()].strip(" ¿¡") and re.fullmatch(r"[A-Z][^\W\d_A-Z]+", word) is not None
        )
        if not plain_first and (found := bag(word)):
            yield found
