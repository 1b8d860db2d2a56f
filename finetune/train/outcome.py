"""How a run, or a slice of one, ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Outcome:
    """How a run, or a slice of it, ended; `phases` are steps by name, `data` rows and version by name."""

    run: str
    folder: Path
    status: Literal["finished", "paused", "planned"]
    config_sha256: str
    step: int
    steps: int
    metrics: dict[str, float] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    phases: dict[str, int] = field(default_factory=dict)
    skipped: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**self.__dict__, "folder": str(self.folder)}
