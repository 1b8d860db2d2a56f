"""Writes the plotting code of a chart, as a person would: matplotlib, with the data in it."""

from __future__ import annotations

from typing import Any

from finetune.synth.chart import Chart
from finetune.synth.layout import Layout, make_layout, number

DPI = 100


def plotting_code(chart: Chart) -> str:
    """Return Python code that draws the chart with `plt`."""
    style, theme, layout = chart.style, chart.style.theme, make_layout(chart)
    box = (
        layout.left / style.width,
        1 - layout.bottom / style.height,
        (layout.right - layout.left) / style.width,
        (layout.bottom - layout.top) / style.height,
    )
    lines = [
        "import matplotlib.pyplot as plt",
        f"fig = plt.figure(figsize={(style.width / DPI, style.height / DPI)}, dpi={DPI}, facecolor={theme.page!r})",
        f"ax = fig.add_axes({tuple(round(part, 4) for part in box)}, facecolor={theme.plot!r})",
    ]
    lines += _marks(chart)
    if chart.type not in ("pie", "donut"):
        lines += _axes(chart, layout)
    lines += _words(chart, layout)
    return "\n".join(lines) + "\n"


def _points(pixels: float) -> float:
    return round(pixels * 72 / DPI, 2)


def _font(chart: Chart, share: float = 0.9) -> str:
    weight = ", fontweight='bold'" if chart.style.theme.bold and share >= 1 else ""
    size = _points(chart.style.font_px * share)
    return f"fontsize={size}, fontfamily={chart.style.theme.font!r}, color={chart.style.theme.ink!r}{weight}"


def _colours(chart: Chart) -> Any:
    values = [colour.value for colour in chart.colours]
    return values[0] if chart.by == "one" else values


def _marks(chart: Chart) -> list[str]:  # noqa: PLR0911 - one a type
    table, style, theme = chart.table, chart.style, chart.style.theme
    edge = f", edgecolor={theme.edge!r}, linewidth=0.8" if theme.edge else ""
    at = list(range(len(table.categories)))
    if chart.type in ("bar", "barh"):
        size = "width" if chart.type == "bar" else "height"
        call = f"bars = ax.{chart.type}({at}, {list(chart.values)}, {size}={style.bar_width}, color={_colours(chart)!r}{edge})"
        lines = [call, "ax.invert_yaxis()"] if chart.type == "barh" else [call]
        if style.value_labels:
            lines.append(
                f"ax.bar_label(bars, labels={[f'{v:g}' for v in chart.values]}, padding=2, {_font(chart, 0.8)})"
            )
        return lines
    if chart.type == "grouped":
        wide = round(style.bar_width / len(table.series), 3)
        return [
            f"ax.bar({[round(x + (i - (len(table.series) - 1) / 2) * wide, 3) for x in at]}, {list(row)}, width={wide}, "
            f"color={chart.colours[i].value!r}, label={table.series[i]!r}{edge})"
            for i, row in enumerate(table.values)
        ]
    if chart.type == "stacked":
        return _stacked(chart, edge)
    if chart.type in ("line", "lines"):
        mark = f", marker={theme.marker!r}, markersize={_points(style.marker_px)}" if style.marker_px else ""
        return [
            f"ax.plot({at}, {list(row)}, color={colour.value!r}, linewidth={style.line_width}, "
            f"linestyle={theme.dash!r}, label={name!r}{mark})"
            for row, colour, name in zip(table.values, chart.colours, table.series, strict=True)
        ]
    if chart.type == "area":
        colour = chart.colours[0].value
        return [
            f"ax.fill_between({at}, {list(chart.values)}, color={colour!r}, alpha={0.55 if style.marker_px else 1.0})",
            f"ax.plot({at}, {list(chart.values)}, color={colour!r}, linewidth={style.line_width})",
        ]
    if chart.type == "scatter":
        side = round(max(_points(style.marker_px), 5.0) ** 2, 1)
        return [
            f"ax.scatter({[x for x, _ in cloud]}, {[y for _, y in cloud]}, s={side}, marker={theme.marker!r}, "
            f"color={colour.value!r}, label={name!r})"
            for cloud, colour, name in zip(table.points, chart.colours, table.series, strict=True)
        ]
    return _pie(chart)


def _stacked(chart: Chart, edge: str) -> list[str]:
    table = chart.table
    below = [0.0] * len(table.categories)
    lines = []
    for row, colour, name in zip(table.values, chart.colours, table.series, strict=True):
        lines.append(
            f"ax.bar({list(range(len(row)))}, {list(row)}, width={chart.style.bar_width}, bottom={[round(b, 4) for b in below]}, "
            f"color={colour.value!r}, label={name!r}{edge})"
        )
        below = [base + value for base, value in zip(below, row, strict=True)]
    return lines


def _pie(chart: Chart) -> list[str]:
    style, theme = chart.style, chart.style.theme
    wedge: dict[str, Any] = {"edgecolor": theme.edge or theme.plot, "linewidth": 1.0}
    if chart.type == "donut":
        wedge["width"] = round(1 - style.inner, 2)
    text = {"fontsize": _points(style.font_px * 0.9), "color": theme.ink, "fontfamily": theme.font}
    labels = "" if chart.legend else f", labels={list(chart.table.categories)}"
    share = ", autopct='%d%%', pctdistance=0.7" if style.value_labels and chart.type == "pie" else ""
    lines = [
        f"wedges = ax.pie({list(chart.values)}, colors={_colours(chart)!r}, startangle={style.start_angle}, "
        f"counterclock=False, wedgeprops={wedge}, textprops={text}{labels}{share})[0]"
    ]
    return lines


def _axes(chart: Chart, layout: Layout) -> list[str]:
    style, theme, table = chart.style, chart.style.theme, chart.table
    value, name = ("x", "y") if chart.type == "barh" else ("y", "x")
    span = round(layout.low, 6), round(layout.high, 6)
    font = (
        f"labelsize={_points(style.font_px * 0.9)}, labelcolor={theme.ink!r}, labelfontfamily={theme.font!r}"
    )
    lines = [
        f"ax.set_{value}lim{span}",
        f"ax.set_{value}ticks({list(layout.ticks)}, {[number(tick) for tick in layout.ticks]})",
        f"ax.tick_params(axis='both', length=2, color={theme.ink!r}, {font})",
        "ax.set_axisbelow(True)",
    ]
    if chart.type != "scatter":
        names = list(table.categories) if style.tick_labels else [""] * len(table.categories)
        turned = f", rotation={layout.turn}" if layout.turn else ""
        turned += ", ha='right', rotation_mode='anchor'" if layout.turn == 40 else ""
        lines.append(f"ax.set_{name}ticks({list(range(len(names)))}, {names}{turned})")
    if theme.grid != "none":
        lines.append(
            f"ax.grid(True, axis={theme.grid!r}, color={theme.grid_colour!r}, linestyle={theme.grid_dash!r}, linewidth=0.7)"
        )
    sides = {"l": "left", "r": "right", "t": "top", "b": "bottom"}
    for letter, side in sides.items():
        if letter in theme.spines:
            lines.append(f"ax.spines[{side!r}].set_color({theme.ink!r})")
        else:
            lines.append(f"ax.spines[{side!r}].set_visible(False)")
    if style.axis_titles:
        titles = (table.y, table.x) if chart.type == "barh" else (table.x, table.y)
        lines += [
            f"ax.set_xlabel({titles[0]!r}, {_font(chart)})",
            f"ax.set_ylabel({titles[1]!r}, {_font(chart)})",
        ]
    return lines


def _words(chart: Chart, layout: Layout) -> list[str]:
    style, theme = chart.style, chart.style.theme
    lines = []
    if style.title:
        place = {"left": 0.03, "center": 0.5, "right": 0.97}[theme.title_place]
        top = round(1 - 0.5 * style.font_px / style.height, 4)
        lines.append(
            f"fig.text({place}, {top}, {chart.table.title!r}, ha={theme.title_place!r}, va='top', {_font(chart, 1.1)})"
        )
    if chart.legend:
        size = _points(style.font_px * 0.9)
        options = (
            f"frameon=False, prop={{'family': {theme.font!r}, 'size': {size}}}, labelcolor={theme.ink!r}"
        )
        handles = f"wedges, {list(chart.table.categories)}, " if chart.type in ("pie", "donut") else ""
        spot = _legend_spot(chart, layout)
        lines.append(
            f"fig.legend({handles}{spot}, {options}, handlelength=1.4, columnspacing=1.2)"
            if handles
            else f"ax.legend({spot}, bbox_transform=fig.transFigure, {options}, handlelength=1.4, columnspacing=1.2)"
        )
    return lines


def _legend_spot(chart: Chart, layout: Layout) -> str:
    style = chart.style
    if (
        style.legend == "right"
        and layout.legend_columns >= 1
        and layout.right < style.width - 2.5 * style.font_px
    ):
        return f"loc='center left', bbox_to_anchor=({round((layout.right + 0.3 * style.font_px) / style.width, 3)}, 0.5)"
    if style.legend == "top":
        top = 1 - (2.0 * style.font_px if style.title else 0.2 * style.font_px) / style.height
        return f"loc='upper center', bbox_to_anchor=(0.5, {round(top, 3)}), ncol={layout.legend_columns}, borderaxespad=0"
    return f"loc='lower center', bbox_to_anchor=(0.5, 0.01), ncol={layout.legend_columns}, borderaxespad=0"
