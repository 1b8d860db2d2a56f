"""Questions about drawn charts whose answers follow from what was drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from finetune.synth.phrases import HIGH, LOW, PHRASES
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
_MOST = {"bar": HIGH["bar"], "hbar": HIGH["barh"], "pie": HIGH["slice"], "donut": HIGH["slice"]}
_LEAST = {"bar": LOW["bar"], "hbar": LOW["barh"], "pie": LOW["slice"], "donut": LOW["slice"]}
_SIDE = {"bar": "left", "hbar": "top"}
_THINGS = {"bar": "bars", "line": "line", "area": "area", "scatter": "points"}
_TREND = (
    "{Do} the {thing} rise or fall from left to right?",
    "What is the trend of the {thing}?",
    "What is the overall trend of the {thing}?",
    "What trend {do} the {thing} show?",
    "{Is} the {thing} rising or falling?",
    "Is the trend of the {thing} rising, falling, flat or mixed?",
    "Describe the trend of the {thing} in one word.",
    "What is the overall trend?",
    "Is the trend rising or falling?",
)
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
    yield Asked("chart_type", _say(rng, PHRASES["chart_type"]), KIND_NAMES[spec.kind])
    named = (
        spec.kind if rng.random() < 0.5 else rng.choice([kind for kind in KIND_NAMES if kind != spec.kind])
    )
    if named == spec.kind or not any({named, spec.kind} <= alike for alike in _ALIKE):
        a = "an" if KIND_NAMES[named][0] in "aeiou" else "a"
        yield Asked("chart_type_yes_no", f"Is this {a} {KIND_NAMES[named]}?", _yes(named == spec.kind))
    if spec.marks:
        mark = _MARKS[spec.kind]
        yield Asked("count", _say(rng, PHRASES["count"], noun=mark), NUMBERS[spec.marks])
        yield from _ranked(spec, rng, mark)
    if spec.trend is not None:
        thing = _THINGS[spec.kind]
        several = thing.endswith("s")
        do, be = ("do", "are") if several else ("does", "is")
        question = _say(rng, _TREND, thing=thing, Do=do.capitalize(), do=do, Is=be.capitalize())
        yield Asked("trend", question, spec.trend)
    yield from _coloured(spec, rng)


def _coloured(spec: ChartSpec, rng: Random) -> Iterator[Asked]:
    if spec.kind in ("grouped", "stacked"):
        return
    if not spec.varied:
        thing = _THINGS.get(spec.kind, "bars")
        key = "colour_all" if thing.endswith("s") else "colour_one"
        question = _say(rng, PHRASES[key], noun=thing.removesuffix("s"))
        yield Asked("colour", question, spec.colours[0])
    elif spec.kind in ("bar", "hbar"):
        at = rng.randrange(spec.marks)
        question = f"What {_colour(rng)} is the {ORDINALS[at]} bar from the {_SIDE[spec.kind]}?"
        yield Asked("colour", question, spec.colours[at])


def _ranked(spec: ChartSpec, rng: Random, mark: str) -> Iterator[Asked]:
    for place, words, name in ((spec.highest, _MOST, "highest"), (spec.lowest, _LEAST, "lowest")):
        if place is None:
            continue
        if spec.kind == "line":
            if spec.varied:
                question = _say(rng, PHRASES["line_end"], extreme=name)
                yield Asked(f"{name}_colour", question, spec.colours[place])
            continue
        word = rng.choice(words[spec.kind])
        if spec.varied:
            question = _say(rng, PHRASES["colour_extreme"], extreme=word, noun=mark)
            yield Asked(f"{name}_colour", question, spec.colours[place])
            asked = (
                place if rng.random() < 0.5 else rng.choice([at for at in range(spec.marks) if at != place])
            )
            question = f"Is the {spec.colours[asked]} {mark} the {word}?"
            yield Asked(f"{name}_yes_no", question, _yes(asked == place))
        if spec.kind in _SIDE:
            question = _say(rng, PHRASES["place"], extreme=word, noun=mark, side=_SIDE[spec.kind])
            yield Asked(f"{name}_position", question, ORDINALS[place])


def _say(rng: Random, phrases: tuple[str, ...], **words: str) -> str:
    text = rng.choice(phrases).format(u=rng.choice(("", "u")), **words)
    return text[0].upper() + text[1:]


def _colour(rng: Random) -> str:
    return rng.choice(("color", "colour"))


def _yes(value: bool) -> str:
    return "yes" if value else "no"
