"""Questions about drawn charts whose answers follow from what was drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from finetune.vlm.chart_spec import NUMBERS, ORDINALS, ChartSpec

KIND_NAMES = {
    "bar": "bar chart",
    "hbar": "horizontal bar chart",
    "grouped": "grouped bar chart",
    "stacked": "stacked bar chart",
    "line": "line chart",
    "area": "area chart",
    "pie": "pie chart",
    "donut": "donut chart",
    "scatter": "scatter plot",
}
_MARKS = {"bar": "bar", "hbar": "bar", "line": "line", "pie": "slice", "donut": "slice"}
_WHAT_KIND = (
    "What kind of chart is this?",
    "What type of chart is shown?",
    "Which kind of chart is it?",
    "What sort of plot is this?",
)
_HOW_MANY = ("How many {marks} are there?", "How many {marks} does the chart have?", "Count the {marks}.")
_MOST = {
    "bar": ("highest", "tallest"),
    "hbar": ("longest",),
    "pie": ("largest", "biggest"),
    "donut": ("largest", "biggest"),
}
_LEAST = {"bar": ("lowest", "shortest"), "hbar": ("shortest",), "pie": ("smallest",), "donut": ("smallest",)}
_FROM = {"bar": "from the left", "hbar": "from the top"}
_TREND = {
    "bar": ("Do the bars rise or fall from left to right?", "What is the trend of the bars?"),
    "line": ("Does the line rise or fall?", "What is the trend of the line?"),
    "area": ("Does the area rise or fall from left to right?", "What is the trend of the area?"),
    "scatter": ("Do the points rise or fall from left to right?", "What is the trend of the points?"),
}
# A grouped bar chart is a bar chart too: whether it is one is not asked.
_ALIKE = ({"bar", "hbar", "grouped", "stacked"}, {"pie", "donut"})


@dataclass(frozen=True)
class Asked:
    """A question of one kind, its answer, and whether yes-or-no is asked."""

    kind: str
    question: str
    answer: str


def questions(spec: ChartSpec, rng: Random) -> list[Asked]:
    """Return a question of each kind that this chart can answer, wording drawn by `rng`."""
    return list(_questions(spec, rng))


def _questions(spec: ChartSpec, rng: Random) -> Iterator[Asked]:
    yield Asked("chart_type", rng.choice(_WHAT_KIND), KIND_NAMES[spec.kind])
    named = (
        spec.kind if rng.random() < 0.5 else rng.choice([kind for kind in KIND_NAMES if kind != spec.kind])
    )
    if named == spec.kind or not any({named, spec.kind} <= alike for alike in _ALIKE):
        yield Asked("chart_type_yes_no", f"Is this a {KIND_NAMES[named]}?", _yes(named == spec.kind))
    if spec.marks:
        mark = _MARKS[spec.kind]
        yield Asked("count", rng.choice(_HOW_MANY).format(marks=f"{mark}s"), NUMBERS[spec.marks])
        yield from _ranked(spec, rng, mark)
    if spec.trend is not None:
        yield Asked("trend", rng.choice(_TREND[spec.kind]), spec.trend)
    if spec.kind in ("grouped", "stacked"):
        return
    if not spec.varied:
        things = {"scatter": "points", "line": "line", "area": "area"}.get(spec.kind, "bars")
        verb = f"is the {things}" if things in ("line", "area") else f"are the {things}"
        yield Asked("colour", f"What color {verb}?", spec.colours[0])
    elif spec.kind in ("bar", "hbar"):
        at = rng.randrange(spec.marks)
        question = f"What color is the {ORDINALS[at]} bar {_FROM[spec.kind]}?"
        yield Asked("colour", question, spec.colours[at])


def _ranked(spec: ChartSpec, rng: Random, mark: str) -> Iterator[Asked]:
    for place, words, name in ((spec.highest, _MOST, "highest"), (spec.lowest, _LEAST, "lowest")):
        if place is None:
            continue
        if spec.kind == "line":
            if spec.varied:
                yield Asked(
                    f"{name}_colour", f"What color is the line that ends {name}?", spec.colours[place]
                )
            continue
        word = rng.choice(words[spec.kind])
        if spec.varied:
            yield Asked(f"{name}_colour", f"What color is the {word} {mark}?", spec.colours[place])
            asked = (
                place if rng.random() < 0.5 else rng.choice([at for at in range(spec.marks) if at != place])
            )
            question = f"Is the {spec.colours[asked]} {mark} the {word}?"
            yield Asked(f"{name}_yes_no", question, _yes(asked == place))
        if spec.kind in _FROM:
            question = f"Which bar is the {word}, counted {_FROM[spec.kind]}?"
            yield Asked(f"{name}_position", question, ORDINALS[place])


def _yes(value: bool) -> str:
    return "yes" if value else "no"
