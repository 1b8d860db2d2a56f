"""Fit the router's heads on the self-written examples in `agents/data/` and report cross-validation.

    python -m benchmarks.fit_router [--check]

`--check` only cross-validates. No benchmark question and no public data set is read.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agents.cues import CUES, MODALITY_CUES, Cue
from agents.heads import HEADS_FILE, MODEL, feature_row, read_examples
from core.settings import Settings
from models.embeddings import open_embedder

Matrix: TypeAlias = NDArray[np.float64]
Embed: TypeAlias = Callable[[list[str]], NDArray[np.float32]]

L2_INTENT = 0.0015
L2_MODALITY = 0.002
STEPS = 600
FOLDS = 5


def fit_softmax(x: Matrix, y: Matrix, l2: float) -> tuple[Matrix, Matrix]:
    """Fit multinomial logistic regression. `y` is one-hot, shape (n, labels)."""
    return _fit(x, y, l2, _softmax)


def fit_sigmoid(x: Matrix, y: Matrix, l2: float) -> tuple[Matrix, Matrix]:
    """Fit one logistic regression a label. `y` is 0 or 1, shape (n, labels)."""
    return _fit(x, y, l2, _sigmoid)


def _softmax(z: Matrix) -> Matrix:
    grown = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True), dtype=np.float64)


def _sigmoid(z: Matrix) -> Matrix:
    return np.asarray(1.0 / (1.0 + np.exp(-z)), dtype=np.float64)


def _fit(x: Matrix, y: Matrix, l2: float, link: Callable[[Matrix], Matrix]) -> tuple[Matrix, Matrix]:
    """Full-batch Adam from zero: convex, so where it starts does not matter."""
    design = np.hstack([x, np.ones((len(x), 1))])
    weights = np.zeros((y.shape[1], design.shape[1]))
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    penalty = np.full(design.shape[1], l2)
    penalty[-1] = 0.0
    for step in range(1, STEPS + 1):
        gradient = (link(design @ weights.T) - y).T @ design / len(x) + penalty * weights
        first += 0.1 * (gradient - first)
        second += 0.001 * (gradient**2 - second)
        weights -= 0.1 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return weights[:, :-1], weights[:, -1]


def intent_data(embed: Embed) -> tuple[Matrix, Matrix, list[str]]:
    """Return features, one-hot labels and the label names of the intents."""
    pairs = read_examples("intents")
    labels = list(dict.fromkeys(label for label, _ in pairs))
    y = np.asarray([[name == label for name in labels] for label, _ in pairs], dtype=np.float64)
    return _features(pairs, embed, CUES), y, labels


def modality_data(embed: Embed) -> tuple[Matrix, Matrix, list[str]]:
    """Return features, multi-hot labels and the label names of the modalities."""
    pairs = read_examples("modalities")
    labels = ["text", "table", "image"]
    y = np.asarray([[name in group.split() for name in labels] for group, _ in pairs], dtype=np.float64)
    return _features(pairs, embed, MODALITY_CUES), y, labels


def _features(pairs: list[tuple[str, str]], embed: Embed, table: tuple[Cue, ...]) -> Matrix:
    texts = [text for _, text in pairs]
    rows = [feature_row(text, vector, table) for text, vector in zip(texts, embed(texts), strict=True)]
    return np.asarray(rows, dtype=np.float64)


def main() -> None:
    """Cross-validate, then fit on everything and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only cross-validate")
    args = parser.parse_args()
    embedder = open_embedder(Settings())
    if embedder.name != MODEL:
        raise SystemExit(f"The heads belong to {MODEL}; VIDENCE_EMBEDDINGS names {embedder.name}.")
    stored: dict[str, Any] = {}
    for name, (x, y, labels), fit, l2 in (
        ("intent", intent_data(embedder.embed), fit_softmax, L2_INTENT),
        ("modality", modality_data(embedder.embed), fit_sigmoid, L2_MODALITY),
    ):
        order = np.random.default_rng(0).permutation(len(x))
        right = 0
        for fold in range(FOLDS):
            held = order[fold::FOLDS]
            kept = np.setdiff1d(order, held)
            weights, bias = fit(x[kept], y[kept], l2)
            z = x[held] @ weights.T + bias
            if name == "intent":
                right += int((z.argmax(1) == y[held].argmax(1)).sum())
            else:
                right += int(((z > 0) == (y[held] > 0)).all(1).sum())
        print(f"{name}: {len(x)} examples, {FOLDS}-fold accuracy {right / len(x):.3f}")
        weights, bias = fit(x, y, l2)
        stored |= {
            f"{name}_weights": weights.astype(np.float16),
            f"{name}_bias": bias.astype(np.float32),
            f"{name}_labels": np.asarray(labels),
        }
    if not args.check:
        np.savez_compressed(HEADS_FILE, **stored)
        print(f"wrote {HEADS_FILE} ({HEADS_FILE.stat().st_size} bytes)")


if __name__ == "__main__":
    main()
