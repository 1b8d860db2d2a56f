"""The evidence of a sub-question or a run, read back from the journal of the run store."""

from __future__ import annotations

from collections.abc import Iterable

from core.contracts import Evidence, SubQuestion, merge_by_id
from core.run_store import RunStore, journal_key


async def evidence_of(store: RunStore, run_id: str, items: Iterable[SubQuestion]) -> list[Evidence]:
    """Return the merged evidence of these sub-questions, each piece once."""
    merged: list[Evidence] = []
    for item in items:
        if not item.tool:
            continue
        result = await store.journal_get(run_id, journal_key(item.id, item.tool, item.args))
        if result is not None:
            merged = merge_by_id(merged, result.evidence)
    return merged
