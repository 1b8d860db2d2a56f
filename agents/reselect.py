"""Re-selection: retrieve wide, then keep what bears on the question (SeBe-VQA's idea, scored in code)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import log

from agents.question import ParsedQuestion
from core.contracts import Evidence
from core.text import content_words

KEEP = 24
_SELECTABLE = ("passage", "pubmed", "code", "image")


def reselect(question: ParsedQuestion, evidence: Sequence[Evidence], *, keep: int = KEEP) -> list[Evidence]:
    """Return the evidence without the retrieved pieces that bear least on the question.

    What was read from the question's own images always stays; retrieved pieces compete by the share of
    the question's information (inverse document frequency over the set) that they contain.
    """
    selectable = [item for item in evidence if item.kind in _SELECTABLE]
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
    return [item for item in evidence if item.kind not in _SELECTABLE or item.id in chosen]
