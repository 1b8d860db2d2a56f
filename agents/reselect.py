"""Re-selection: retrieve wide, then keep what bears on the question (SeBe-VQA's idea, scored in code)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import log

from agents.question import ParsedQuestion
from core.contracts import Evidence
from core.text import content_words

KEEP = 24
KEEP_WITH_IMAGE = 8
"""Passages kept for a question with images, of the more that were retrieved for it."""
SELECTABLE = ("passage", "pubmed", "code", "image")


def reselect(question: ParsedQuestion, evidence: Sequence[Evidence], *, keep: int = KEEP) -> list[Evidence]:
    """Return the evidence without the retrieved pieces that bear least on the question.

    What was read from the question's own images always stays; retrieved pieces compete by the share of
    the question's information (inverse document frequency over the set) that they contain.
    """
    selectable = [item for item in evidence if item.kind in SELECTABLE]
    if len(selectable) <= keep:
        return list(evidence)
    bags = {item.id: set(content_words(item.content)) for item in selectable}
    frequency = Counter(word for bag in bags.values() for word in bag)
    weight = {word: log(1 + len(selectable) / (1 + frequency[word])) for word in set(question.keywords)}
    total = sum(weight.values()) or 1.0

    def bearing(item: Evidence) -> float:
        share = sum(value for word, value in weight.items() if word in bags[item.id]) / total
        return share + item.score

    chosen = {item.id for item in sorted(selectable, key=bearing, reverse=True)[:keep]}
    return [item for item in evidence if item.kind not in SELECTABLE or item.id in chosen]


def keep_best(evidence: Sequence[Evidence], scores: Mapping[str, float], keep: int) -> list[Evidence]:
    """Return the evidence without the retrieved pieces that score lowest; its order stays.

    Args:
        evidence: Evidence of a need.
        scores: By evidence id, for every piece that may be left out.
        keep: How many of those stay.
    """
    chosen = set(sorted(scores, key=lambda id_: (-scores[id_], id_))[:keep])
    return [item for item in evidence if item.id not in scores or item.id in chosen]
