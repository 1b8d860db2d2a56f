"""The filter before a run: requests to do harm are refused, questions about harm are not.

Forms that can be read (`agents.request_cues`) say what is done to whom. A request in which none of them is
alarming is never refused, and nothing else is computed for it. Some suffice together. For the rest a linear
head weighs all forms and the sentence's meaning, where the text model is at hand. It is fitted, and what it
misses is said, by `python -m benchmarks.fit_safety`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from agents.heads import DATA, MODEL
from agents.request_cues import FORMS, cues, is_alarming, is_unsafe
from core.contracts import Blocked
from core.errors import VidenceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.embeddings import Embedder

Level = Literal["off", "rules", "model"]
FILE: Path = DATA / "safety.npz"
MEANING_SCALE = 3.0
"""An embedding's 384 entries are near 0.05, a form is 0 or 1; this brings them to one scale."""
_LONGEST = 2_000
"""Characters of a request that are looked at from its start, and as many from its end."""


class SafetyHead(NamedTuple):
    """Weights over features, a bias, and the logit above which a request is refused."""

    weights: NDArray[np.float32]
    bias: float
    threshold: float

    def refuses(self, row: NDArray[np.float32]) -> bool:
        """Whether a row of features, shape (features,), is over the threshold."""
        return float(self.weights @ row) + self.bias > self.threshold


def unsafe_request(
    request: str, level: Level, embedder: Callable[[], Embedder] | None = None
) -> Blocked | None:
    """Return why a request is refused, or None. Blocking where it has to be embedded: a few milliseconds.

    Args:
        request: The question, or a prompt to a served model.
        level: `off`, `rules` (forms alone) or `model` (also the head).
        embedder: Opens the text model. Without the one that the head was fitted on, rules decide.
    """
    text = request if len(request) <= 2 * _LONGEST else f"{request[:_LONGEST]} … {request[-_LONGEST:]}"
    if level == "off" or not is_alarming(text):
        return None
    found = cues(text)
    if not is_unsafe(found) and not (level == "model" and _head_refuses(text, found, embedder)):
        return None
    return Blocked(
        kind="unsafe_request",
        message="The request asks for help to do harm, or for what is somebody's own affair",
        help="Ask about what an image or a document shows; if this is a mistake, say what it is for.",
    )


def _head_refuses(text: str, found: dict[str, bool], embedder: Callable[[], Embedder] | None) -> bool:
    if embedder is None:
        return False
    import numpy as np

    try:
        opened = embedder()
    except VidenceError:
        return False  # the package is not there: rules decide
    # The head was fitted on one model's vectors; another model's would be noise to it.
    if opened.name != MODEL:
        return False
    row = np.concatenate([opened.embed([text])[0] * MEANING_SCALE, list(found.values())])
    return load_safety_head().refuses(row.astype(np.float32))


@cache
def load_safety_head() -> SafetyHead:
    """Read the shipped head, over an embedding and the forms of `agents.request_cues`."""
    import numpy as np

    with np.load(FILE, allow_pickle=False) as stored:
        if stored["names"].tolist() != list(FORMS):
            raise ValueError(f"{FILE.name} was fitted on other forms: run `python -m benchmarks.fit_safety`")
        weights = stored["weights"].astype(np.float32)
        return SafetyHead(weights, float(stored["bias"]), float(stored["threshold"]))
