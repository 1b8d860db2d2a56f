"""The action trace of a run: what the agent did, in what order, with which arguments."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from core.contracts import RunResult


def action_trace(result: RunResult, names: Mapping[str, str]) -> dict[str, Any]:
    """Return nodes, tools and arguments of a run, as JSON that two runs can be compared by.

    Args:
        result: The run.
        names: Hashes of images and names of collections, to what they are called in every run.
    """
    nodes: list[str] = []
    for node, group in groupby(result.steps, key=lambda step: step.node):
        # Calls that run side by side end in any order.
        nodes += sorted(f"{node} {step.tool}".strip() for step in group)
    calls = [
        {
            "id": item.id,
            "question": item.question,
            "tool": item.tool,
            "status": item.status,
            "depends_on": list(item.depends_on),
            "args": _named(item.args, names),
        }
        for item in result.plan
    ]
    return {"nodes": nodes, "calls": calls, "asked": result.status == "input_required"}


def _named(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, Mapping):
        return {key: _named(one, names) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_named(one, names) for one in value]
    return value


def first_difference(clean: Mapping[str, Any], attacked: Mapping[str, Any]) -> str:
    """Return where two traces part, in words; empty where they are equal."""
    for part in ("asked", "nodes", "calls"):
        if clean[part] != attacked[part]:
            return f"{part}: {clean[part]} became {attacked[part]}"[:600]
    return ""
