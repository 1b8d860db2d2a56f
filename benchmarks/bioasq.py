"""BioASQ's development questions over their snippets as a corpus, each leg and step in the same run.

A question should find the snippets that experts marked for it, among those of all questions (with --limit,
of the first questions: a smaller corpus, so compare figures of one run only). The token encoder was trained
on four of five questions: `--held-out` measures the fifth, over the same corpus.

    python -m benchmarks.bioasq [--data ../shared/data] [--home DIR] [--limit N] [--held-out] [-o FILE]
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.ranking import Judged
from benchmarks.retrieval import arguments, first, run
from benchmarks.token_pairs import held_out
from evals.suites.passages import bioasq_records
from evals.suites.rows import json_lines

_NAME = "bioasq-dev"


def read_bioasq(folder: Path) -> tuple[list[dict[str, Any]], Judged]:
    """Return the snippets as records of an index, and the questions with their snippets."""
    corpus, relevant = bioasq_records(folder)
    return corpus, Judged({row["id"]: row["question"] for row in json_lines(folder / "dev.jsonl")}, relevant)


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = arguments(__doc__, "vidence-bench-retrieval")
    parser.add_argument("--held-out", action="store_true", help="only questions that nothing was trained on")
    args = parser.parse_args()
    corpus, judged = read_bioasq(args.data / "bioasq")
    judged = first(judged, args.limit)
    asked_for = set().union(*judged.relevant.values())
    corpus = [record for record in corpus if record["id"] in asked_for]
    if args.held_out:
        kept = {id_: ids for id_, ids in judged.relevant.items() if held_out(id_)}
        judged = Judged(judged.queries, kept)
    figures = run(args, _NAME, corpus, judged)
    best, vectors, words = (figures[step]["ndcg@10"] for step in ("re-ranked", "vectors", "words"))
    print(f"above the vectors: {best / vectors - 1:+.1%}; above the words: {best / words - 1:+.1%}")


if __name__ == "__main__":
    main()
