"""Which kinds of source a question needs, against the gold sets of MultiModalQA or any such file.

    python -m benchmarks.modalities [FILE.jsonl] [--mode rules|embedding|both] [--json]

Lines are `{question, modalities: [text | table | image]}`. The gold set is compared as a set; the baseline is
the file's most frequent set. The data is for evaluation only: nothing is fitted on it.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from agents.router import Router
from core.settings import Settings
from models.embeddings import open_embedder

DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data" / "multimodalqa" / "dev.jsonl"


def named(kinds: frozenset[str]) -> str:
    """Write a set of modalities in one fixed order."""
    return "+".join(sorted(kinds))


def score(rows: list[dict[str, Any]], router: Router) -> dict[str, Any]:
    """Compare predicted with gold sets; return accuracy, the majority baseline and figures by set."""
    pairs = [(named(frozenset(row["modalities"])), named(router.modalities(row["question"]))) for row in rows]
    golds, got = Counter(gold for gold, _ in pairs), Counter(pred for _, pred in pairs)
    right = Counter(gold for gold, pred in pairs if gold == pred)
    accuracy, majority = sum(right.values()) / len(pairs), golds.most_common(1)[0][1] / len(pairs)
    return {
        "questions": len(pairs),
        "accuracy": accuracy,
        "majority": majority,
        "over_majority": accuracy - majority,
        "by_set": {
            gold: {"n": count, "recall": right[gold] / count, "predicted": got[gold]}
            for gold, count in golds.most_common()
        },
        "confusions": {
            f"{gold} -> {pred}": count for (gold, pred), count in Counter(pairs).most_common() if gold != pred
        },
    }


def main() -> None:
    """Print the figures for the modes asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--mode", choices=("rules", "embedding", "both"), default="both")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = [json.loads(line) for line in args.file.read_text().split("\n") if line.strip()]
    embedder = open_embedder(Settings())
    routers = {"rules": Router(), "embedding": Router(lambda: embedder)}
    wanted = routers if args.mode == "both" else {args.mode: routers[args.mode]}
    results = {name: score(rows, router) for name, router in wanted.items()}
    if args.json:
        print(json.dumps(results))
        return
    for name, result in results.items():
        print(
            f"{name}: {result['accuracy']:.1%} of {result['questions']} (majority {result['majority']:.1%}, "
            f"{100 * result['over_majority']:+.1f} points)"
        )
        for kinds, figures in result["by_set"].items():
            print(
                f"  {kinds:12s} n={figures['n']:4d} recall {figures['recall']:.0%} "
                f"predicted {figures['predicted']}"
            )
        for confusion, count in list(result["confusions"].items())[:10]:
            print(f"    {confusion}: {count}")


if __name__ == "__main__":
    main()
