"""A step as the state of a run holds it: the fields of `core.contracts.StepRecord`, as JSON."""

from __future__ import annotations

from typing import Any

from core.errors import ErrorKind


def step(node: str, tool: str = "", *, ms: float = 0.0, error: ErrorKind | None = None) -> dict[str, Any]:
    """Return the record of a step that ended well, or with an error; `ms` is wall time in milliseconds."""
    return {"node": node, "tool": tool, "ms": ms, "ok": error is None, "error_kind": error}
