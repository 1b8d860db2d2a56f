"""Small linear heads over a sentence embedding and cue features; fitted once, shipped as one file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from agents.cues import CUES, MODALITY_CUES, Cue, features

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Label = TypeVar("Label", bound=str)
DATA = Path(__file__).parent / "data"
HEADS_FILE = DATA / "heads.npz"
MODEL = "all-MiniLM-L6-v2"
"""The embedding model that the shipped heads were fitted on; with another one the rules decide."""
CUE_SCALE = 0.3
"""A cue is 0 or 1 while an embedding's 384 entries are near 0.05; this brings them to one scale."""


@dataclass(frozen=True)
class Head:
    """Labels with a weight matrix, shape (labels, features), and a bias, shape (labels,)."""

    labels: tuple[str, ...]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def logits(self, row: NDArray[np.float32]) -> dict[str, float]:
        """Return one logit a label for a feature row, shape (features,)."""
        values = self.weights @ row + self.bias
        return dict(zip(self.labels, map(float, values), strict=True))


def softmax(logits: Mapping[Label, float]) -> dict[Label, float]:
    """Return the probabilities of labels; a logit may be minus infinity, not all of them."""
    top = max(logits.values())
    total = sum(math.exp(value - top) for value in logits.values())
    return {label: math.exp(value - top) / total for label, value in logits.items()}


def feature_row(question: str, embedding: NDArray[np.float32], table: tuple[Cue, ...]) -> NDArray[np.float32]:
    """Return the embedding with the scaled cues behind it, shape (dim + cues,)."""
    import numpy as np

    cues = np.asarray(features(question, table), dtype=np.float32) * CUE_SCALE
    return np.concatenate([embedding.astype(np.float32), cues])


@cache
def load_heads() -> dict[str, Head]:
    """Read the shipped heads: `intent` (softmax) and `modality` (one sigmoid a label)."""
    import numpy as np

    tables = {"intent": CUES, "modality": MODALITY_CUES}
    with np.load(HEADS_FILE, allow_pickle=False) as stored:
        return {name: _dequantised(stored, name, len(table)) for name, table in tables.items()}


def _dequantised(stored: dict[str, NDArray[np.float32]], name: str, cues: int) -> Head:
    import numpy as np

    weights = stored[f"{name}_weights"].astype(np.float32)
    expected = 384 + cues
    if weights.shape[1] != expected:
        raise ValueError(
            f"{HEADS_FILE.name}: head `{name}` has {weights.shape[1]} features, the cues make {expected}; "
            "fit it again with `python -m benchmarks.fit_router`"
        )
    labels = tuple(str(label) for label in stored[f"{name}_labels"])
    return Head(labels, weights, stored[f"{name}_bias"].astype(np.float32))


def read_examples(name: str) -> list[tuple[str, str]]:
    """Return (label, question) pairs of `data/NAME.txt`: sections `[label]`, one question a line."""
    label = ""
    pairs: list[tuple[str, str]] = []
    for line in (DATA / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if text.startswith("[") and text.endswith("]"):
            label = text[1:-1]
        elif text and not text.startswith("#"):
            pairs.append((label, text))
    return pairs
