"""What a busy process leaves out, in which order: re-ranking, then extra candidates, never a check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Part = Literal["reranking", "candidates"]
SHED: tuple[Part, ...] = ("reranking", "candidates")
"""In the order in which they go. What checks an answer is not among them, and cannot be."""
Pressure = Callable[[], int]
"""How busy the process is: 0 for nothing left out, 1 for the first part of `SHED`, 2 for both."""
FEW_CANDIDATES = 2
"""Candidate answers a need that are left of six when extra ones are shed."""


def at_ease() -> int:
    """Return the pressure of a process that serves one user: none."""
    return 0


def left_out(level: int) -> frozenset[Part]:
    """Return what a level of pressure leaves out."""
    return frozenset(SHED[: max(0, level)])
