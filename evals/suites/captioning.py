"""Captions: a sentence on a picture by the model that looks at it, against what several people would write.

`drawn_captions` asks about plain shapes and charts that we draw, each with several references made by
templates. Public: photos of COCO and Flickr8k with five captions each. The embedded model refuses photos: a
refusal is an empty caption. `VIDENCE_VLM` names a served model that may do better.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from evals.drawings.shapes import COLOURS, SHAPES, draw_shape
from evals.run.options import draw
from evals.run.registry import Place, Scorer, suite
from evals.run.sample import Output, Sample
from evals.run.scorers import metric_scorer
from evals.solvers.bench import Bench
from evals.solvers.kept import vlm_solver
from evals.suites.drawn_charts import draw_chart, drawn
from evals.suites.rows import public

ASKED = "Describe this image in one sentence."
_SHAPES, _FLICKR = 16, 100
_FIRST, _ROUNDS = 40, 1
"""Charts that no other suite draws: the fortieth round of each kind."""
_CHARTS = {
    "bar": "bar chart",
    "bar_h": "horizontal bar chart",
    "grouped": "grouped bar chart",
    "stacked": "stacked bar chart",
    "line": "line chart",
    "lines": "line chart",
    "pie": "pie chart",
    "donut": "donut chart",
}


def _draw(bench: Bench, sample: Sample) -> None:
    if "chart" in sample.input:
        draw_chart(bench, sample)
        return
    from PIL import Image

    given, path = sample.input["shape"], bench.path(sample.input["images"][0])
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw_shape(given["shape"], given["colour"], given["seed"]).pixels).save(path)


def shape_captions(shape: str, colour: str) -> list[str]:
    """Return what people might write under a picture of one shape."""
    return [
        f"A {colour} {shape}.",
        f"A {shape} in {colour} on a pale background.",
        f"The picture shows a {colour} {shape}.",
        f"A single {colour} {shape}.",
        f"There is one {colour} {shape} on a light ground.",
    ]


def chart_captions(kind: str, table: dict[str, Any]) -> list[str]:
    """Return what people might write under a chart."""
    name, measure, category = _CHARTS[kind], table["measure"].lower(), table["category"].lower()
    return [
        f"A {name}.",
        f"A {name} of {measure} by {category}.",
        f"The picture shows a {name}.",
        f"A {name} with the title {table['title']}.",
        f"{table['title']}, drawn as a {name}.",
    ]


def _caption(sample: Sample, output: Output) -> str:
    return output.evidence[0].text if output.evidence else ""


SCORERS = (
    metric_scorer("cider_d", _caption),
    metric_scorer("rouge_l", _caption),
    metric_scorer("cider", _caption, judged=False),
    Scorer(
        "captioned",
        lambda sample, output: float(bool(_caption(sample, output))),
        judged=False,
        help="Says anything; a refusal is an empty caption.",
    ),
)


@suite(
    "drawn_captions",
    family="captioning",
    timeout_s=600.0,
    at_once=1,
    lane="vlm",
    open_solver=vlm_solver(_draw),
    scorers=SCORERS,
)
def drawn_captions(place: Place) -> Iterator[Sample]:
    """A sentence on plain shapes and charts that we draw, against five of ours for each."""
    about = {"suite": "drawn_captions", "family": "captioning", "modality": "image", "source": "own"}
    colours = list(COLOURS)
    for seed in range(_SHAPES):
        shape, colour = SHAPES[seed % len(SHAPES)], colours[seed % len(colours)]
        yield Sample(
            **about,
            id=f"shape-{seed}",
            kind="shape",
            input={
                "question": ASKED,
                "shape": {"shape": shape, "colour": colour, "seed": seed},
                "images": [f"evals/drawn/captions/shape-{seed}.png"],
            },
            target=shape_captions(shape, colour),
        )
    for chart in drawn(_FIRST, _ROUNDS):
        yield Sample(
            **about,
            id=f"chart-{chart['id']}",
            kind="chart",
            difficulty=chart["kind"],
            input={
                "question": ASKED,
                "chart": chart,
                "images": [f"evals/drawn/captions/chart-{chart['id']}.png"],
            },
            target=chart_captions(chart["kind"], chart["table"]),
        )


def _photos(place: Place, set_name: str, suite_name: str) -> Iterator[Sample]:
    for row in public(place, f"{set_name}/dev.jsonl"):
        yield Sample(
            id=row["image"],
            suite=suite_name,
            family="captioning",
            modality="image",
            source=set_name,
            input={"question": ASKED, "images": [f"{set_name}/{row['image']}"]},
            target=list(row["captions"]),
        )


_photographs = partial(
    suite, family="captioning", open_solver=vlm_solver(lambda bench, sample: None), scorers=SCORERS
)


@_photographs("coco_captions", needs="coco_mini")
def coco_captions(place: Place) -> Iterator[Sample]:
    """A sentence on photos, against five captions each (COCO)."""
    yield from _photos(place, "coco_mini", "coco_captions")


@_photographs("flickr_captions", needs="flickr8k_1000")
def flickr_captions(place: Place) -> Iterator[Sample]:
    """A sentence on photos, against five captions each (Flickr8k, 100 drawn)."""
    yield from draw(list(_photos(place, "flickr8k_1000", "flickr_captions")), _FLICKR)


SUITES = (drawn_captions, coco_captions, flickr_captions)
