"""Which kinds of source a question needs, against the gold sets of MultiModalQA or any such file.

    python -m benchmarks.modalities [FILE.jsonl] [--mode rules|embedding|both] [--json]

Lines are `{question, modalities: [text | table | image]}`. The gold set is compared as a set; the baseline is
the file's most frequent set. The data is for evaluation only: nothing is fitted on it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from agents.router import Router
from benchmarks.common import data_folder, measure_routers, router_options

DEFAULT = data_folder() / "multimodalqa" / "dev.jsonl"


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


def show(name: str, result: dict[str, Any]) -> None:
    """Print one router's figures for people."""
    print(
        f"{name}: {result['accuracy']:.1%} of {result['questions']} (majority {result['majority']:.1%}, "
        f"{100 * result['over_majority']:+.1f} points)"
    )
    for kinds, figures in result["by_set"].items():
        told = f"recall {figures['recall']:.0%} predicted {figures['predicted']}"
        print(f"  {kinds:12s} n={figures['n']:4d} {told}")
    for confusion, count in list(result["confusions"].items())[:10]:
        print(f"    {confusion}: {count}")


def main() -> None:
    """Print the figures for the modes asked for."""
    measure_routers(router_options(__doc__, DEFAULT).parse_args(), score, show)


if __name__ == "__main__":
    main()
