"""Charts to tables, in code: `read_chart(pixels, lines) -> ChartTable`."""

from models.charts.reader import read_chart

CHARTS_VERSION = "charts-3"
"""Changes whenever the same picture may give another table; part of every cache key."""

__all__ = ["CHARTS_VERSION", "read_chart"]
