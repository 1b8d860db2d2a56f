"""Questions about a chart with answers from the table behind it. What two people could see differently is not asked."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from core.contracts import Contract
from finetune.synth.chart import TYPE_SHARES, Chart
from finetune.synth.colours import SHADES, accepted
from finetune.synth.phrases import HIGH, LESS, LOW, MORE, PHRASES, PLACES, ordinal
from finetune.synth.tables import ranks_clear, trend_of

YES, NO = ("yes",), ("no",)
_NAMES = {
    "bar": ("bar chart", "bar", "bar graph", "bar plot", "column chart", "vertical bar chart"),
    "barh": ("bar chart", "bar", "bar graph", "bar plot", "horizontal bar chart", "horizontal bar"),
    "grouped": ("bar chart", "bar", "bar graph", "grouped bar chart", "clustered bar chart"),
    "stacked": ("bar chart", "bar", "bar graph", "stacked bar chart"),
    "line": ("line chart", "line", "line graph", "line plot"),
    "lines": ("line chart", "line", "line graph", "line plot", "multi-line chart"),
    "pie": ("pie chart", "pie"),
    "donut": ("donut chart", "donut", "doughnut chart", "doughnut", "pie chart", "ring chart"),
    "scatter": ("scatter plot", "scatter", "scatter chart", "scatterplot"),
    "area": ("area chart", "area", "area graph", "area plot"),
}
_TREND_WORDS = {
    "up": ("up", "upward", "increasing", "rising"),
    "down": ("down", "downward", "decreasing", "falling"),
    "flat": ("flat", "stable", "constant"),
    "mixed": ("mixed", "up and down", "fluctuating"),
    "none": ("none", "no trend"),
}
_CLEAR = 0.07


class Draft(Contract):
    """A question before it is a row. `balance` names the group whose answers are kept even; `mark` a mark's number."""

    kind: str
    question: str
    answers: tuple[str, ...]
    balance: str = ""
    reading: bool = False
    mark: int | None = None


def ask(random: Random, chart: Chart, limit: int) -> list[Draft]:
    """Return up to `limit` questions about a chart, of as many kinds as there are."""
    drafts = list(_all(random, chart))
    random.shuffle(drafts)
    seen: dict[str, int] = {}
    ranked: list[tuple[int, int, Draft]] = []
    for index, draft in enumerate(drafts):
        seen[draft.kind] = seen.get(draft.kind, 0) + 1
        ranked.append((seen[draft.kind] + (1 if draft.reading else 0), index, draft))
    ranked.sort(key=lambda item: item[:2])
    return [draft for _, _, draft in ranked[:limit]]


def _say(random: Random, key: str, **words: Any) -> str:
    text = random.choice(PHRASES[key]).format(u=random.choice(("", "u")), **words)
    return text[0].upper() + text[1:]


def _all(random: Random, chart: Chart) -> Iterator[Draft]:
    yield from _type(random, chart)
    yield from _count(random, chart)
    yield from _extremes(random, chart)
    yield from _trends(random, chart)
    yield from _comparisons(random, chart)
    yield from _colours(random, chart)
    yield from _reading(random, chart)


def _type(random: Random, chart: Chart) -> Iterator[Draft]:
    answers = _NAMES[chart.type]
    shares: dict[str, float] = {}
    for name, share in TYPE_SHARES.items():
        shares[_NAMES[name][0]] = shares.get(_NAMES[name][0], 0.0) + share
    if random.random() < 1.2 * min(shares.values()) / shares[answers[0]]:
        yield Draft(kind="chart_type", question=_say(random, "chart_type"), answers=answers, balance="type")
    if chart.type in ("bar", "barh") and random.random() < TYPE_SHARES["barh"] / TYPE_SHARES[chart.type]:
        way = {"bar": ("vertical", "vertically"), "barh": ("horizontal", "horizontally")}[chart.type]
        yield Draft(
            kind="orientation", question=_say(random, "orientation"), answers=way, balance="orientation"
        )
    if chart.type in ("grouped", "stacked"):
        yield Draft(
            kind="arrangement",
            question=_say(random, "arrangement"),
            answers=(chart.type,),
            balance="arrangement",
        )


def _number(count: int) -> tuple[str, ...]:
    words = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return (str(count), words[count]) if count < len(words) else (str(count),)


def _count(random: Random, chart: Chart) -> Iterator[Draft]:
    table = chart.table
    if chart.type in ("grouped", "stacked"):
        total = len(table.categories) * (len(table.series) if chart.type == "grouped" else 1)
        yield Draft(
            kind="series_count",
            question=_say(random, "count_colours"),
            answers=_number(len(table.series)),
            balance="colours",
        )
        if chart.type == "grouped":
            yield Draft(
                kind="series_count",
                question=_say(random, "count_groups"),
                answers=_number(len(table.categories)),
                balance="groups",
            )
        if total > 8:
            return
        yield _counted(random, chart, total)
        return
    count = {"line": 1, "area": 0, "lines": len(table.series), "scatter": sum(map(len, table.points))}.get(
        chart.type, len(table.categories)
    )
    if chart.type in ("line", "lines") and random.random() > (0.25 if count == 1 else 1.0):
        return
    if chart.type == "area" or (chart.type == "scatter" and len(table.points) > 1):
        return
    # Bars are placed so that high places are common; high counts come with them and are asked less often.
    if chart.type in ("bar", "barh") and random.random() > {7: 0.45, 8: 0.4, 6: 0.6}.get(count, 1.0):
        return
    yield _counted(random, chart, count)


def _counted(random: Random, chart: Chart, count: int) -> Draft:
    question = _say(random, "count", noun=chart.noun)
    return Draft(kind="mark_count", question=question, answers=_number(count), balance=f"count {chart.noun}")


def _extremes(random: Random, chart: Chart) -> Iterator[Draft]:
    if chart.type in ("grouped", "lines"):
        yield from _extreme_series(random, chart)
    if chart.type not in ("bar", "barh", "pie", "donut", "line"):
        return
    top, bottom = ranks_clear(chart.values, gap=_CLEAR)
    for clear, words, pick, kind in ((top, HIGH, max, "highest"), (bottom, LOW, min, "lowest")):
        if not clear:
            continue
        at = chart.values.index(pick(chart.values))
        word = random.choice(words["barh" if chart.type == "barh" else chart.noun])
        if chart.type == "line":
            if chart.style.marker_px and len(chart.values) <= 8:
                question = _say(random, "point_place", extreme=word)
                yield Draft(
                    kind=f"{kind}_position",
                    question=question,
                    answers=ordinal(at, "left"),
                    balance=f"{kind} point",
                )
            continue
        if chart.type in ("bar", "barh"):
            yield from _placed(random, chart, at, word, kind)
        if chart.by == "category":
            question = _say(random, "colour_extreme", extreme=word, noun=chart.noun)
            yield _colour(chart, at, f"{kind}_colour", question, f"{kind} colour {chart.noun}")
        question = _say(random, "which_label", x=chart.table.x.lower(), extreme=word, noun=chart.noun)
        shown = chart.style.tick_labels or chart.type in ("pie", "donut")
        if shown:
            yield Draft(
                kind=f"{kind}_label",
                question=question,
                answers=(chart.table.categories[at],),
                reading=True,
                mark=at,
            )


def _placed(random: Random, chart: Chart, at: int, word: str, kind: str) -> Iterator[Draft]:
    side = "top" if chart.type == "barh" else "left"
    question = _say(random, "place", side=side, extreme=word, noun="bar")
    answers = ordinal(at, side)
    if at == len(chart.values) - 1:
        answers = (*answers, "last", *(("rightmost",) if side == "left" else ("bottom",)))
    yield Draft(kind=f"{kind}_position", question=question, answers=answers, balance=f"{kind} place", mark=at)
    other = random.choice([index for index in range(len(chart.values)) if index != at])
    asked = at if random.random() < 0.5 else other
    question = _say(random, "is_extreme", first=_place_name(random, chart, asked), noun="bar", extreme=word)
    yield Draft(
        kind="position_check",
        question=question,
        answers=YES if asked == at else NO,
        balance=f"check {kind}",
        mark=asked,
    )


def _place_name(random: Random, chart: Chart, at: int) -> str:
    side = "top" if chart.type == "barh" else "left"
    names = {"left": ("leftmost", "rightmost"), "top": ("top", "bottom")}[side]
    if at == 0 and random.random() < 0.6:
        return names[0]
    if at == len(chart.values) - 1 and random.random() < 0.6:
        return names[1]
    return f"{PLACES[at]}"


def _extreme_series(random: Random, chart: Chart) -> Iterator[Draft]:
    rows = chart.table.values
    values = tuple(max(row) for row in rows) if chart.type == "grouped" else tuple(row[-1] for row in rows)
    lows = tuple(min(row) for row in rows) if chart.type == "grouped" else values
    for cells, pick, kind, words in ((values, max, "highest", HIGH), (lows, min, "lowest", LOW)):
        if not ranks_clear(cells, gap=_CLEAR)[0 if kind == "highest" else 1]:
            continue
        word = random.choice(words[chart.noun])
        key = "colour_extreme" if chart.type == "grouped" else "line_end"
        question = _say(random, key, extreme=word, noun=chart.noun)
        yield _colour(
            chart,
            cells.index(pick(cells)),
            f"{kind}_colour",
            question,
            f"{kind} colour {chart.type}",
            mark=False,
        )


def _colour(chart: Chart, at: int, kind: str, question: str, balance: str, *, mark: bool = True) -> Draft:
    name = chart.colours[at].name
    return Draft(
        kind=kind, question=question, answers=accepted(name), balance=balance, mark=at if mark else None
    )


def _trends(random: Random, chart: Chart) -> Iterator[Draft]:
    if chart.type == "scatter" and len(chart.table.points) == 1:
        lean = _lean(chart.table.points[0])
        if lean:
            yield Draft(
                kind="trend",
                question=_say(random, "trend_points"),
                answers=_TREND_WORDS[lean],
                balance="trend points",
            )
        return
    if chart.type not in ("line", "lines", "area", "bar") or not chart.table.time:
        return
    if chart.type == "bar" and chart.table.source != "made":
        return
    for index, row in enumerate(chart.table.values):
        trend = trend_of(row)
        if trend is None or (trend == "flat" and not chart.zero):
            continue
        thing = {"line": "line", "area": "area", "bar": "bars", "lines": f"{chart.colours[index].name} line"}[
            chart.type
        ]
        question = _say(random, "trend", thing=thing).replace("Does the bars go", "Do the bars go")
        question = question.replace(
            "the bars go up, down, stay flat, or is it mixed",
            "the bars go up, down, stay flat, or are they mixed",
        )
        question = question.replace("does the bars", "do the bars").replace("bars run", "bars go")
        yield Draft(
            kind="trend", question=question, answers=_TREND_WORDS[trend], balance=f"trend {chart.type}"
        )


def _lean(points: tuple[tuple[float, float], ...]) -> str | None:
    """Return how points lean by their correlation, or None where it is neither strong nor absent."""
    import numpy as np

    if len(points) < 5:
        return None
    x, y = np.array(points).T
    if np.ptp(y) == 0:
        return None
    r = float(np.corrcoef(x, y)[0, 1])
    return "up" if r > 0.85 else "down" if r < -0.85 else "none" if abs(r) < 0.25 else None


def _comparisons(random: Random, chart: Chart) -> Iterator[Draft]:
    if chart.type not in ("bar", "barh", "pie", "donut"):
        return
    top = max(chart.values)
    pairs = [
        (a, b) for a in range(len(chart.values)) for b in range(len(chart.values))
        if a != b and abs(chart.values[a] - chart.values[b]) / top >= _CLEAR
    ]  # fmt: skip
    if not pairs:
        return
    by_colour = chart.by == "category" and (chart.noun == "slice" or random.random() < 0.6)

    def name(at: int) -> str:
        return chart.colours[at].name if by_colour else _place_name(random, chart, at)

    shape = "barh" if chart.type == "barh" else chart.noun
    larger = random.random() < 0.5
    word = random.choice((MORE if larger else LESS)[shape])
    truth = random.random() < 0.5
    a, b = random.choice(pairs)
    if ((chart.values[a] > chart.values[b]) == larger) != truth:
        a, b = b, a
    question = _say(random, "compare", first=name(a), second=name(b), more=word, noun=chart.noun)
    yield Draft(kind="comparison", question=question, answers=YES if truth else NO, balance="compare", mark=a)
    a, b = random.choice(pairs)
    first, second = name(a), name(b)
    question = _say(random, "choose", first=first, second=second, more=word, noun=chart.noun)
    right = first if (chart.values[a] > chart.values[b]) == larger else second
    words = accepted(right) if by_colour else (right, f"the {right} {chart.noun}")
    yield Draft(kind="comparison", question=question, answers=words)


def _colours(random: Random, chart: Chart) -> Iterator[Draft]:
    used = {colour.name for colour in chart.colours}
    noun = chart.noun
    if chart.by == "one" or chart.type in ("line", "area"):
        key = "colour_one" if chart.type in ("line", "area") else "colour_all"
        yield _colour(chart, 0, "colour", _say(random, key, noun=noun), f"colour {noun}", mark=False)
    if chart.by == "category" and chart.type in ("bar", "barh"):
        at = random.randrange(len(chart.values))
        question = _say(random, "colour_at", place=_place_name(random, chart, at), noun=noun)
        yield _colour(chart, at, "colour", question, f"colour at {noun}")
    absent = [n for n in SHADES if n not in used and not _near(n, used)]
    if len(used) > 1 and absent:
        present = random.random() < 0.5
        name = random.choice(sorted(used) if present else sorted(absent))
        question = _say(random, "colour_present", colour=name, noun=noun)
        yield Draft(
            kind="colour_present", question=question, answers=YES if present else NO, balance="present"
        )


_NEAR = {
    "olive": {"yellow", "green", "brown", "gray"}, "teal": {"green", "cyan", "blue"}, "cyan": {"blue", "teal"},
    "pink": {"red", "purple"}, "purple": {"pink", "blue"}, "orange": {"brown", "yellow", "red"}, "brown": {"orange", "red", "olive"},
    "red": {"brown", "pink", "orange"}, "gray": {"black", "brown"}, "black": {"gray"}, "yellow": {"olive", "orange"},
    "blue": {"cyan", "teal", "purple"}, "green": {"olive", "teal"},
}  # fmt: skip


def _near(name: str, used: set[str]) -> bool:
    """Whether somebody could take a colour of the chart for this one."""
    return bool(_NEAR[name] & used)


def _reading(random: Random, chart: Chart) -> Iterator[Draft]:
    table = chart.table
    if chart.legend and len(chart.colours) > 1:
        names = table.categories if chart.by == "category" else table.series
        at = random.randrange(len(chart.colours))
        question = _say(random, "legend_colour", name=names[at])
        yield _colour(chart, at, "legend_colour", question, "legend", mark=False).model_copy(
            update={"reading": True}
        )
    if chart.style.value_labels and chart.type in ("bar", "barh") and chart.style.tick_labels:
        at = random.randrange(len(chart.values))
        answer = f"{chart.values[at]:g}"
        yield Draft(
            kind="value",
            question=_say(random, "value", name=table.categories[at]),
            answers=(answer,),
            reading=True,
            mark=at,
        )
    if chart.style.title and random.random() < 0.2:
        yield Draft(kind="title", question=_say(random, "title"), answers=(table.title,), reading=True)
