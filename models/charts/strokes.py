"""Line series as strokes: which colours draw them, and the path of each across the columns."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.charts.legend import LegendEntry
from models.charts.scene import Scene, Text, distance

_LEAST_COVER = 0.35
_COLOURFUL = 14.0


@dataclass(frozen=True)
class Run:
    """Ink of one series in one column: centre (sub-pixel) and edges."""

    centre: float
    top: int
    bottom: int

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.bottom - self.top + 1


@dataclass(frozen=True)
class Stroke:
    """A series' path: one run a column, with gaps where nothing was drawn."""

    name: str
    colour: NDArray[np.float32]
    runs: dict[int, Run]
    ink: int

    @property
    def start(self) -> int:
        """First column."""
        return min(self.runs)

    @property
    def end(self) -> int:
        """Last column."""
        return max(self.runs)

    @property
    def thickness(self) -> float:
        """Usual height of a run: the stroke's width where it runs level."""
        return float(np.percentile([run.height for run in self.runs.values()], 30))


def find_strokes(
    scene: Scene, plot: tuple[int, int, int, int], legend: Sequence[LegendEntry], texts: Sequence[Text]
) -> list[Stroke]:
    """Return the strokes inside the plot box `(x0, y0, x1, y1)`, most ink first."""
    x0, y0, x1, y1 = plot
    lab = scene.lab[y0:y1, x0:x1]
    if min(lab.shape[:2]) < 8:
        return []
    grounds = scene.colours[[scene.background, *sorted(scene.panels)]]
    offsets = np.stack([distance(lab, ground) for ground in grounds])
    ground = grounds[int(np.argmin(np.median(offsets.reshape(len(grounds), -1), axis=1)))]
    hidden = _hidden(plot, legend)
    seeds = [(e.name, e.colour) for e in legend] or [("", c) for c in _seed_colours(lab, ground, hidden)]
    if not seeds:
        return []
    masks, covers = _assign(lab, ground, [colour for _, colour in seeds])
    found = []
    for index, (name, colour) in enumerate(seeds):
        mask = masks[index] & ~hidden
        if np.hypot(*(colour - ground)[1:]) < _COLOURFUL:
            mask = _without_rules(mask)
        mask = _without_letters(mask, texts, x0, y0)
        stroke = _trace(mask, covers[index], name, colour, x0, y0)
        if stroke is not None and stroke.end - stroke.start > 0.12 * (x1 - x0):
            found.append(stroke)
    found.sort(key=lambda stroke: -stroke.ink)
    return found


def _hidden(plot: tuple[int, int, int, int], legend: Sequence[LegendEntry]) -> NDArray[np.bool_]:
    x0, y0, x1, y1 = plot
    hidden = np.zeros((y1 - y0, x1 - x0), bool)
    for entry in legend:
        s = entry.swatch
        hidden[
            max(0, s.y0 - 3 - y0) : max(0, s.y1 + 3 - y0), max(0, s.x0 - 3 - x0) : max(0, s.x1 + 3 - x0)
        ] = True
    return hidden


def _seed_colours(
    lab: NDArray[np.float32], ground: NDArray[np.float32], hidden: NDArray[np.bool_]
) -> list[NDArray[np.float32]]:
    """Return the colours of thin ink: the strongest pixels across each stroke, grouped by direction."""
    import cv2

    away = np.where(hidden, 0, distance(lab, ground)).astype(np.float32)
    crest = (away >= cv2.dilate(away, np.ones((3, 3), np.uint8)) - 1e-3) & (away > 14)
    colours = lab[crest]
    if not len(colours):
        return []
    chroma = np.hypot(colours[:, 1], colours[:, 2])
    found: list[NDArray[np.float32]] = []
    for group in (colours[chroma >= _COLOURFUL], colours[chroma < _COLOURFUL]):
        found += _groups(group, ground, lab.shape[1])
    return found[:10]


def _groups(
    colours: NDArray[np.float32], ground: NDArray[np.float32], width: int
) -> list[NDArray[np.float32]]:
    if len(colours) < 0.12 * width:
        return []
    sample = colours[:: max(1, len(colours) // 6000)]
    scale = len(colours) / len(sample)
    left = sample
    found: list[NDArray[np.float32]] = []
    while scale * len(left) >= 0.12 * width and len(found) < 8:
        strength = np.linalg.norm(left - ground, axis=1)
        strong = left[strength >= np.percentile(strength, 60)]
        # The densest strong colour is a stroke's own; weaker ones are its blends with the ground.
        keys = np.round(strong / 6).astype(int)
        _, inverse, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
        seed = np.median(strong[inverse.ravel() == int(np.argmax(counts))], axis=0).astype(np.float32)
        toward = seed - ground
        cover = (left - ground) @ toward / max(1e-6, float(toward @ toward))
        rest = np.linalg.norm(left - ground - cover[:, None] * toward, axis=1)
        own = (rest < 11) & (cover > 0.2) & (cover < 1.35)
        if not own.any():
            break
        if own.sum() * scale >= 0.12 * width and all(np.linalg.norm(seed - f) > 9 for f in found):
            found.append(seed)
        left = left[~own]
    return found


def _assign(
    lab: NDArray[np.float32], ground: NDArray[np.float32], colours: Sequence[NDArray[np.float32]]
) -> tuple[list[NDArray[np.bool_]], list[NDArray[np.float32]]]:
    """Give each pixel to the series whose blend with the ground explains it best."""
    offset = lab - ground
    costs, covers = [], []
    for colour in colours:
        toward = colour - ground
        cover = (offset @ toward / max(1e-6, float(toward @ toward))).astype(np.float32)
        covers.append(np.clip(cover, 0, 1))
        # Most of a chart is ground, which no stroke covers.
        inked = cover > _LEAST_COVER
        cost = np.full(cover.shape, np.inf, dtype=np.float32)
        cost[inked] = distance(offset[inked], covers[-1][inked][:, None] * toward)
        costs.append(cost)
    stack = np.stack(costs)
    best = np.argmin(stack, axis=0)
    low = stack.min(axis=0) < 13
    return [low & (best == i) for i in range(len(colours))], covers


def _without_rules(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Clear axes and grid lines from a grey or black mask: straight ink from side to side."""
    cleared = mask.copy()
    used = np.flatnonzero(mask.any(axis=0))
    tall = np.flatnonzero(mask.any(axis=1))
    if not len(used):
        return cleared
    rows = mask.sum(axis=1) / (used[-1] - used[0] + 1)
    columns = mask.sum(axis=0) / (tall[-1] - tall[0] + 1)
    for index in np.flatnonzero(rows > 0.6):
        cleared[max(0, index - 1) : index + 2] = False
    for index in np.flatnonzero(columns > 0.6):
        cleared[:, max(0, index - 1) : index + 2] = False
    return cleared


def _without_letters(mask: NDArray[np.bool_], texts: Sequence[Text], x0: int, y0: int) -> NDArray[np.bool_]:
    """Clear texts in the series' own colour; a stroke passing through a text's box stays."""
    cleared = mask
    for text in texts:
        a, b = int(text.box[0]) - x0, int(text.box[2]) - x0 + 1
        c, d = int(text.box[1]) - y0, int(text.box[3]) - y0 + 1
        if b <= 0 or d <= 0 or a >= mask.shape[1] or c >= mask.shape[0]:
            continue
        part = mask[max(0, c) : d, max(0, a) : b]
        inked = part.any(axis=0)
        if part.size == 0 or inked.mean() < 0.3:
            continue
        starts = (np.diff(part.astype(np.int8), axis=0, prepend=0) == 1).sum(axis=0)
        if starts[inked].mean() > 1.25 or inked.mean() < 0.9:
            cleared = cleared.copy() if cleared is mask else cleared
            cleared[max(0, c) : d, max(0, a) : b] = False
    return cleared


def _trace(
    mask: NDArray[np.bool_],
    cover: NDArray[np.float32],
    name: str,
    colour: NDArray[np.float32],
    x0: int,
    y0: int,
) -> Stroke | None:
    columns = {x: _runs(mask[:, x], cover[:, x], y0) for x in np.flatnonzero(mask.any(axis=0)).tolist()}
    columns = {x: runs for x, runs in columns.items() if runs}
    if len(columns) < 8:
        return None
    path = _best_path(columns)
    return Stroke(name, colour, {x + x0: run for x, run in path.items()}, int(mask.sum()))


def _runs(column: NDArray[np.bool_], cover: NDArray[np.float32], y0: int) -> list[Run]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], column.astype(np.int8), [0]])))
    runs = []
    for top, end in zip(edges[::2], edges[1::2], strict=True):
        a, b = max(0, top - 1), min(len(column), end + 1)
        weights = np.maximum(cover[a:b], 1e-3)
        centre = float((np.arange(a, b) + 0.5) @ weights / weights.sum()) + y0
        runs.append(Run(centre, int(top) + y0, int(end) - 1 + y0))
    return runs if len(runs) <= 12 else []


def _best_path(columns: dict[int, list[Run]]) -> dict[int, Run]:
    """Choose one run a column so that the path jumps least (Viterbi over the columns)."""
    xs = sorted(columns)
    costs: list[list[float]] = [[-min(run.height, 3) for run in columns[xs[0]]]]
    back: list[list[int]] = [[-1] * len(columns[xs[0]])]
    for before, x in itertools.pairwise(xs):
        row, links = [], []
        for run in columns[x]:
            steps = [
                cost + _jump(old, run) / (1 + 0.2 * (x - before - 1))
                for cost, old in zip(costs[-1], columns[before], strict=True)
            ]
            best = min(range(len(steps)), key=steps.__getitem__)
            row.append(steps[best] - min(run.height, 3))
            links.append(best)
        costs.append(row)
        back.append(links)
    index = int(np.argmin(costs[-1]))
    path: dict[int, Run] = {}
    for x, links in zip(reversed(xs), reversed(back), strict=True):
        path[x] = columns[x][index]
        index = links[index]
    return path


def _jump(a: Run, b: Run) -> float:
    gap = max(0, b.top - a.bottom - 1, a.top - b.bottom - 1)
    return 1.5 * gap + 0.15 * abs(a.centre - b.centre)
