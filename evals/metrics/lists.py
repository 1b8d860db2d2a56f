"""Answers that are lists: item F1, and BioASQ's list and factoid questions (Tsatsaronis et al. 2015)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from evals.exact_match import normal_answer
from evals.metrics.counts import Counts

Gold = Iterable[str | Iterable[str]]
"""Items; each is a text, or the texts that name the same thing (synonyms)."""
_BETWEEN = re.compile(r"\s*(?:[;\n•]|,(?!\d{3}\b)|\band\b|\bund\b|\bet\b)\s*", re.IGNORECASE)
_NUMBERING = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")
_LENIENT = 5


def split_items(text: str | None) -> list[str]:
    """Return the items of a list in words: parted by commas, semicolons, lines, bullets or `and`."""
    lines = [_NUMBERING.sub("", line) for line in (text or "").splitlines()]
    items = (item.strip().rstrip(" .") for line in lines for item in _BETWEEN.split(line))
    return [item for item in items if item]


def item_counts(prediction: str | Iterable[str] | None, gold: Gold) -> Counts:
    """Return how many items were named rightly, wrongly and not at all; an item named twice counts once.

    A predicted item pairs with one gold item at most, and so do two names of the same thing: the largest
    one-to-one pairing counts.
    """
    said = _predicted(prediction)
    wanted = [names for names in map(_names, gold) if names]
    paired = _largest_pairing(
        [[place for place, names in enumerate(wanted) if item in names] for item in said]
    )
    return Counts(tp=paired, fp=len(said) - paired, fn=len(wanted) - paired)


def item_f1(prediction: str | Iterable[str] | None, gold: Gold) -> float:
    """Return the F1 of the items, whatever their order; 1 when none was wanted and none named."""
    f1 = item_counts(prediction, gold).f1
    return 1.0 if f1 is None else f1


def item_precision(prediction: str | Iterable[str] | None, gold: Gold) -> float | None:
    """Return the share of the named items that are right; None when none was named."""
    return item_counts(prediction, gold).precision


def item_recall(prediction: str | Iterable[str] | None, gold: Gold) -> float | None:
    """Return the share of the wanted items that were named; None when none was wanted."""
    return item_counts(prediction, gold).recall


def factoid_strict(prediction: str | Sequence[str] | None, gold: Iterable[str]) -> float | None:
    """Return 1 when the first answer is one of the gold names, else 0; None without gold."""
    rank = _first_right(prediction, gold)
    return None if rank is None else float(rank == 1)


def factoid_lenient(prediction: str | Sequence[str] | None, gold: Iterable[str]) -> float | None:
    """Return 1 when one of the first five answers is a gold name, else 0; None without gold."""
    rank = _first_right(prediction, gold)
    return None if rank is None else float(rank > 0)


def factoid_mrr(prediction: str | Sequence[str] | None, gold: Iterable[str]) -> float | None:
    """Return 1 over the place of the first right answer among five, 0 when none is; None without gold."""
    rank = _first_right(prediction, gold)
    return None if rank is None else (1 / rank if rank else 0.0)


def _first_right(prediction: str | Sequence[str] | None, gold: Iterable[str]) -> int | None:
    """Return the place, from 1, of the first right answer, 0 when there is none, None without gold."""
    names = _names(gold)
    if not names:
        return None
    said = [prediction] if isinstance(prediction, str) else list(prediction or ())
    return next((at for at, text in enumerate(said[:_LENIENT], 1) if normal_answer(text) in names), 0)


def _predicted(prediction: str | Iterable[str] | None) -> list[str]:
    said = split_items(prediction) if isinstance(prediction, str) else list(prediction or ())
    return [item for item in dict.fromkeys(map(normal_answer, said)) if item]


def _names(item: str | Iterable[str]) -> set[str]:
    texts = [item] if isinstance(item, str) else item
    return {name for text in texts if (name := normal_answer(text))}


def _largest_pairing(fits: Sequence[Sequence[int]]) -> int:
    """Return how many items can be paired when item i fits the places `fits[i]`."""
    places = [place for own in fits for place in own]
    if len(set(places)) == len(places):
        return sum(bool(own) for own in fits)
    import numpy as np
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import maximum_bipartite_matching

    graph = np.zeros((len(fits), max(places) + 1), dtype=np.int8)
    for item, own in enumerate(fits):
        graph[item, list(own)] = 1
    return int((maximum_bipartite_matching(csr_matrix(graph), perm_type="column") >= 0).sum())
