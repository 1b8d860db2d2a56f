"""The total of a bill: which of its amounts is the one to pay, from labels, place and arithmetic."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from agents.answer.labels import Pair, canon, match_label, same_word
from agents.answer.layout import Line, Page
from agents.answer.values import Value, find_values
from agents.answer.vocabulary import NOT_TOTAL, TOTAL_LABELS

_SUMMARY = re.compile(r"\b(?:gst|tax|vat|sst)\s*(?:summar|analys|code|rate|breakdown)", re.I)
_EXCLUDES = re.compile(r"\b(?:excl|exc\b|exclu|before|without)", re.I)
_INCLUDES = re.compile(r"\binc|\bw/|(?<!x)clusive", re.I)


@dataclass(frozen=True)
class Found:
    """A value in its line with the label that names it (if any) and a score, 0 to 1."""

    value: Value
    line: Line
    score: float
    label: str = ""


def total_candidates(page: Page, pairs: Sequence[Pair]) -> list[Found]:
    """Return the amounts that may be the total of a page, best first."""
    amounts = [value for line in page.lines for value in find_values("money", line.text) if value.fit == 1.0]
    counts = Counter(value.short for value in amounts)
    summary = _summary_rows(page)
    found: list[Found] = []
    for pair in pairs:
        base = _label_score(pair.label)
        values = find_values("money", pair.text)
        if not base or not values:
            continue
        value = values[-1] if pair.relation == "same" else values[0]
        if value.number is None or value.number <= 0 or value.fit < 0.6:
            base *= 0.5
        score = base * pair.near * value.fit
        if pair.label_line.row in summary:
            score *= 0.55
        if _is_titles(page, pair.label_line):
            score *= 0.3
        if pair.relation in ("below", "next"):
            score *= 0.8
        found.append(Found(value, pair.line, score, pair.label))
    return _weigh(page, pairs, found, counts)


def _label_score(label: str) -> float:
    have = canon(label)
    if not have or len(have) > 9:
        return 0.0
    best = max((match_label(label, canon(phrase)) * weight for phrase, weight in TOTAL_LABELS), default=0.0)
    includes = _INCLUDES.search(label) is not None
    if _EXCLUDES.search(label):
        return best * 0.3
    bad = [word for word in have if any(same_word(word, other) for other in NOT_TOTAL)]
    if includes:
        bad = [word for word in bad if word not in ("gst", "tax", "vat")]
    return best * 0.3 if bad else best


def _summary_rows(page: Page) -> set[int]:
    """Return the rows of a tax summary: its totals are those of the tax table."""
    start = next((line.row for line in page.lines if _SUMMARY.search(line.text)), None)
    return set() if start is None else set(range(start, len(page.rows)))


def _is_titles(page: Page, line: Line) -> bool:
    """Whether a line stands in a row of column titles: several texts and no figure."""
    row = page.rows[line.row]
    return len(row) > 1 and not any(char.isdigit() for other in row for char in other.text)


def _weigh(page: Page, pairs: Sequence[Pair], found: list[Found], counts: Counter[str]) -> list[Found]:
    paid = labelled(pairs, ("cash", "paid amount", "cash tendered", "payment", "tendered", "amount paid"))
    change = labelled(pairs, ("change", "change due", "cash change", "balance"))
    rounding = labelled(pairs, ("rounding", "rounding adjustment"))
    settled = {round(p - c, 2) for p in paid for c in change if p - c > 0}
    weighed: list[Found] = []
    for item in found:
        score, number = item.score, item.value.number or 0.0
        if round(number, 2) in settled:
            score += (1 - score) * 0.5
        elif settled and any(abs(s - (o.value.number or 0)) < 0.011 for s in settled for o in found):
            score *= 0.75
        score += (1 - score) * min(0.3, 0.1 * (counts[item.value.short] - 1))
        for shift in rounding:
            if shift and abs(shift) < 0.06:
                others = {round((o.value.number or 0.0), 2) for o in found}
                if round(number + shift, 2) in others and round(number - shift, 2) not in others:
                    score *= 0.8
        weighed.append(
            Found(item.value, item.line, min(score, 0.97) * (0.6 + 0.4 * item.line.trust), item.label)
        )
    weighed += _unlabelled(page, settled, weighed)
    return sorted(weighed, key=lambda item: (-round(item.score, 3), -page.depth(item.line)))


def _unlabelled(page: Page, settled: set[float], labelled_as_total: Sequence[Found]) -> list[Found]:
    """Where the label is unreadable: the amount that cash less change gives, if it is printed."""
    known = {round(item.value.number or 0.0, 2) for item in labelled_as_total if item.score > 0.6}
    return [
        Found(value, line, 0.66 * line.trust, "cash less change")
        for line in page.lines
        for value in find_values("money", line.text)
        if value.number is not None and round(value.number, 2) in settled - known
    ]


def labelled(pairs: Sequence[Pair], phrases: Sequence[str]) -> list[float]:
    """Return the amounts beside labels that are exactly one of the phrases."""
    wanted = [canon(phrase) for phrase in phrases]
    numbers: list[float] = []
    for pair in pairs:
        if pair.relation in ("same", "right") and any(match_label(pair.label, p) >= 0.85 for p in wanted):
            numbers += [
                v.number for v in find_values("money", pair.text) if v.number is not None and v.fit == 1.0
            ]
    return numbers
