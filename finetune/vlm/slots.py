"""What each image token learns to say before the text model ever sees it.

A tower and projector that start from nothing would need far more steps through the text model than a CPU has.
So they are first taught to name facts of a picture in the text model's own word vectors: the token at place 0
points at the word for what the picture is, place 1 at how many marks it has, and so on; the rest is free. The
text model then reads its first images almost as it reads text (compare the alignment stages of LLaVA, Liu et
al. 2023, and image tokens as soft words in Frozen, Tsimpoukelli et al. 2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from finetune.vlm.chart_spec import COLOURS, NUMBERS, ORDINALS, ChartSpec

SHAPES = ("circle", "rectangle", "triangle")
ORGANS = ("head", "chest", "abdomen")
_OF_CHART = {
    "bar": "bar",
    "hbar": "horizontal",
    "grouped": "grouped",
    "stacked": "stacked",
    "line": "line",
    "area": "area",
    "pie": "pie",
    "donut": "ring",
    "scatter": "scatter",
}
_KINDS = (*_OF_CHART.values(), "shape", "scan", "photo")
_NONE = "none"
_COLOUR_NAMES = (*COLOURS, _NONE)
_MARKS = 9


@dataclass(frozen=True)
class Slot:
    """An image token's place in the grid (row by row) and the words it chooses from."""

    name: str
    place: int
    words: tuple[str, ...]


def _slots() -> tuple[Slot, ...]:
    single = (
        ("kind", _KINDS),
        ("count", NUMBERS),
        ("highest", (*ORDINALS, _NONE)),
        ("lowest", (*ORDINALS, _NONE)),
        ("highest colour", _COLOUR_NAMES),
        ("lowest colour", _COLOUR_NAMES),
        ("trend", ("rising", "falling", "flat", "mixed", _NONE)),
        ("shape", (*SHAPES, _NONE)),
        ("colour", _COLOUR_NAMES),
        ("organ", (*ORGANS, _NONE)),
    )
    marks = [(f"colour of mark {at}", _COLOUR_NAMES) for at in range(1, _MARKS + 1)]
    sizes = [(f"size of mark {at}", NUMBERS) for at in range(1, _MARKS + 1)]
    named = [Slot(name, at, words) for at, (name, words) in enumerate(single)]
    first = 14  # the third row of seven
    return (*named, *(Slot(name, first + at, words) for at, (name, words) in enumerate([*marks, *sizes])))


SLOTS = _slots()
WORDS = tuple(dict.fromkeys(word for slot in SLOTS for word in slot.words))
IGNORED = -1


def targets(facts: Mapping[str, str]) -> list[int]:
    """Return the index of each slot's word; IGNORED where a slot has no fact."""
    return [slot.words.index(facts[slot.name]) if slot.name in facts else IGNORED for slot in SLOTS]


def chart_facts(spec: ChartSpec) -> dict[str, str]:
    """Return the word of every slot for a chart; what people would dispute is left out."""
    facts = {"kind": _OF_CHART[spec.kind], "shape": _NONE, "organ": _NONE}
    if spec.trend is not None:
        facts["trend"] = spec.trend
    elif spec.kind in ("hbar", "pie", "donut"):
        facts["trend"] = _NONE
    if spec.kind in ("grouped", "stacked"):
        return facts
    facts["colour"] = _NONE if spec.varied else spec.colours[0]
    if not spec.marks:
        absent = dict.fromkeys(("highest", "lowest", "highest colour", "lowest colour"), _NONE)
        return {**facts, **absent, "count": "zero", **_marks((), ())}
    facts["count"] = NUMBERS[spec.marks]
    for name, place in (("highest", spec.highest), ("lowest", spec.lowest)):
        if place is not None:
            facts[f"{name} colour"] = spec.colours[place] if spec.varied else _NONE
            # Where a circle begins and which line comes first is not to be seen.
            facts[name] = ORDINALS[place] if spec.kind in ("bar", "hbar") else _NONE
    if spec.kind in ("bar", "hbar"):
        facts |= _marks(spec.colours, spec.values)
    elif spec.kind in ("pie", "donut"):
        facts |= _marks((), ())
    return facts


def _marks(colours: tuple[str, ...], values: tuple[float, ...]) -> dict[str, str]:
    facts = {}
    for at in range(_MARKS):
        there = at < len(values)
        facts[f"colour of mark {at + 1}"] = colours[at] if there else _NONE
        facts[f"size of mark {at + 1}"] = NUMBERS[max(1, round(values[at] * 9))] if there else NUMBERS[0]
    return facts


def shape_facts(shape: str, colour: str) -> dict[str, str]:
    """Return the words for a picture of one plain shape."""
    absent = dict.fromkeys(("highest", "lowest", "highest colour", "lowest colour", "trend", "organ"), _NONE)
    return {**absent, "kind": "shape", "count": "one", "shape": shape, "colour": colour, **_marks((), ())}


def scan_facts(organ: str) -> dict[str, str]:
    """Return the words for a medical scan of a region of the body."""
    return {"kind": "scan", "organ": organ, "shape": _NONE, "trend": _NONE, "count": "zero", **_marks((), ())}


def photo_facts() -> dict[str, str]:
    """Return the words for a photo: that it is one, and what it is not."""
    return {
        "kind": "photo",
        "organ": _NONE,
        "shape": _NONE,
        "trend": _NONE,
        "count": "zero",
        **_marks((), ()),
    }
