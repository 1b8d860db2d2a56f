"""Questions that compare marks, name colours, or read what is written in a chart."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from finetune.synth.chart import Chart
from finetune.synth.chart_draft import CLEAR, NO, YES, Draft, colour_draft, place_name, say
from finetune.synth.colours import SHADES, accepted
from finetune.synth.phrases import LESS, MORE


def comparisons(random: Random, chart: Chart) -> Iterator[Draft]:
    """Yield questions that compare two marks that clearly differ."""
    if chart.type not in ("bar", "barh", "pie", "donut"):
        return
    top = max(chart.values)
    pairs = [
        (a, b) for a in range(len(chart.values)) for b in range(len(chart.values))
        if a != b and abs(chart.values[a] - chart.values[b]) / top >= CLEAR
    ]  # fmt: skip
    if not pairs:
        return
    by_colour = chart.by == "category" and (chart.noun == "slice" or random.random() < 0.6)

    def name(at: int) -> str:
        return chart.colours[at].name if by_colour else place_name(random, chart, at)

    shape = "barh" if chart.type == "barh" else chart.noun
    larger = random.random() < 0.5
    word = random.choice((MORE if larger else LESS)[shape])
    truth = random.random() < 0.5
    a, b = random.choice(pairs)
    if ((chart.values[a] > chart.values[b]) == larger) != truth:
        a, b = b, a
    question = say(random, "compare", first=name(a), second=name(b), more=word, noun=chart.noun)
    yield Draft(kind="comparison", question=question, answers=YES if truth else NO, balance="compare", mark=a)
    a, b = random.choice(pairs)
    first, second = name(a), name(b)
    question = say(random, "choose", first=first, second=second, more=word, noun=chart.noun)
    right = first if (chart.values[a] > chart.values[b]) == larger else second
    words = accepted(right) if by_colour else (right, f"the {right} {chart.noun}")
    yield Draft(kind="comparison", question=question, answers=words)


def colours(random: Random, chart: Chart) -> Iterator[Draft]:
    """Yield questions for a colour, and whether one is there."""
    used = {colour.name for colour in chart.colours}
    noun = chart.noun
    if chart.by == "one" or chart.type in ("line", "area"):
        key = "colour_one" if chart.type in ("line", "area") else "colour_all"
        yield colour_draft(chart, 0, "colour", say(random, key, noun=noun), f"colour {noun}", mark=False)
    if chart.by == "category" and chart.type in ("bar", "barh"):
        at = random.randrange(len(chart.values))
        question = say(random, "colour_at", place=place_name(random, chart, at), noun=noun)
        yield colour_draft(chart, at, "colour", question, f"colour at {noun}")
    absent = [n for n in SHADES if n not in used and not _near(n, used)]
    if len(used) > 1 and absent:
        present = random.random() < 0.5
        name = random.choice(sorted(used) if present else sorted(absent))
        question = say(random, "colour_present", colour=name, noun=noun)
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


def reading(random: Random, chart: Chart) -> Iterator[Draft]:
    """Yield questions for which text in the chart must be read."""
    table = chart.table
    if chart.legend and len(chart.colours) > 1:
        names = table.categories if chart.by == "category" else table.series
        at = random.randrange(len(chart.colours))
        question = say(random, "legend_colour", name=names[at])
        yield colour_draft(chart, at, "legend_colour", question, "legend", mark=False).model_copy(
            update={"reading": True}
        )
    if chart.style.value_labels and chart.type in ("bar", "barh") and chart.style.tick_labels:
        at = random.randrange(len(chart.values))
        answer = f"{chart.values[at]:g}"
        yield Draft(
            kind="value",
            question=say(random, "value", name=table.categories[at]),
            answers=(answer,),
            reading=True,
            mark=at,
        )
    if chart.style.title and random.random() < 0.2:
        yield Draft(kind="title", question=say(random, "title"), answers=(table.title,), reading=True)
