"""The dashboard asks for metrics and labels that the server has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from server.telemetry.metrics import Metrics

DASHBOARD = Path(__file__).resolve().parents[2] / "deploy" / "grafana" / "vidence.json"
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
GIVEN = {"le", "instance"}
"""Labels that histograms and Prometheus add."""


def known() -> dict[str, set[str]]:
    """Return every series that the server may export, with its labels."""
    metrics = Metrics()
    found: dict[str, set[str]] = {}
    for metric in vars(metrics).values():
        for family in metric.describe() if hasattr(metric, "describe") else ():
            for suffix in SUFFIXES[family.type]:
                found[family.name + suffix] = {*metric._labelnames, *GIVEN}
    return found | {sample.name: GIVEN for family in metrics.registry.collect() for sample in family.samples
                    if sample.name.startswith("process_")}  # fmt: skip


def test_every_metric_is_in_the_documents() -> None:
    told = re.findall(r"`(?:vidence_)?(\w+)`", (DASHBOARD.parents[2] / "docs" / "server.md").read_text())
    names = {re.sub(r"^vidence_|_(bucket|sum|count)$", "", name) for name in known() if "process" not in name}
    assert names - set(told) == set()


def test_every_query_names_metrics_and_labels_that_exist() -> None:
    series = known()
    targets: list[Any] = [
        target for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]
    ]
    assert len(targets) > 18
    asked: set[str] = set()
    for target in targets:
        names = set(re.findall(r"\b(?:vidence|process)_\w+", target["expr"]))
        assert names, target["expr"]
        assert names <= set(series), target["expr"]
        grouped = {
            name.strip()
            for group in re.findall(r"by \(([^)]*)\)", target["expr"])
            for name in group.split(",")
        }
        shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        for name in names:
            assert (grouped | shown) <= series[name], target["expr"]
        asked |= names
    missing = {name.removesuffix("_bucket") for name in series if name.endswith("_bucket")} - {
        name.removesuffix("_bucket").removesuffix("_sum") for name in asked
    }
    assert missing == set(), "every histogram is shown"
