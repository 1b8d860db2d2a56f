"""How unsure a model was of an answer, from the log-probabilities of its tokens.

Each measure is 0 (sure) to 1 (as unsure as can be), and none grows with the answer's length:

- least confidence, `1 - P(y|x)^(1/T)`: the geometric mean of the probabilities of the T tokens that were
  written. Settles 2009, "Active Learning Literature Survey", section 2.1, with P of a sequence as in
  section 2.4, normalised by length.
- margin, `1 - mean_t (P_t(1st) - P_t(2nd))`: how near the second best token came (same section).
- entropy, `mean_t H(P_t) / log n_t`: token entropy (Settles and Craven 2008, "An Analysis of Active Learning
  Strategies for Sequence Labeling Tasks", section 3.1). A server returns the k best tokens only; what they
  leave of the probability counts as one more, so n_t is k + 1 there, and the figure is a lower bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Measure = Literal["entropy", "least_confidence", "margin"]
_ROUNDING = 1e-6


@dataclass(frozen=True)
class TokenScore:
    """One written token: its log-probability, and those of the k best at its place (natural logarithm).

    `top` may be empty or hold the written token too; with a whole vocabulary it holds that.
    """

    logprob: float
    top: tuple[float, ...] = ()


def least_confidence(tokens: Sequence[TokenScore]) -> float:
    """Return `1 - P(y|x)^(1/T)`; an answer without tokens is as unsure as can be."""
    if not tokens:
        return 1.0
    return _clip(1.0 - math.exp(sum(min(token.logprob, 0.0) for token in tokens) / len(tokens)))


def margin(tokens: Sequence[TokenScore]) -> float:
    """Return `1 - mean_t (P_t(1st) - P_t(2nd))`.

    Where only the written token is known, the second best is taken to have all that it leaves.
    """
    return _mean_over(tokens, _margin_of)


def entropy(tokens: Sequence[TokenScore]) -> float:
    """Return the mean entropy of the tokens, each relative to that of an even choice."""
    return _mean_over(tokens, _entropy_of)


MEASURES: dict[Measure, Callable[[Sequence[TokenScore]], float]] = {
    "entropy": entropy,
    "least_confidence": least_confidence,
    "margin": margin,
}


def _margin_of(token: TokenScore) -> float:
    best = sorted(_probabilities(token), reverse=True)
    return 1.0 - (best[0] - (best[1] if len(best) > 1 else 0.0))


def _entropy_of(token: TokenScore) -> float:
    shares = _probabilities(token)
    if len(shares) < 2:
        return 0.0
    return -sum(share * math.log(share) for share in shares if share > 0.0) / math.log(len(shares))


def _probabilities(token: TokenScore) -> list[float]:
    """Return the probabilities that are known, and what they leave as one more where it is anything."""
    known = token.top if token.top else (token.logprob,)
    shares = [math.exp(min(value, 0.0)) for value in known]
    rest = 1.0 - sum(shares)
    if rest > _ROUNDING:
        return [*shares, rest]
    total = sum(shares)
    return [share / total for share in shares]


def _mean_over(tokens: Sequence[TokenScore], measure: Callable[[TokenScore], float]) -> float:
    if not tokens:
        return 1.0
    return _clip(sum(map(measure, tokens)) / len(tokens))


def _clip(value: float) -> float:
    return min(max(value, 0.0), 1.0)
