"""Makes charts with questions (CoSyn, Yang et al. 2025: write the code, run it, ask from the data)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from random import Random

from core.contracts import Box
from finetune.data.rows import Split
from finetune.synth.chart import Chart, make_chart
from finetune.synth.chart_code import plotting_code
from finetune.synth.chart_draft import Draft
from finetune.synth.chart_light import draw_light
from finetune.synth.chart_questions import ask
from finetune.synth.made import Made, Question
from finetune.synth.sandbox.client import Sandbox

VERSION = "charts-2"


def split_of(seed: int, index: int, shares: tuple[float, float, float]) -> Split:
    """Return the split of an item, by chance and number."""
    splits: tuple[Split, ...] = ("train", "dev", "test")
    return Random(f"{seed}:split:{index}").choices(splits, shares)[0]


class ChartMaker:
    """Makes charts by number.

    Args:
        seed: The same seed makes the same charts.
        cache: Where matplotlib keeps its list of fonts.
        shares: How many of ten are for train, dev and test.
        questions: How many questions a chart has at most.
        light: Which share is drawn by the light renderer; the rest by matplotlib in the sandbox.
    """

    def __init__(
        self,
        seed: int,
        cache: Path,
        *,
        shares: tuple[float, float, float] = (8, 1, 1),
        questions: int = 8,
        light: float = 0.5,
    ) -> None:
        self._seed, self._shares, self._questions, self._light = seed, shares, questions, light
        self._sandbox = Sandbox(cache)

    def make(self, index: int) -> Made:
        """Draw the chart of a number and ask about it."""
        random = Random(f"{VERSION}:{self._seed}:{index}")
        split = split_of(self._seed, index, self._shares)
        chart = make_chart(random, split, self._light)
        drafts = ask(random, chart, self._questions)
        png, boxes = self._draw(chart)
        return Made(
            png=png,
            group=f"table:{chart.table.id}",
            split=split,
            questions=tuple(_question(draft, chart, boxes) for draft in drafts),
            source="synth-charts",
            licence="CC0-1.0" if chart.table.source == "made" else "BSD-3-Clause",
            metadata={
                "chart": chart.type,
                "table": chart.table.id,
                "table_source": chart.table.source,
                "style": _style_id(chart),
                "theme": chart.style.theme.name,
                "renderer": chart.style.renderer,
                "seed": self._seed,
                "index": index,
            },
        )

    def close(self) -> None:
        """End the drawing process."""
        self._sandbox.close()

    def _draw(self, chart: Chart) -> tuple[bytes, tuple[Box, ...]]:
        if chart.style.renderer == "light":
            return draw_light(chart)
        picture = self._sandbox.draw(plotting_code(chart))
        return picture.png, picture.boxes


def _question(draft: Draft, chart: Chart, boxes: tuple[Box, ...]) -> Question:
    # Only bars have boxes in both renderers; a slice's box says little about where the slice is.
    plain = chart.type in ("bar", "barh") and draft.mark is not None and draft.mark < len(boxes)
    return Question(
        kind=draft.kind,
        question=draft.question,
        answers=draft.answers,
        balance=draft.balance,
        reading=draft.reading,
        boxes=(boxes[draft.mark],) if plain and draft.mark is not None else (),
    )


def _style_id(chart: Chart) -> str:
    body = chart.style.model_dump_json() + "".join(colour.value for colour in chart.colours)
    return hashlib.sha256(body.encode()).hexdigest()[:12]
