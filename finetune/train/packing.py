"""Several questions about one image in one sequence, each blind to the others.

The turns' prompts share their beginning (system text, the image's tokens); it is kept once. Each turn's rest
follows, attends to that beginning and to itself only, and counts its positions from where the beginning ends,
so that the model computes for each turn exactly what it would compute for it alone (Krell et al. 2021,
"Efficient Sequence Packing without Cross-contamination", with a shared prefix). With 49 image tokens and
short questions, eight turns cost about as much as two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Turn:
    """The tokens of one question with its answer; `answer` ends with the end-of-turn token."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]


@dataclass(frozen=True)
class PackedTurns:
    """One sequence of T tokens.

    `segments` is 0 for the shared beginning and k for turn k; `take` are positions whose output predicts the
    token in `targets`, which belongs to turn `turns` (from 0).
    """

    tokens: tuple[int, ...]
    positions: tuple[int, ...]
    segments: tuple[int, ...]
    take: tuple[int, ...]
    targets: tuple[int, ...]
    turns: tuple[int, ...]


def shared_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """Return how many first tokens all prompts share; at least one token of each is left to itself."""
    most = min(len(prompt) for prompt in prompts) - 1
    first = prompts[0]
    for at in range(most):
        if any(prompt[at] != first[at] for prompt in prompts):
            return at
    return most


def pack_turns(turns: Sequence[Turn]) -> PackedTurns:
    """Put turns into one sequence."""
    prefix = shared_prefix([turn.prompt for turn in turns])
    tokens = list(turns[0].prompt[:prefix])
    positions = list(range(prefix))
    segments = [0] * prefix
    take: list[int] = []
    targets: list[int] = []
    owners: list[int] = []
    for number, turn in enumerate(turns):
        rest = turn.prompt[prefix:]
        body = [*rest, *turn.answer[:-1]]  # the last token is only ever a target
        first = len(tokens) + len(rest) - 1
        take += range(first, first + len(turn.answer))
        targets += turn.answer
        owners += [number] * len(turn.answer)
        tokens += body
        positions += range(prefix, prefix + len(body))
        segments += [number + 1] * len(body)
    return PackedTurns(
        tuple(tokens), tuple(positions), tuple(segments), tuple(take), tuple(targets), tuple(owners)
    )


def visible(segments: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which token sees which, shape (batch, 1, T, T); padding (segment -1) sees itself only."""
    import numpy as np

    length = segments.shape[1]
    causal = np.tril(np.ones((length, length), dtype=np.bool_))
    rows, columns = segments[:, :, None], segments[:, None, :]
    same = (columns == 0) & (rows >= 0) | (columns == rows) & (rows >= 0)
    seen: NDArray[np.bool_] = (same & causal) | np.eye(length, dtype=np.bool_)
    return seen[:, None]
