"""When a slice of a run ends, and who is told how far it is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Progress = Callable[[int, int, dict[str, Any]], None]
"""Told after each step: steps done, steps in all, the log's line."""


@dataclass
class Limits:
    """When a slice of a run stops by itself, cleanly and with a checkpoint."""

    max_seconds: float = math.inf
    stop: Callable[[], bool] = field(default=lambda: False)
    until: float = math.inf
    """Stop after this step."""
    started: float = field(default_factory=time.monotonic)

    def reached(self, step: int) -> bool:
        """Whether to stop after this step."""
        return step >= self.until or self.stop() or time.monotonic() - self.started >= self.max_seconds
