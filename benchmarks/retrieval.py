"""SciFact's development claims through the code of `vidence index add` and `vidence search`.

Reports nDCG@10 and the latency of each leg and step: words, vectors, fused, re-ranked; and indexing speed.
Nothing is fitted on SciFact. The collection is kept in --home: a second run adds nothing and measures the
search alone.

    python -m benchmarks.retrieval [--data ../shared/data] [--home DIR] [--limit N] [-o FILE]
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import add_data_option, print_figures
from benchmarks.ranking import Judged, measure_steps
from core.settings import Settings
from evals.suites.passages import scifact_records, scifact_relevant
from evals.suites.rows import json_lines
from knowledge.collections import Collections
from models.embeddings import open_embedder

_NAME = "scifact-dev"


def read_scifact(folder: Path) -> tuple[list[dict[str, Any]], Judged]:
    """Return the corpus as records of an index, and the claims with their documents."""
    claims = {row["id"]: row["claim"] for row in json_lines(folder / "claims_dev.jsonl")}
    return scifact_records(folder), Judged(claims, scifact_relevant(folder))


def build(
    collections: Collections, name: str, home: Path, corpus: Sequence[dict[str, Any]]
) -> dict[str, float]:
    """Index a corpus of records and return how long it took."""
    home.mkdir(parents=True, exist_ok=True)
    source = home / f"{name}-corpus.jsonl"
    text = "".join(json.dumps(record) + "\n" for record in corpus)
    if not source.exists() or source.read_text() != text:
        source.write_text(text)
    start = time.perf_counter()
    report = collections.add(name, [source])
    seconds = time.perf_counter() - start
    new = report.added + report.replaced
    sizes = {info.name: info.bytes for info in collections.describe()}
    return {
        "documents": report.documents,
        "chunks": report.chunks,
        "indexed": new,
        "index_s": round(seconds, 1),
        "documents_per_s": round(new / seconds, 1),
        "bytes": sizes[name],
    }


def first(judged: Judged, limit: int) -> Judged:
    """Return the first queries, or all when there is no limit."""
    kept = list(judged.relevant.items())[: limit or None]
    return Judged(judged.queries, dict(kept))


def arguments(description: str | None, home: str) -> argparse.ArgumentParser:
    """Return the options that the retrieval benchmarks share."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data_option(parser)
    parser.add_argument(
        "--home", type=Path, default=Path(tempfile.gettempdir()) / home, help="keeps the index"
    )
    parser.add_argument("--limit", type=int, default=0, help="queries; all by default")
    parser.add_argument("-o", type=Path, help="write the figures as JSON")
    return parser


def run(
    args: argparse.Namespace, name: str, corpus: Sequence[dict[str, Any]], judged: Judged
) -> dict[str, Any]:
    """Index a corpus, measure every step on its queries, print the figures and return them."""
    embedder = open_embedder(Settings())
    collections = Collections(Settings(home=args.home).root / "collections", lambda: embedder)
    figures: dict[str, Any] = {"queries": len(judged.relevant), "model": embedder.name}
    figures["index"] = build(collections, name, args.home, corpus)
    print(f"{name}: {figures['index']}", flush=True)
    figures.update(measure_steps(collections, name, judged))
    figures["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    collections.close()
    print_figures(figures, args.o)
    return figures


def main() -> None:
    """Run the benchmark and print its figures."""
    args = arguments(__doc__, "vidence-bench-retrieval").parse_args()
    corpus, judged = read_scifact(args.data / "scifact")
    run(args, _NAME, corpus, first(judged, args.limit))


if __name__ == "__main__":
    main()
