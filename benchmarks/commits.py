"""Which files a commit changed, from its subject alone, over the source of a package.

    python -m benchmarks.commits [--source DIR/transformers] [--data ../shared/data] [--home DIR] [-o FILE]

The source is indexed as `vidence index add DIR --kind code` does (once; a second run adds nothing), and each
subject is searched as `vidence search --queries` does. In the same run: BM25 over the files' text. Gold paths
begin with `src/transformers/`; those that the package no longer has are left out and counted. Commits whose
subject names one of their files are reported apart. Tests and documentation are not in the package.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import add_data_option, add_output_options, print_figures
from benchmarks.package_source import add_source_option, package_source
from core.settings import Settings
from evals.metrics.averages import mean_of
from evals.metrics.ranking import recall_at_k
from evals.suites.code import names_file, package_files
from evals.suites.rows import json_lines
from knowledge import sparse
from knowledge.code.version import version_of
from knowledge.collections import Collections
from models.embeddings import open_embedder

_NAME = "package"
_K = 10
_LATENCY = 50


def gold_files(row: Mapping[str, Any], held: set[str]) -> tuple[set[str], int]:
    """Return the files of a commit that the package still has, and how many there were."""
    named = package_files(row)
    return named & held, len(named)


def over_text(collections: Collections, folder: Path) -> Callable[[str], list[str]]:
    """Return a search by BM25 over whole files' text, the baseline."""
    import numpy as np

    leg = collections.code(_NAME)
    assert leg is not None
    files = leg.index.files()
    sparse.build(folder, ((place, leg.text_of(source)) for place, (source, _, _) in enumerate(files)))
    index = sparse.SparseLeg(folder)

    def search(query: str) -> list[str]:
        scores, _ = index.scores(query)
        return [files[place][1] for place in np.argsort(-scores, kind="stable")[:_K] if scores[place] > 0]

    return search


def figures(
    rows: Sequence[tuple[str, set[str]]], ranked: Mapping[str, Sequence[str]]
) -> dict[str, float | int]:
    """Return mean recall@10 over all rows, those that name a file, and the rest."""
    groups = {
        "all": list(rows),
        "naming_a_file": [row for row in rows if names_file(*row)],
        "not_naming": [row for row in rows if not names_file(*row)],
    }
    found: dict[str, float | int] = {}
    for name, group in groups.items():
        found[f"{name}_rows"] = len(group)
        if group:
            shares = [recall_at_k(ranked[subject], gold, _K) for subject, gold in group]
            found[f"{name}_recall@10"] = round(mean_of(shares) or 0.0, 4)
    return found


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add_source_option(parser)
    add_data_option(parser)
    parser.add_argument("--home", type=Path, default=Path(tempfile.gettempdir()) / "vidence-bench-code")
    add_output_options(parser)
    args = parser.parse_args()
    settings = Settings(home=args.home)
    embedder = open_embedder(settings)
    collections = Collections(settings.root / "collections", lambda: embedder)
    begun = time.perf_counter()
    report = collections.add(_NAME, [package_source(args.source)], kind="code")
    leg = collections.code(_NAME)
    assert leg is not None
    files = {doc_id: source for source, doc_id, _ in leg.index.files()}
    result: dict[str, Any] = {
        "source": version_of(Path(next(iter(files.values())))),
        "files": len(files),
        "pieces": report.chunks,
        "added": report.added,
        "add_s": round(time.perf_counter() - begun, 1),
        "bytes": collections.describe()[0].bytes,
    }
    read = json_lines(args.data / "transformers_corpus" / "commit_to_file_dev.jsonl")
    gold = [(row["query"], *gold_files(row, set(files))) for row in read]
    rows = [(subject, held) for subject, held, _ in gold if held]
    result |= {
        "commits": len(read),
        "commits_scored": len(rows),
        "gold_files": sum(total for _, _, total in gold),
        "gold_files_still_there": sum(len(held) for _, held, _ in gold),
    }
    subjects = [subject for subject, _ in rows]
    found = collections.search_many(_NAME, subjects, _K, by_document=True)
    result["vidence"] = figures(
        rows, {s: [h.doc_id for h in hits] for s, hits in zip(subjects, found, strict=True)}
    )
    plain = collections.search_many(_NAME, subjects, _K, by_document=True, rerank=False)
    result["best_piece_of_each_file"] = figures(
        rows, {s: [h.doc_id for h in hits] for s, hits in zip(subjects, plain, strict=True)}
    )
    with tempfile.TemporaryDirectory() as folder:
        baseline = over_text(collections, Path(folder) / "bm25")
        result["bm25_over_text"] = figures(rows, {subject: baseline(subject) for subject in subjects})
    times = []
    for subject in subjects[:_LATENCY]:
        start = time.perf_counter()
        collections.search_many(_NAME, [subject], _K, by_document=True)
        times.append((time.perf_counter() - start) * 1000)
    result["p50_ms"] = round(sorted(times)[len(times) // 2], 1)
    collections.close()
    print_figures(result, args.output)


if __name__ == "__main__":
    main()
