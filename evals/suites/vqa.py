"""Questions about drawn pictures, answered by the embedded VLM from their pixels.

Shapes as in easy-VQA (Zhou 2019) and small charts, drawn here, so that no picture was in training. Questions
are of families that the model's card offers (`models.vlm_scope`); each picture of `drawn_pictures` is asked
one. `many_drawn_pictures` asks up to four about each of 300 others: enough to notice five points.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

from evals.drawings.simple import (
    CHARTS,
    COLOURS,
    SHAPES,
    Picture,
    chart_picture,
    draw_picture,
    shape_picture,
    trend_of,
)
from evals.run.registry import ANY_SET, Place, Scorer, suite
from evals.run.sample import Output, Sample
from evals.run.scorers import metric_scorer
from evals.solvers.bench import Bench
from evals.solvers.kept import vlm_solver

_QUICK = 66
_MANY, _EACH = 150, 4
_TYPES = {
    "bar": ("bar chart", "bar", "bar graph", "column chart", "vertical bar chart"),
    "bar_h": ("bar chart", "bar", "bar graph", "horizontal bar chart", "horizontal bar"),
    "line": ("line chart", "line", "line graph"),
    "pie": ("pie chart", "pie"),
    "scatter": ("scatter plot", "scatter", "scatter chart", "scatterplot"),
}
_MARKS = {"bar": "bar", "bar_h": "bar", "line": "line", "pie": "slice", "scatter": "point"}
_TREND = {
    "up": ("up", "upward", "increasing", "rising", "go up"),
    "down": ("down", "downward", "decreasing", "falling", "go down"),
}
Question = tuple[str, str, tuple[str, ...]]
"""Its kind, its words, and the answers that are right."""


def shape_questions(picture: Picture) -> list[Question]:
    """Return what is asked about a shape: three open questions, three with yes or no."""
    rng = random.Random(f"shape-questions-{picture.seed}")  # noqa: S311 - made-up data, no secret
    colour, shape = picture.colours[0], picture.shape
    other = rng.choice([one for one in SHAPES if one != shape])
    unlike = rng.choice([one for one in COLOURS if one != colour])
    # As many with yes as with no, so that neither answer alone is worth more than a coin.
    asked_shape, asked_colour = rng.choice((shape, other)), rng.choice((colour, unlike))
    return [
        ("shape", "what shape is in the image?", (shape,)),
        ("colour", f"what color is the {shape}?", _colour(colour)),
        ("has_shape", f"is there a {asked_shape}?", (_yes(asked_shape == shape),)),
        ("has_colour", f"is there a {asked_colour} shape?", (_yes(asked_colour == colour),)),
        ("colour", "what is the color of the shape?", _colour(colour)),
        ("has_shape", f"does the image contain a {other}?", ("no",)),
    ]


def chart_questions(picture: Picture) -> list[Question]:
    """Return what is asked about a chart: its type, how many marks it has, their color, and their trend."""
    rng = random.Random(f"chart-questions-{picture.seed}")  # noqa: S311 - made-up data, no secret
    mark, count = _MARKS[picture.chart], len(picture.values)
    wrong = rng.choice([one for one in CHARTS if not _alike(one, picture.chart)])
    asked = rng.choice((picture.chart, wrong))
    article = {"bar_h": "a horizontal bar chart", "scatter": "a scatter plot"}.get(asked, f"a {asked} chart")
    found: list[Question] = [
        ("chart_type", rng.choice(("What kind of chart is this?", "What type of chart is this?")),
         _TYPES[picture.chart]),
        ("is_chart", f"Is this {article}?", (_yes(asked == picture.chart),)),
    ]  # fmt: skip
    trend = trend_of(picture.seed)
    if trend and picture.chart in ("bar", "line", "scatter"):
        thing = {"bar": "bars", "line": "line", "scatter": "points"}[picture.chart]
        found.insert(
            0, ("trend", f"What is the trend of the {thing}: up, down, flat or mixed?", _TREND[trend])
        )
    if picture.chart in ("bar", "bar_h", "pie"):
        found.insert(0, ("count", f"How many {mark}s are there?", _number(count)))
    if len(set(picture.colours)) == 1:
        plural = "" if picture.chart == "line" else "s"
        verb = "are" if plural else "is"
        found.append(("colour", f"What color {verb} the {mark}{plural}?", _colour(picture.colours[0])))
    return found


def _alike(one: str, other: str) -> bool:
    return one.removesuffix("_h") == other.removesuffix("_h")


def _colour(name: str) -> tuple[str, ...]:
    return ("gray", "grey") if name == "gray" else (name,)


def _number(count: int) -> tuple[str, ...]:
    words = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight")
    return (str(count), words[count])


def _yes(right: bool) -> str:
    return "yes" if right else "no"


def _draw(bench: Bench, sample: Sample) -> None:
    path = bench.path(sample.input["images"][0])
    given = sample.input["picture"]
    picture = Picture(**{**given, "colours": tuple(given["colours"]), "values": tuple(given["values"])})
    # Several questions may want one picture at once: none of them may read half of it.
    partial = path.with_name(f"{sample.id}.part.png")
    draw_picture(partial, picture)
    partial.replace(path)


def _said(sample: Sample, output: Output) -> str:
    return str(output.answer["short"])


def _accepted(sample: Sample) -> list[str]:
    return list(sample.target)


SCORERS = (
    metric_scorer("vqa_exact", _said, _accepted),
    Scorer(
        "declined",
        lambda sample, output: float(bool(output.answer["declined"])),
        higher_is_better=False,
        judged=False,
        help="Says that it cannot answer, which is wrong here.",
    ),
    *(  # most answers are one word: these follow from the first measure
        metric_scorer(name, _said, _accepted, judged=False)
        for name in ("relaxed_accuracy", "anls", "token_f1", "rouge_l", "sentence_bleu")
    ),
)


def _samples(name: str, picture: Picture, questions: list[Question]) -> Iterator[Sample]:
    group = f"{(picture.shape and 'shape') or 'chart'}-{picture.seed:04}"
    taken: Counter[str] = Counter()
    for kind, question, accepted in questions:
        taken[kind] += 1
        yield Sample(
            id=f"{group}-{kind}-{taken[kind]}",
            suite=name,
            family="vqa",
            kind=kind,
            difficulty="shape" if picture.shape else "chart",
            modality="image",
            source="drawn",
            group=group,
            input={"images": [_image(group)], "picture": _plain(picture), "question": question},
            target=list(accepted),
        )


def _image(group: str) -> str:
    return f"evals/drawn/pictures/{group}.png"


def _plain(picture: Picture) -> dict[str, Any]:
    body = asdict(picture)
    return {**body, "colours": list(picture.colours), "values": list(picture.values)}


_looked_at = partial(
    suite,
    family="vqa",
    open_solver=vlm_solver(_draw),
    scorers=SCORERS,
    timeout_s=300.0,
    at_once=1,
    lane="vlm",
)


@_looked_at("drawn_pictures")
def drawn_pictures(place: Place) -> Iterator[Sample]:
    """A question on each of 132 shapes and charts that we draw, to the embedded VLM."""
    for seed in range(_QUICK):
        shape, chart = shape_picture(seed), chart_picture(seed)
        asked = shape_questions(shape)
        yield from _samples("drawn_pictures", shape, [asked[(seed // len(SHAPES)) % len(asked)]])
        asked = chart_questions(chart)
        yield from _samples("drawn_pictures", chart, [asked[(seed // len(CHARTS)) % len(asked)]])


@_looked_at("many_drawn_pictures", needs=ANY_SET)
def many_drawn_pictures(place: Place) -> Iterator[Sample]:
    """Up to four questions on each of 300 other shapes and charts: long enough to notice five points."""
    for seed in range(1_000, 1_000 + _MANY):
        shape, chart = shape_picture(seed), chart_picture(seed)
        yield from _samples("many_drawn_pictures", shape, shape_questions(shape)[:_EACH])
        yield from _samples("many_drawn_pictures", chart, chart_questions(chart)[:_EACH])


SUITES = (drawn_pictures, many_drawn_pictures)
