"""Questions about a chart with answers from the table behind it. What two people could see differently is not asked."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from finetune.synth.chart import TYPE_SHARES, Chart
from finetune.synth.chart_draft import CLEAR, NO, YES, Draft, colour_draft, place_name, say
from finetune.synth.chart_looks import colours, comparisons, reading
from finetune.synth.phrases import HIGH, LOW, ordinal
from finetune.synth.tables import ranks_clear, trend_of

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


def _all(random: Random, chart: Chart) -> Iterator[Draft]:
    yield from _type(random, chart)
    yield from _count(random, chart)
    yield from _extremes(random, chart)
    yield from _trends(random, chart)
    yield from comparisons(random, chart)
    yield from colours(random, chart)
    yield from reading(random, chart)


def _type(random: Random, chart: Chart) -> Iterator[Draft]:
    answers = _NAMES[chart.type]
    shares: dict[str, float] = {}
    for name, share in TYPE_SHARES.items():
        shares[_NAMES[name][0]] = shares.get(_NAMES[name][0], 0.0) + share
    if random.random() < 1.2 * min(shares.values()) / shares[answers[0]]:
        yield Draft(kind="chart_type", question=say(random, "chart_type"), answers=answers, balance="type")
    if chart.type in ("bar", "barh") and random.random() < TYPE_SHARES["barh"] / TYPE_SHARES[chart.type]:
        way = {"bar": ("vertical", "vertically"), "barh": ("horizontal", "horizontally")}[chart.type]
        yield Draft(
            kind="orientation", question=say(random, "orientation"), answers=way, balance="orientation"
        )
    if chart.type in ("grouped", "stacked"):
        yield Draft(
            kind="arrangement",
            question=say(random, "arrangement"),
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
            question=say(random, "count_colours"),
            answers=_number(len(table.series)),
            balance="colours",
        )
        if chart.type == "grouped":
            yield Draft(
                kind="series_count",
                question=say(random, "count_groups"),
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
    question = say(random, "count", noun=chart.noun)
    return Draft(kind="mark_count", question=question, answers=_number(count), balance=f"count {chart.noun}")


def _extremes(random: Random, chart: Chart) -> Iterator[Draft]:
    if chart.type in ("grouped", "lines"):
        yield from _extreme_series(random, chart)
    if chart.type not in ("bar", "barh", "pie", "donut", "line"):
        return
    top, bottom = ranks_clear(chart.values, gap=CLEAR)
    for clear, words, pick, kind in ((top, HIGH, max, "highest"), (bottom, LOW, min, "lowest")):
        if not clear:
            continue
        at = chart.values.index(pick(chart.values))
        word = random.choice(words["barh" if chart.type == "barh" else chart.noun])
        if chart.type == "line":
            if chart.style.marker_px and len(chart.values) <= 8:
                question = say(random, "point_place", extreme=word)
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
            question = say(random, "colour_extreme", extreme=word, noun=chart.noun)
            yield colour_draft(chart, at, f"{kind}_colour", question, f"{kind} colour {chart.noun}")
        question = say(random, "which_label", x=chart.table.x.lower(), extreme=word, noun=chart.noun)
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
    question = say(random, "place", side=side, extreme=word, noun="bar")
    answers = ordinal(at, side)
    if at == len(chart.values) - 1:
        answers = (*answers, "last", *(("rightmost",) if side == "left" else ("bottom",)))
    yield Draft(kind=f"{kind}_position", question=question, answers=answers, balance=f"{kind} place", mark=at)
    other = random.choice([index for index in range(len(chart.values)) if index != at])
    asked = at if random.random() < 0.5 else other
    question = say(random, "is_extreme", first=place_name(random, chart, asked), noun="bar", extreme=word)
    yield Draft(
        kind="position_check",
        question=question,
        answers=YES if asked == at else NO,
        balance=f"check {kind}",
        mark=asked,
    )


def _extreme_series(random: Random, chart: Chart) -> Iterator[Draft]:
    rows = chart.table.values
    values = tuple(max(row) for row in rows) if chart.type == "grouped" else tuple(row[-1] for row in rows)
    lows = tuple(min(row) for row in rows) if chart.type == "grouped" else values
    for cells, pick, kind, words in ((values, max, "highest", HIGH), (lows, min, "lowest", LOW)):
        if not ranks_clear(cells, gap=CLEAR)[0 if kind == "highest" else 1]:
            continue
        word = random.choice(words[chart.noun])
        key = "colour_extreme" if chart.type == "grouped" else "line_end"
        question = say(random, key, extreme=word, noun=chart.noun)
        yield colour_draft(
            chart,
            cells.index(pick(cells)),
            f"{kind}_colour",
            question,
            f"{kind} colour {chart.type}",
            mark=False,
        )


def _trends(random: Random, chart: Chart) -> Iterator[Draft]:
    if chart.type == "scatter" and len(chart.table.points) == 1:
        lean = _lean(chart.table.points[0])
        if lean:
            yield Draft(
                kind="trend",
                question=say(random, "trend_points"),
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
        question = say(random, "trend", thing=thing).replace("Does the bars go", "Do the bars go")
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
