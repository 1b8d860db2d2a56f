# ruff: noqa: E501 - tables of looks
"""Looks of drawn charts: colours, grids, legends and fonts of common plotting tools."""

from __future__ import annotations

from typing import Any

LOOKS: dict[str, dict[str, Any]] = {
    "matplotlib": {"palette": ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b"]},
    "excel": {
        "palette": ["#4472C4", "#ED7D31", "#A5A5A5", "#FFC000", "#5B9BD5", "#70AD47"],
        "grid": "y", "grid_color": "#D9D9D9", "spines": ["bottom"], "legend": "bottom", "tick": 0,
    },
    "altair": {
        "palette": ["#4c78a8", "#f58518", "#e45756", "#72b7b2", "#54a24b", "#eeca3b"],
        "grid": "both", "grid_color": "#dddddd", "spines": ["left", "bottom", "top", "right"], "edge": "#dddddd",
        "rotate": 90, "size": 9, "legend": "right",
    },
    "plotly": {
        "palette": ["#636EFA", "#EF553B", "#00CC96", "#AB63FA", "#FFA15A", "#19D3F3"],
        "panel": "#E5ECF6", "grid": "both", "grid_color": "white", "spines": [], "legend": "right", "tick": 0,
    },
    "ggplot": {
        "palette": ["#E24A33", "#348ABD", "#988ED5", "#777777", "#FBC15E", "#8EBA42"],
        "panel": "#E5E5E5", "grid": "both", "grid_color": "white", "spines": [], "legend": "inside",
    },
    "d3": {
        "palette": ["#4682b4", "#e6550d", "#31a354", "#756bb1", "#636363", "#c51b8a"],
        "font": "DejaVu Serif", "spines": ["left", "bottom"], "legend": "right",
    },
    "pew": {
        "palette": ["#377668", "#949D48", "#BF3927", "#436983", "#D1A730", "#7d7d7d"],
        "spines": ["left"], "labels": True, "scale": False, "legend": "top",
    },
    "print": {
        "palette": ["#222222", "#888888", "#bbbbbb", "#555555", "#dddddd", "#999999"],
        "font": "DejaVu Serif", "grid": "y", "grid_color": "#eeeeee", "spines": ["left", "bottom"], "legend": "inside",
    },
}  # fmt: skip
