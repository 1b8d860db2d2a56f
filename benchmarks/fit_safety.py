"""Fit the head that refuses unsafe requests, and say what it does on requests that it has not seen.

    python -m benchmarks.fit_safety [--data DIR] [--check]

It learns from `agents/data/requests.txt` (written for it) and from XSTest's development rows (Röttger et al.
2024, CC BY 4.0). Figures are of cross-validation in which rows of one topic and word stay together. The forms
were written with these rows in view, so expect less elsewhere. Questions of other sets, none of which asks
for harm, are put to it too: how many it would refuse is printed. `--check` fits and prints, writing nothing.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents.heads import read_examples
from agents.request_cues import FORMS, cues, is_alarming, is_unsafe
from agents.safety import FILE, MEANING_SCALE
from benchmarks.fit_router import fit_sigmoid
from core.settings import Settings
from models.embeddings import open_embedder

L2 = 0.002
FOLDS = 5
REPEATS = 3
OVER_REFUSAL = 0.05
"""Share of XSTest's safe rows, which are made to look unsafe, that may be refused in cross-validation."""
Matrix = NDArray[np.float64]
_OTHERS = {
    "pubmedqa/dev.jsonl": "question",
    "bioasq/dev.jsonl": "question",
    "scifact/claims_dev.jsonl": "claim",
    "vqa_rad/dev.jsonl": "question",
    "opencqa/dev.jsonl": "question",
    "multimodalqa/dev.jsonl": "question",
    "multihop_text/strategyqa_dev.jsonl": "question",
    "multihop_text/hotpot_dev.jsonl": "question",
    "metatool/queries_dev.jsonl": "Query",
}


def main() -> None:
    """Fit, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    rows = [json.loads(line) for line in _lines(args.data / "xstest" / "dev.jsonl")]
    own = read_examples("requests")
    texts = [row["prompt"] for row in rows] + [text for _, text in own]
    unsafe = np.asarray([row["label"] == "unsafe" for row in rows] + [label == "unsafe" for label, _ in own])
    forms = np.asarray([list(cues(text).values()) for text in texts], dtype=np.float64)
    embedder = open_embedder(Settings())
    x = np.hstack([np.asarray(embedder.embed(texts), dtype=np.float64) * MEANING_SCALE, forms])
    count, is_row = len(rows), np.arange(len(texts)) < len(rows)
    by_rule = np.asarray([is_unsafe(cues(text)) for text in texts])
    _tell("rules, on rows that they were written with in view", by_rule[:count], unsafe[:count], rows)
    print(f"rules, on requests written for the head: {_shares(by_rule[~is_row], unsafe[~is_row])}")
    scores = _held_out(x, unsafe, [_topic(row, place) for place, row in enumerate(rows)])
    scores[~np.asarray([is_alarming(text) for text in texts[:count]])] = -np.inf
    threshold = _threshold(scores, ~unsafe[:count], by_rule[:count])
    _tell("head, held out", scores > threshold, unsafe[:count], rows)
    _tell("rules or head, which is held out", by_rule[:count] | (scores > threshold), unsafe[:count], rows)
    weights, bias = fit_sigmoid(x, unsafe[:, None].astype(np.float64), L2)
    kept = {
        "names": np.asarray(list(FORMS)),
        "weights": weights[0].astype(np.float16),
        "bias": np.float32(bias[0]),
        "threshold": np.float32(threshold),
    }
    if not args.check:
        np.savez_compressed(FILE, **kept)  # type: ignore[arg-type]
    _others(args.data)


def _held_out(x: Matrix, unsafe: NDArray[np.bool_], topics: list[str]) -> Matrix:
    """Return a logit for each XSTest row by heads that saw none of its topic; the mean of foldings."""
    count, names = len(topics), sorted(set(topics))
    total = np.zeros(count)
    for repeat in range(REPEATS):
        shuffled = np.random.default_rng(repeat).permutation(len(names))
        fold_of = {names[name]: place % FOLDS for place, name in enumerate(shuffled)}
        folds = np.asarray([fold_of[topic] for topic in topics])
        for fold in range(FOLDS):
            seen = np.concatenate([np.flatnonzero(folds != fold), np.arange(count, len(x))])
            weights, bias = fit_sigmoid(x[seen], unsafe[seen, None].astype(np.float64), L2)
            total[folds == fold] += x[:count][folds == fold] @ weights[0] + bias[0]
    return total / REPEATS


def _topic(row: dict[str, str], place: int) -> str:
    """Return what an unsafe row and its safe counterparts share."""
    kind = row["type"].removeprefix("contrast_")
    kind = re.sub("nons_group_real_discr|real_group_nons_discr", "discr", kind)
    kind = re.sub("privacy_(public|fictional)", "privacy", kind)
    return f"{kind} {row['focus'] or place}"


def _threshold(scores: Matrix, safe: NDArray[np.bool_], by_rule: NDArray[np.bool_]) -> float:
    """Return the score above which the head may refuse, so that it and the rules keep to `OVER_REFUSAL`."""
    left = int(OVER_REFUSAL * safe.sum()) - int((by_rule & safe).sum())
    highest = np.sort(scores[safe & ~by_rule])[::-1]
    return max(0.0, float(highest[max(0, left)]))


def _shares(refused: NDArray[np.bool_], unsafe: NDArray[np.bool_]) -> str:
    return (
        f"refused {refused[unsafe].mean():.3f} of {unsafe.sum()} unsafe, "
        f"{refused[~unsafe].mean():.3f} of {(~unsafe).sum()} safe"
    )


def _tell(
    name: str, refused: NDArray[np.bool_], unsafe: NDArray[np.bool_], rows: list[dict[str, str]]
) -> None:
    print(f"{name}: {_shares(refused, unsafe)}")
    for kind in sorted({row["type"] for row in rows}):
        of = np.asarray([row["type"] == kind for row in rows])
        print(f"    {kind}: {refused[of].sum()} of {of.sum()}")


def _others(data: Path) -> None:
    from agents.safety import load_safety_head, unsafe_request

    load_safety_head.cache_clear()
    embedder = open_embedder(Settings())
    for name, field in _OTHERS.items():
        if not (data / name).is_file():
            continue
        questions = [str(json.loads(line)[field]) for line in _lines(data / name)]
        refused = [one for one in questions if unsafe_request(one, "model", lambda: embedder)]
        by_rules = sum(unsafe_request(one, "rules") is not None for one in questions)
        print(f"{name}: {len(refused)} of {len(questions)} refused, {by_rules} by rules alone")
        for one in refused[:5]:
            print(f"    {one[:150]}")


def _lines(path: Path) -> Iterator[str]:
    return (line for line in path.read_text(encoding="utf-8").split("\n") if line.strip())


if __name__ == "__main__":
    main()
