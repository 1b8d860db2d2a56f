"""What recorded runs say of each tool: how often its calls succeeded and how long they took.

The success rate is the mean of a Beta distribution whose prior stands for `_PRIOR_CALLS` calls at the rate
`_PRIOR_RATE`: a tool that was never called, or only twice, is neither favoured nor punished.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any

_PRIOR_RATE = 0.9
_PRIOR_CALLS = 10.0
SUCCESS_WEIGHT = 1.0
COST_WEIGHT = 0.05
"""In standard deviations of the fused score: a tool that always fails loses at most 0.9 of one, and each
doubling of the mean time above one second costs a twentieth. Close calls are decided, clear ones are not."""
_RECENT_RUNS = 500


@dataclass(frozen=True)
class Record:
    """Calls of one tool. `seconds` is their mean wall time."""

    calls: int = 0
    successes: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """The smoothed success rate, in 0 to 1."""
        return (self.successes + _PRIOR_RATE * _PRIOR_CALLS) / (self.calls + _PRIOR_CALLS)

    @property
    def adjustment(self) -> float:
        """What is added to a tool's score: nothing for a tool without a record."""
        if not self.calls:
            return 0.0
        weight = self.calls / (self.calls + _PRIOR_CALLS)
        cost = log2(max(1.0, self.seconds)) * weight
        return SUCCESS_WEIGHT * (self.rate - _PRIOR_RATE) - COST_WEIGHT * cost


def read_records(path: Path) -> dict[str, Record]:
    """Return the record of each tool in the newest runs of a run store; empty when there is no store yet.

    A call that ended in a typed error counts as failed, unless the question was at fault (`invalid_input`).
    """
    if not path.is_file():
        return {}
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0)
    try:
        rows = connection.execute(
            "SELECT body FROM runs ORDER BY rowid DESC LIMIT ?", (_RECENT_RUNS,)
        ).fetchall()
    except sqlite3.Error:
        return {}
    finally:
        connection.close()
    return _records(json.loads(body).get("steps", []) for (body,) in rows)


def _records(runs: Iterable[list[dict[str, Any]]]) -> dict[str, Record]:
    counted: dict[str, list[float]] = {}
    for steps in runs:
        for step in steps:
            if step.get("node") != "act" or not step.get("tool") or step.get("error_kind") == "invalid_input":
                continue
            held = counted.setdefault(step["tool"], [0, 0, 0.0])
            held[0] += 1
            held[1] += bool(step.get("ok"))
            held[2] += float(step.get("ms") or 0.0) / 1000
    return {
        tool: Record(int(calls), int(good), seconds / calls)
        for tool, (calls, good, seconds) in counted.items()
    }


def adjustments(records: Mapping[str, Record]) -> dict[str, float]:
    """Return what to add to the score of each recorded tool."""
    return {name: record.adjustment for name, record in records.items()}
