"""What the benchmarks share: where the development sets are, and how figures are printed and written."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agents.router import Router
from core.settings import Settings
from evals.suites.rows import json_lines
from models.embeddings import open_embedder

Figures = dict[str, Any]


def data_folder() -> Path:
    """Return the folder of the development sets: VIDENCE_DATA, or beside the checkout."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("VIDENCE_DATA", beside))


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """Add `--data`."""
    parser.add_argument(
        "--data",
        type=Path,
        default=data_folder(),
        help="the development sets (VIDENCE_DATA, else ../shared/data beside the checkout)",
    )


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add `-o`, and the `--json` of benchmarks whose figures are JSON anyway."""
    parser.add_argument("--json", action="store_true", help="accepted: the figures are always JSON")
    parser.add_argument("-o", "--output", type=Path, help="write the figures as JSON")


def print_figures(figures: Figures, output: Path | None) -> None:
    """Print figures as JSON, and write them where a file was named."""
    text = json.dumps(figures, indent=2)
    print(text)
    if output:
        output.write_text(text + "\n")


def router_options(description: str | None, file: Path) -> argparse.ArgumentParser:
    """Return the options of the benchmarks that measure the router on a file of JSON lines."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path, default=file)
    parser.add_argument("--mode", choices=("rules", "embedding", "both"), default="both")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def measure_routers(
    args: argparse.Namespace,
    score: Callable[[list[Figures], Router], Figures],
    show: Callable[[str, Figures], None],
) -> None:
    """Score the routers that were asked for on the file's rows; print JSON, or show each for people."""
    rows = json_lines(args.file)
    embedder = open_embedder(Settings())
    routers = {"rules": Router(), "embedding": Router(lambda: embedder)}
    wanted = routers if args.mode == "both" else {args.mode: routers[args.mode]}
    results = {name: score(rows, router) for name, router in wanted.items()}
    if args.json:
        print(json.dumps(results))
        return
    for name, result in results.items():
        show(name, result)
