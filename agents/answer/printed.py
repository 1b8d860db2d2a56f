# ruff: noqa: E501 - tables of words and patterns, one group to a line
"""Values printed on a chart or poster, each with the labels that its place gives it: row, group, column, title."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from agents.answer.layout import Line, Page
from core.contracts import Box
from core.text import content_words, words

_FIGURE = r"[<>~≈]?\s?[-−]?[$€£]?\d[\d,]*(?:\.\d+)?\s?(?:%|percent|million|billion|k|m|bn|points?)?"
_ONLY_FIGURES = re.compile(rf"(?:{_FIGURE})(?:\s+{_FIGURE})*", re.I)
_LABEL_THEN_FIGURE = re.compile(rf"(?P<label>[^\d%$€£]*[^\W\d_][^\d%$€£]*?)\s+(?P<figure>{_FIGURE})", re.I)
_SPAN_LABEL = re.compile(r"(?:ages?\s+)?\$?\d[\d,]*\s?[-–]\s?\$?\d[\d,]*k?(?:\s.*)?|\d+\s?\+|<\$?\d+k?", re.I)
_YEAR = re.compile(r"'?\b(?:1[89]|20)\d\d\b|'\d\d\b")
_FOOT = re.compile(r"\s*(?:notes?\b|sources?\b|survey\b|figures may|based on|\*|q\d+|©|\(c\))", re.I)
_LEGEND_WORDS = 5
_FUNCTION_WORDS = 3
"""So many small words (`with the way things are`) make a sentence of a short line."""
_REACH = 3.0
"""How many line heights above or below a lone value its label may stand."""


@dataclass(frozen=True)
class Value:
    """A printed value with the lines that name it."""

    line: Line
    text: str
    box: Box
    row: tuple[Line, ...] = ()
    group: tuple[Line, ...] = ()
    column: tuple[Line, ...] = ()

    @property
    def labels(self) -> tuple[Line, ...]:
        """The lines that name the value, its row first, each once."""
        return unique((*self.row, *self.group, *self.column))


def unique(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Return lines in order, each once; the same piece of evidence is the same line."""
    return tuple({line.evidence.id: line for line in lines}.values())


@dataclass(frozen=True)
class Printed:
    """What a page prints: its title lines, its values, and how many columns of values it has."""

    title: tuple[Line, ...]
    values: tuple[Value, ...]
    columns: int


def read_printed(page: Page) -> Printed:
    """Read the values of a page with their labels. Pure; boxes in pixels."""
    figures = list(_figures(page))
    if not figures:
        return Printed((), (), 0)
    top = min(figure.box[1] for figure in figures)
    lowest = max(figure.box[3] for figure in figures)
    feet = (line.box[1] for line in page.lines if _FOOT.match(line.text) and line.box[1] > top)
    foot = min(feet, default=lowest + 1e6)
    figures = _without_axes([figure for figure in figures if figure.box[1] < foot], page)
    used = {id(figure.line) for figure in figures}
    texts = [
        line
        for line in page.lines
        if line.box[1] < foot
        and (_has_letters(line.text) or (id(line) not in used and _YEAR.search(line.text)))
    ]
    title = tuple(
        line for line in texts if line.box[3] <= top + page.height * 0.5 and _is_title(line, texts, page)
    )
    body = [line for line in texts if line not in title]
    rows = _value_rows(figures)
    return Printed(
        title,
        tuple(_sure_columns([[_label(figure, row, body, figures, page) for figure in row] for row in rows])),
        max((len(row) for row in rows), default=0),
    )


def _figures(page: Page) -> Iterator[Value]:
    years = re.findall(
        _YEAR, " ".join(line.text for line in page.lines if _ONLY_FIGURES.fullmatch(line.text.strip()))
    )
    for line in page.lines:
        text = line.text.strip()
        if _SPAN_LABEL.fullmatch(text) and not re.fullmatch(r"<\s?\d{1,2}%?", text):
            continue
        if _YEAR.fullmatch(text) and len(years) >= 2:
            continue
        if _ONLY_FIGURES.fullmatch(text):
            yield from _parts(line)
            continue
        match = _LABEL_THEN_FIGURE.fullmatch(text) if len(text.split()) <= _LEGEND_WORDS + 1 else None
        if match and not _YEAR.fullmatch(match["figure"].strip()):
            yield Value(line, match["figure"].strip(), _slice(line, match.start("figure"), len(text)))


def _without_axes(figures: Sequence[Value], page: Page) -> list[Value]:
    """Drop the ticks of an axis: four or more values in line, at even steps of place and value."""
    ticks: set[int] = set()
    for across in (0, 1):
        lines: dict[int, list[Value]] = {}
        for figure in figures:
            at = figure.box[3] if across else figure.box[2]
            lines.setdefault(round(at / max(1.0, 0.7 * page.height)), []).append(figure)
        for run in lines.values():
            numbers = [float(re.sub(r"[^\d.]", "", figure.text) or 0) for figure in run]
            order = sorted(range(len(run)), key=lambda i: run[i].box[1 - across])
            steps = {round(numbers[b] - numbers[a], 6) for a, b in pairwise(order)}
            if len(run) >= 4 and len(steps) == 1 and 0.0 not in steps:
                ticks |= {id(figure) for figure in run}
    return [figure for figure in figures if id(figure) not in ticks]


def _parts(line: Line) -> Iterator[Value]:
    if len(re.findall(r"\b(?:1[89]|20)\d\d\b", line.text)) >= 2:
        return  # the years of an axis
    for match in re.finditer(_FIGURE, line.text, re.I):
        if any(char.isdigit() for char in match.group()):
            yield Value(line, match.group().strip(), _slice(line, match.start(), match.end()))


def _slice(line: Line, start: int, end: int) -> Box:
    """Return the part of a line's box that some of its characters take, letters taken as equally wide."""
    x0, y0, x1, y1 = line.box
    step = (x1 - x0) / max(1, len(line.text))
    return (x0 + start * step, y0, x0 + end * step, y1)


def _has_letters(text: str) -> bool:
    return sum(char.isalpha() for char in text) >= 2 or _SPAN_LABEL.fullmatch(text.strip()) is not None


def _is_title(line: Line, texts: Sequence[Line], page: Page) -> bool:
    """A title line is prose above the values; short texts side by side are a legend."""
    beside = [
        other
        for other in texts
        if other.row == line.row
        and max(other.box[0] - line.box[2], line.box[0] - other.box[2]) > 1.2 * line.height
    ]
    said = words(line.text)
    if len(said) > _LEGEND_WORDS or len(said) - len(content_words(line.text)) >= _FUNCTION_WORDS:
        return True
    if beside:
        return False
    above = [other for other in texts if other.box[3] <= line.box[1] + page.height * 0.3]
    # The last line of a paragraph is short but hangs close under it.
    close = [
        o
        for o in above
        if line.box[1] - o.box[3] < 0.8 * line.height and abs(o.box[0] - line.box[0]) < 2 * line.height
    ]
    return not above or any(len(other.text.split()) > 2 for other in close)


def _value_rows(figures: Sequence[Value]) -> list[list[Value]]:
    rows: list[list[Value]] = []
    for figure in sorted(figures, key=lambda item: (item.box[1] + item.box[3], item.box[0])):
        middle = (figure.box[1] + figure.box[3]) / 2
        if rows and middle - _middle(rows[-1][-1].box) < 0.5 * (figure.box[3] - figure.box[1]):
            rows[-1].append(figure)
        else:
            rows.append([figure])
    return [sorted(row, key=lambda item: item.box[0]) for row in rows]


def _middle(box: Box) -> float:
    return (box[1] + box[3]) / 2


def _centre(box: Box) -> float:
    return (box[0] + box[2]) / 2


def _label(
    figure: Value, row: Sequence[Value], body: Sequence[Line], figures: Sequence[Value], page: Page
) -> Value:
    own = [figure.line] if _has_letters(figure.line.text) else []
    beside = own or _beside(figure, body)
    upright = not beside
    labels = tuple(beside) if beside else tuple(_over_or_under(figure, body, page, len(figures)))
    labels = _whole_label(labels, body, row, page)
    group = () if upright or not labels else _group(labels[0], body, figures, page)
    column = _column(figure, row, body, labels, page) if len(row) > 1 or not upright else ()
    return Value(figure.line, figure.text, figure.box, labels, group, column)


def _beside(figure: Value, body: Sequence[Line]) -> list[Line]:
    """Return the nearest text in the value's row: to the left, else to the right."""
    middle = _middle(figure.box)
    level = [
        line for line in body if line.box[1] - 1 <= middle <= line.box[3] + 1 and line is not figure.line
    ]
    left = [line for line in level if line.box[2] <= figure.box[0] + 3]
    right = [line for line in level if line.box[0] >= figure.box[2] - 3]
    if left:
        return [max(left, key=lambda line: line.box[2])]
    return [min(right, key=lambda line: line.box[0])] if right else []


def _over_or_under(figure: Value, body: Sequence[Line], page: Page, count: int) -> list[Line]:
    """Return the text right above or below a value that stands alone, as on a pie or an upright bar."""
    near = []
    for line in body:
        if line.box[2] < figure.box[0] or line.box[0] > figure.box[2]:
            continue
        gap = max(line.box[1] - figure.box[3], figure.box[1] - line.box[3])
        near.append((gap, line))
    close = sorted((item for item in near if item[0] < _REACH * page.height), key=lambda item: item[0])
    if close:
        return [close[0][1]]
    below = [line for _, line in near if line.box[1] > figure.box[3]]
    if not below:
        return []
    label = min(below, key=lambda line: line.box[1])
    cells = page.rows[label.row]
    ticks = sum(
        max(1, len(_YEAR.findall(cell.text)) if not _SPAN_LABEL.fullmatch(cell.text) else 1) for cell in cells
    )
    # An axis with more ticks than values: which tick a value belongs to cannot be told from its place.
    return [label] if ticks <= count else []


def _whole_label(
    labels: tuple[Line, ...], body: Sequence[Line], row: Sequence[Value], page: Page
) -> tuple[Line, ...]:
    """Add the lines that continue a label above and below it, where no value stands beside them."""
    if not labels:
        return ()
    first = labels[0]
    taken = [value.box for value in row]
    more = [
        line
        for line in body
        if line is not first
        and abs(line.height - first.height) < 0.35 * first.height
        and -0.2 * page.height
        < max(line.box[1] - first.box[3], first.box[1] - line.box[3])
        < 0.28 * page.height
        and (
            abs(line.box[0] - first.box[0]) < 6
            or abs(line.box[2] - first.box[2]) < 6
            or abs(_centre(line.box) - _centre(first.box)) < 6
        )
        and not any(box[1] <= _middle(line.box) <= box[3] for box in taken)
    ]
    return tuple(sorted([first, *more[:2]], key=lambda line: line.box[1])) if more else (first,)


def _group(label: Line, body: Sequence[Line], figures: Sequence[Value], page: Page) -> tuple[Line, ...]:
    """Return the heading above a label: a text with no value in its row, starting at or left of the label."""
    above = [
        line
        for line in body
        if line.box[3] <= label.box[1] + 2
        and line.box[0] <= label.box[0] - 0.25 * page.height
        and line.box[2] > label.box[0] - 12 * page.height
        and not re.search(r"\d", line.text)
        and not any(line.box[1] <= _middle(figure.box) <= line.box[3] for figure in figures)
        and len(page.rows[line.row]) == 1
    ]
    return (max(above, key=lambda line: line.box[3]),) if above else ()


def _column(
    figure: Value, row: Sequence[Value], body: Sequence[Line], labels: Sequence[Line], page: Page
) -> tuple[Line, ...]:
    """Return the column's head: by order where the legend has as many entries as the row, else by place."""
    heads = [
        [
            line
            for line in cells
            if line in body and line not in labels and not re.search(r"\d{1,3}%?$", line.text)
        ]
        for cells in page.rows
        if cells
        and cells[0].box[3] <= figure.box[1] + 2
        and not any(_ONLY_FIGURES.fullmatch(c.text) for c in cells)
    ]
    heads = [cells for cells in heads if len(cells) >= 2]
    if not heads:
        return ()
    head = heads[-1]
    if len(head) == len(row):
        return _stack(head[row.index(figure)], body)
    nearest = min(head, key=lambda line: abs(_centre(line.box) - _centre(figure.box)))
    gaps = [b.box[0] - a.box[2] for a, b in pairwise(head)]
    reach = max(gaps, default=0.0) / 2 + nearest.width / 2 + page.height
    return _stack(nearest, body) if abs(_centre(nearest.box) - _centre(figure.box)) <= reach else ()


def _stack(line: Line, body: Sequence[Line]) -> tuple[Line, ...]:
    """Return a column's head with the lines that stand right on it, top first."""
    chosen = [line]
    while len(chosen) < 6:
        top = chosen[-1]
        over = [
            other
            for other in body
            if other.box[0] <= _centre(top.box) <= other.box[2]
            and -0.3 * top.height <= top.box[1] - other.box[3] < 0.7 * top.height
            and other.box[1] < top.box[1] - 0.5 * top.height
        ]
        if not over:
            break
        chosen.append(over[0])
    return tuple(reversed(chosen))


def _sure_columns(rows: Sequence[Sequence[Value]]) -> list[Value]:
    """Drop a column's name where rows of the same make disagree on it: a legend is not a row of heads."""
    named: dict[tuple[int, int], set[str]] = {}
    for row in rows:
        for place, value in enumerate(row):
            if value.column:
                named.setdefault((len(row), place), set()).add(" ".join(line.text for line in value.column))
    return [
        replace(value, column=()) if len(named.get((len(row), place), ())) > 1 else value
        for row in rows
        for place, value in enumerate(row)
    ]
