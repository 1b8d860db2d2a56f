"""The title of a chart and of its axes, by place, size and direction of the text."""

from __future__ import annotations

from collections.abc import Sequence

from models.charts.axes import Axis
from models.charts.numbers import read_number
from models.charts.scene import Scene, Text


def chart_title(scene: Scene, top: float, taken: set[Text]) -> tuple[str, set[Text]]:
    """Return the title above the pixel row `top` (wrapped lines joined) and its texts."""
    height = scene.size[0]
    above = [
        t
        for t in scene.texts
        if t not in taken
        and t.cy < max(top, 0.06 * height)
        and t.cy < 0.4 * height
        and _wordy(t)
        and t.width > t.height
    ]
    if not above:
        return "", set()
    tallest = max(t.height for t in above)
    big = [t for t in above if t.height >= 0.72 * tallest]
    first = min(big, key=lambda t: t.cy)
    lines = [first]
    for text in sorted(big, key=lambda t: (round(t.cy / max(1.0, 0.7 * first.height)), t.cx)):
        last = lines[-1]
        near = text.box[1] - last.box[3] < 0.9 * first.height
        if text is not first and near and abs(text.height - first.height) < 0.3 * first.height:
            lines.append(text)
    lines.sort(key=lambda t: (round((t.cy - first.cy) / max(1.0, 0.8 * first.height)), t.cx))
    return " ".join(t.text for t in lines), set(lines)


def axis_titles(
    scene: Scene, value: Axis | None, labels: Sequence[Text], taken: set[Text]
) -> tuple[str, str]:
    """Return the titles below and beside the plot: (x, y), each empty where there is none."""
    free = [t for t in scene.texts if t not in taken and _wordy(t)]
    upright = [t for t in free if t.height > 1.6 * t.width and len(t.text) > 2]
    y = min(upright, key=lambda t: t.cx).text if upright else ""
    row = max((t.box[3] for t in labels), default=0.0)
    if value is not None and value.side == "x":
        row = max([row, *[t.text.box[3] for t in value.ticks]])
    below = [
        t for t in free if t.box[1] > row - 0.3 * scene.unit and t.box[1] < row + 5 * scene.unit and row > 0
    ]
    below = [t for t in below if t not in upright and len(t.text) < 60]
    x = min(below, key=lambda t: t.cy).text if below else ""
    return x, y


def _wordy(text: Text) -> bool:
    return any(char.isalpha() for char in text.text) and read_number(text.text) is None
