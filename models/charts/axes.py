"""Value axes: tick labels to a map between pixels and values, and back.

A fit takes the ticks that agree and leaves the misread ones: linear first, then logarithmic, square root
and square, and at last straight pieces between ticks that at least run one way. Direction is free, so
an inverted axis is just a fit with the other sign.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.charts.numbers import read_number, read_power
from models.charts.scene import Scene, Text

ScaleKind = Literal["linear", "log", "sqrt", "square", "pieces"]
Side = Literal["x", "y"]


@dataclass(frozen=True)
class Tick:
    """A tick label: its pixel position along the axis, its value and its text."""

    position: float
    value: float
    text: Text
    unit: str = ""


@dataclass(frozen=True)
class Axis:
    """A fitted value axis along `side`; `ticks` are those that the fit agrees with."""

    side: Side
    kind: ScaleKind
    slope: float
    intercept: float
    ticks: tuple[Tick, ...]
    candidates: int
    error: float
    """Root mean square distance of the ticks from the fit, in working pixels."""
    members: tuple[Text, ...] = ()
    """Every label in the axis's row or column, misread ones included."""
    sharp: bool = False
    """Whether tick marks or grid lines confirmed the places of the labels."""

    def value(self, position: float) -> float:
        """Return the value at a pixel position."""
        if self.kind == "pieces":
            return _along([t.position for t in self.ticks], [t.value for t in self.ticks], position)
        # The fit maps transformed value to position, so this direction divides.
        return float(_INVERSE[self.kind]((position - self.intercept) / self.slope))

    def position(self, value: float) -> float:
        """Return the pixel position of a value."""
        if self.kind == "pieces":
            return _along([t.value for t in self.ticks], [t.position for t in self.ticks], value)
        return float(self.slope * _FORWARD[self.kind](value) + self.intercept)

    def shifted(self, pixels: float) -> Axis:
        """Return the axis moved along itself."""
        ticks = tuple(replace(t, position=t.position + pixels) for t in self.ticks)
        return replace(self, intercept=self.intercept + pixels, ticks=ticks)

    @property
    def span(self) -> tuple[float, float]:
        """First and last tick position, in increasing pixels."""
        positions = [t.position for t in self.ticks]
        return min(positions), max(positions)

    @property
    def unit(self) -> str:
        """The unit most ticks carry, or an empty text."""
        units = [t.unit for t in self.ticks if t.unit]
        return max(set(units), key=units.count) if 2 * len(units) >= len(self.ticks) else ""

    @property
    def inverted(self) -> bool:
        """Whether values grow against reading habit (downwards, or to the left)."""
        first, last = sorted(self.ticks, key=lambda t: t.position)[:: max(1, len(self.ticks) - 1)][:2]
        grows = last.value > first.value
        return grows if self.side == "y" else not grows


_Transform = Callable[[float], float]
_FORWARD: dict[str, _Transform] = {
    "linear": lambda v: v,
    "log": lambda v: float(np.log10(max(v, 1e-12))),
    "sqrt": lambda v: float(np.sign(v) * np.sqrt(abs(v))),
    "square": lambda v: float(np.sign(v) * v * v),
}
_INVERSE: dict[str, _Transform] = {
    "linear": lambda v: v,
    "log": lambda v: float(10.0 ** np.clip(v, -12, 15)),
    "sqrt": lambda v: float(np.sign(v) * v * v),
    "square": lambda v: float(np.sign(v) * np.sqrt(abs(v))),
}


def _along(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    order = np.argsort(xs)
    a, b = np.asarray(xs, float)[order], np.asarray(ys, float)[order]
    i = int(np.clip(np.searchsorted(a, x) - 1, 0, len(a) - 2))
    return float(b[i] + (b[i + 1] - b[i]) * (x - a[i]) / max(1e-9, a[i + 1] - a[i]))


def find_axes(scene: Scene, side: Side) -> list[Axis]:
    """Return fitted value axes along a side (`y`: labels in a column; `x`: in a row), best first."""
    found = []
    for group in _groups(scene, side):
        axis = fit_axis(_ticks(group, side), side, tolerance=max(2.0, 0.3 * scene.unit))
        if axis is not None:
            found.append(replace(axis, members=tuple(group)))
    found.sort(key=lambda axis: (-len(axis.ticks), axis.error))
    kept: list[Axis] = []
    for axis in found:
        texts = {t.text for t in axis.ticks}
        if all(len(texts & {t.text for t in other.ticks}) <= 1 for other in kept):
            kept.append(axis)
    return [sharpen(scene, axis) for axis in kept]


def _groups(scene: Scene, side: Side) -> list[list[Text]]:
    """Return sets of numeric texts that stand in one column or row."""
    numeric = [text for text in scene.texts if _tick_value(text.text) is not None]
    edges = (0, 2, None) if side == "y" else (1, 3, None)
    groups: list[list[Text]] = []
    for edge in edges:
        keys = [
            (text.box[edge] if edge is not None else (text.cx if side == "y" else text.cy), text)
            for text in numeric
        ]
        keys.sort(key=lambda pair: pair[0])
        start = 0
        for end in range(1, len(keys) + 1):
            if end == len(keys) or keys[end][0] - keys[end - 1][0] > 0.5 * scene.unit:
                group = [text for _, text in keys[start:end]]
                start = end
                if len(group) >= 2 and group not in groups:
                    groups.append(group)
    return groups


def points_with_end(row: Sequence[Text]) -> bool:
    """Whether a row's labels are slanted, so that their right end points at the tick."""
    # A level text is about half as wide as high for each of its letters.
    slanted = sum(
        t.height / max(1.0, t.width) > max(0.42, 2.8 / len(t.text)) and t.width > 0.7 * t.height for t in row
    )
    return slanted > len(row) / 2


def _tick_value(text: str) -> tuple[float, str] | None:
    number = read_number(text)
    if number is not None:
        return number.value, number.unit
    power = read_power(text)
    return None if power is None else (power, "")


def _ticks(group: Sequence[Text], side: Side) -> list[Tick]:
    ticks = []
    slanted = side == "x" and points_with_end(group)
    back = 0.25 * float(np.median([min(t.width, t.height) for t in group])) if group else 0.0
    for text in group:
        read = _tick_value(text.text)
        if read is not None:
            position = text.cy if side == "y" else (text.box[2] - back if slanted else text.cx)
            ticks.append(Tick(position, read[0], text, read[1]))
    if len(ticks) >= 3 and all(read_power(tick.text.text) is not None for tick in ticks):
        # `100 101 102 103` in even steps is 10^0 .. 10^3: OCR flattens the exponents.
        powers = [replace(t, value=read_power(t.text.text) or 1.0) for t in ticks]
        flat = fit_axis(ticks, side, tolerance=3.0, powers=False)
        if flat is None or max(t.value for t in ticks) < 200:
            ticks = powers
    return sorted(ticks, key=lambda tick: tick.position)


def fit_axis(ticks: Sequence[Tick], side: Side, *, tolerance: float, powers: bool = True) -> Axis | None:
    """Fit ticks to a scale; `tolerance` is the pixel distance within which a tick agrees.

    Returns None when fewer than two ticks agree, or when two agree by chance among many.
    """
    ticks = _one_per_place(ticks, tolerance)
    if len(ticks) < 2:
        return None
    best: Axis | None = None
    kinds: tuple[ScaleKind, ...] = ("linear", "log", "sqrt", "square") if powers else ("linear",)
    for kind in kinds:
        axis = _fit_kind(ticks, side, kind, tolerance)
        # A curved scale must explain clearly more than the straight one.
        margin = 0 if best is None else max(1, round(0.15 * len(ticks)))
        if axis is not None and (best is None or len(axis.ticks) >= len(best.ticks) + margin):
            best = axis
    if best is None or len(best.ticks) < max(2, 0.6 * len(ticks)):
        pieces = _pieces(ticks, side) if powers else None
        if pieces is not None and (best is None or len(pieces.ticks) > len(best.ticks) + 1):
            best = pieces
    if best is None or len(best.ticks) < max(2, 0.45 * len(ticks)):
        return None
    return best


def _one_per_place(ticks: Sequence[Tick], tolerance: float) -> list[Tick]:
    kept: list[Tick] = []
    for tick in sorted(ticks, key=lambda t: t.position):
        if kept and tick.position - kept[-1].position < tolerance:
            continue
        kept.append(tick)
    return kept


def _fit_kind(ticks: Sequence[Tick], side: Side, kind: ScaleKind, tolerance: float) -> Axis | None:
    usable = [t for t in ticks if kind != "log" or t.value > 0]
    if kind in ("sqrt", "square") and (len(usable) < 4 or min(t.value for t in usable) < 0):
        return None
    if kind != "linear" and len(usable) < 3:
        return None
    forward = _FORWARD[kind]
    xs = np.array([forward(t.value) for t in usable])
    ys = np.array([t.position for t in usable])
    best: NDArray[np.bool_] | None = None
    best_error = np.inf
    for i, j in combinations(range(len(usable)), 2):
        if abs(xs[j] - xs[i]) < 1e-12:
            continue
        slope = (ys[j] - ys[i]) / (xs[j] - xs[i])
        distances = np.abs(ys[i] + slope * (xs - xs[i]) - ys)
        agree = distances <= tolerance
        error = float(distances[agree].sum())
        if best is None or agree.sum() > best.sum() or (agree.sum() == best.sum() and error < best_error):
            best, best_error = agree, error
    if best is None or best.sum() < 2:
        return None
    slope, intercept = np.polyfit(xs[best], ys[best], 1)
    if abs(slope) < 1e-12:
        return None
    error = float(np.sqrt(np.mean((slope * xs[best] + intercept - ys[best]) ** 2)))
    chosen = tuple(t for t, ok in zip(usable, best, strict=True) if ok)
    return Axis(side, kind, float(slope), float(intercept), chosen, len(ticks), error)


def _pieces(ticks: Sequence[Tick], side: Side) -> Axis | None:
    """Fit straight pieces through the longest run of ticks whose values move one way."""
    best: list[Tick] = []
    for sign in (1, -1):
        chains: list[list[Tick]] = []
        for tick in ticks:
            before = [c for c in chains if sign * (tick.value - c[-1].value) > 0]
            chains.append([*(max(before, key=len) if before else []), tick])
        longest = max(chains, key=len)
        if len(longest) > len(best):
            best = longest
    if len(best) < 4:
        return None
    return Axis(side, "pieces", 1.0, 0.0, tuple(best), len(ticks), 0.0)


def sharpen(scene: Scene, axis: Axis) -> Axis:
    """Move the axis by what the tick marks or grid lines say against the label centres."""
    offsets = []
    reach, half = 2.2 * scene.unit, 0.55 * scene.unit
    ground = scene.lab.reshape(-1, 3)[0] if scene.background < 0 else scene.colours[scene.background]
    for tick in axis.ticks:
        box = tick.text.box
        for low, high in _mark_windows(axis.side, box, reach):
            band = _band(scene, axis.side, tick.position, half, low, high)
            if band is None:
                continue
            strength = np.linalg.norm(band - ground, axis=2).mean(axis=0 if axis.side == "x" else 1)
            peak = _peak(strength)
            if peak is not None:
                offsets.append(round(tick.position - half) + peak + 0.5 - tick.position)
                break
    if len(offsets) < max(2, 0.6 * len(axis.ticks)):
        return axis
    shift = float(np.median(offsets))
    agree = float(np.median(np.abs(np.asarray(offsets) - shift)))
    if agree >= 1.3 or abs(shift) >= 0.5 * scene.unit:
        return axis
    return replace(axis.shifted(shift), sharp=True)


def _mark_windows(side: Side, box: Sequence[float], reach: float) -> list[tuple[float, float]]:
    if side == "y":
        return [(box[2] + 1, box[2] + 1 + reach), (box[0] - 1 - reach, box[0] - 1)]
    return [(box[1] - 1 - reach, box[1] - 1), (box[3] + 1, box[3] + 1 + reach)]


def _band(
    scene: Scene, side: Side, position: float, half: float, low: float, high: float
) -> NDArray[np.float32] | None:
    height, width = scene.size
    a, b = round(position - half), round(position + half) + 1
    c, d = max(0, round(low)), round(high)
    if side == "y":
        piece = scene.lab[max(0, a) : min(height, b), c : min(width, d)]
        whole = a >= 0 and b <= height
    else:
        piece = scene.lab[c : min(height, d), max(0, a) : min(width, b)]
        whole = a >= 0 and b <= width
    return piece if whole and piece.size else None


def _peak(strength: NDArray[np.floating]) -> float | None:
    """Return the sub-pixel centre of the one thin peak of a profile, if there is one."""
    base = float(np.median(strength))
    above = np.clip(strength - base, 0, None)
    top = float(above.max())
    if top < 4.0:
        return None
    core = np.flatnonzero(above > 0.4 * top)
    if core[-1] - core[0] > max(4, 0.4 * len(strength)) or core[0] == 0 or core[-1] == len(strength) - 1:
        return None
    return float((core * above[core]).sum() / above[core].sum())
