"""A chart as the extractor sees it: cells from evidence, and which of them a question names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.contracts import Evidence
from core.text import words

_MONTHS = "january february march april may june july august september october november december".split()
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()


@dataclass(frozen=True)
class Cell:
    """One value of a chart with the evidence that carries it."""

    series: str
    category: str
    value: float
    evidence: Evidence

    @property
    def sure(self) -> float:
        """The reader's confidence."""
        return self.evidence.score

    @property
    def name(self) -> str:
        """How the cell is named in an answer."""
        return self.category or self.series

    @property
    def full_name(self) -> str:
        """Category with its series where the chart has several."""
        return f"{self.category} ({self.series})" if self.series and self.category else self.name


@dataclass(frozen=True)
class Chart:
    """A chart: its words and its cells in drawing order."""

    kind: str
    title: str
    x: str
    y: str
    cells: tuple[Cell, ...]
    head: Evidence | None = None

    @property
    def series(self) -> list[str]:
        """Distinct series in order."""
        return list(dict.fromkeys(cell.series for cell in self.cells if cell.series))

    @property
    def categories(self) -> list[str]:
        """Distinct categories in order."""
        return list(dict.fromkeys(cell.category for cell in self.cells if cell.category))

    @property
    def vocabulary(self) -> set[str]:
        """Stems of every word in the chart."""
        texts = (self.title, self.x, self.y, *self.series, *self.categories)
        return {stem(word) for text in texts for word in words(text)}


def load_charts(evidence: Iterable[Evidence]) -> list[Chart]:
    """Group chart evidence by image and rebuild the tables."""
    groups: dict[str, list[Evidence]] = {}
    for item in evidence:
        if item.kind == "chart" and "type" in item.metadata:
            groups.setdefault(item.locator.sha256 or item.source, []).append(item)
    return [_chart(items) for items in groups.values()]


def _chart(items: Sequence[Evidence]) -> Chart:
    about = items[0].metadata
    cells = [
        Cell(str(m["series"]), str(m["category"]), float(m["value"]), item)
        for item in items
        if (m := item.metadata).get("part") == "cell"
    ]
    cells.sort(key=lambda cell: (cell.evidence.locator.col or 0, cell.evidence.locator.row or 0))
    head = next((item for item in items if item.metadata.get("part") == "title"), None)
    return Chart(
        str(about["type"]), str(about["title"]), str(about["x"]), str(about["y"]), tuple(cells), head
    )


def stem(word: str) -> str:
    """Cut plural and verb endings, and spell months and weekdays short."""
    for names in (_MONTHS, _DAYS):
        for name in names:
            if len(word) >= 3 and name.startswith(word):
                return name[:3]
    for ending in ("ies", "es", "s", "ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            base = word[: -len(ending)]
            return base + ("y" if ending == "ies" else "")
    return word.rstrip("e") if len(word) > 4 else word


def stems(text: str) -> list[str]:
    """Return the stems of a text in order."""
    return [stem(word) for word in words(text)]


def named_in(text: str, names: Sequence[str]) -> list[str]:
    """Return the names that a text mentions, in the order of mention; a longer name hides its parts."""
    tokens = stems(text)
    found: list[tuple[int, int, str]] = []
    for name in names:
        parts = stems(name)
        if not parts:
            continue
        at = _find(tokens, parts)
        if at is None and len(parts) > 1:
            short = [part for part in stems(re.sub(r"\([^)]*\)", "", name)) if part]
            at = _find(tokens, short) if short and short != parts else None
            parts = short if at is not None else parts
        if at is not None:
            found.append((at, at + len(parts), name))
    kept = [
        span
        for span in found
        if not any(
            o is not span and o[0] <= span[0] and span[1] <= o[1] and o[1] - o[0] > span[1] - span[0]
            for o in found
        )
    ]
    return [name for _, _, name in sorted(kept)]


def _find(tokens: Sequence[str], parts: Sequence[str]) -> int | None:
    for start in range(len(tokens) - len(parts) + 1):
        if all(_same(a, b) for a, b in zip(tokens[start:], parts, strict=False)):
            return start
    return None


def _same(a: str, b: str) -> bool:
    if a == b:
        return True
    if min(len(a), len(b)) < 6 or abs(len(a) - len(b)) > 1 or any(c.isdigit() for c in a + b):
        return False
    # One letter wrong in a long word: OCR, not another word.
    differing = sum(x != y for x, y in zip(a, b, strict=False)) + abs(len(a) - len(b))
    return differing <= 1


def order_value(name: str) -> float | None:
    """Return where a category stands in time or number: years, months, quarters, weekdays, numbers."""
    year = re.search(r"\b(1[5-9]\d\d|20\d\d)\b", name)
    quarter = re.search(r"\b[Qq]([1-4])\b", name)
    token = next((stem(word) for word in words(name) if stem(word) in _SHORT), None)
    base = float(year.group(1)) if year else 0.0
    if quarter:
        return base + int(quarter.group(1)) / 10
    if token is not None:
        return base + _SHORT[token] / 20
    if year:
        return base
    plain = re.fullmatch(r"\s*(\d+(?:[.:]\d+)?)\s*(?:[ap]m|h|yrs?|years?)?\s*", name)
    return float(plain.group(1).replace(":", ".")) if plain else None


_SHORT = {name[:3]: i + 1 for names in (_MONTHS, _DAYS) for i, name in enumerate(names)}


def in_order(cells: Sequence[Cell]) -> list[Cell]:
    """Return cells by time or number when every category has one, else as drawn.

    A time axis may be drawn backwards; a trend is read forwards.
    """
    keys = [order_value(cell.category) for cell in cells]
    if any(key is None for key in keys):
        return list(cells)
    return [cell for _, cell in sorted(zip(keys, cells, strict=True), key=lambda pair: pair[0] or 0.0)]
