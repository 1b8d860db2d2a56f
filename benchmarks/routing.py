"""Routing accuracy on the suite `routing` of evals, by rules alone and with embeddings, with every error.

    python -m benchmarks.routing [FILE.jsonl] [--mode rules|embedding|both] [--json] [--errors]

The file's questions were fixed before the router was tuned. Lines are `{id, action, question,
paraphrases, context: {images, image_kind, collections, profile}}`; the paraphrases are scored.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from typing import Any

from agents.router import ACTIONS, Router
from benchmarks.common import measure_routers, router_options
from evals.suites.routing import FILE, context_of


def score(rows: list[dict[str, Any]], router: Router) -> dict[str, Any]:
    """Route every paraphrase; return accuracy, accuracy by action, confusions and errors."""
    confusion: Counter[tuple[str, str]] = Counter()
    errors = []
    for row in rows:
        for text in row["paraphrases"]:
            route = router.route(text, context_of(row))
            confusion[row["action"], route.action] += 1
            if route.action != row["action"]:
                top = {name: round(value, 2) for name, value in list(route.scores.items())[:3]}
                errors.append({"id": row["id"], "question": text, "scores": top})
    total = sum(confusion.values())
    right = sum(count for (gold, got), count in confusion.items() if gold == got)
    golds = Counter(gold for gold, _ in confusion.elements())
    by_action = {action: confusion[action, action] / max(1, golds[action]) for action in ACTIONS}
    wrong = {f"{gold} -> {got}": n for (gold, got), n in confusion.most_common() if gold != got}
    return {
        "strings": total,
        "accuracy": right / total,
        "by_action": by_action,
        "confusions": wrong,
        "errors": errors,
    }


def show(name: str, result: dict[str, Any], *, errors: bool) -> None:
    """Print one router's figures for people."""
    print(f"{name}: {result['accuracy']:.1%} of {result['strings']} paraphrases")
    for action, value in result["by_action"].items():
        print(f"  {action:15s} {value:.0%}")
    for confusion, count in result["confusions"].items():
        print(f"    {confusion}: {count}")
    if errors:
        for error in result["errors"]:
            print("   ", json.dumps(error))


def main() -> None:
    """Print the figures for the modes asked for."""
    parser = router_options(__doc__, FILE)
    parser.add_argument("--errors", action="store_true", help="print every wrong string")
    args = parser.parse_args()
    measure_routers(args, score, partial(show, errors=args.errors))


if __name__ == "__main__":
    main()
