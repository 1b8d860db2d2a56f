"""Both run stores keep the same promises; the journal survives the process that wrote it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.contracts import Evidence, ToolResult
from core.run_store import RECENT_CALLS, MemoryRunStore, RunStore, SqliteRunStore, journal_key


def result(text: str = "a") -> ToolResult:
    return ToolResult(evidence=(Evidence(kind="passage", source="s", content=text),))


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> MemoryRunStore | SqliteRunStore:
    return MemoryRunStore() if request.param == "memory" else SqliteRunStore(tmp_path / "runs.db")


@pytest.mark.parametrize("begun", [True, False])
async def test_a_journalled_result_comes_back_and_an_unknown_key_does_not(
    store: RunStore, begun: bool
) -> None:
    if begun:
        store.begin("r")
    assert await store.journal_get("r", "k") is None
    await store.journal_put("r", "k", "tool", result())
    assert await store.journal_get("r", "k") == result()
    assert await store.journal_get("other", "k") is None


async def test_evidence_belongs_to_its_run_and_keeps_the_asked_order(store: RunStore) -> None:
    items = [*result("a").evidence, *result("b").evidence]
    await store.put_evidence("r", items)
    ids = [items[1].id, "unknown", items[0].id]
    assert await store.get_evidence("r", ids) == [items[1], items[0]]
    assert await store.get_evidence("other", ids) == []


async def test_many_calls_are_all_found_again(store: RunStore) -> None:
    store.begin("r")
    for place in range(RECENT_CALLS + 5):
        await store.journal_put("r", f"k{place}", "tool", result(str(place)))
    assert await store.journal_get("r", "k0") == result("0")
    first = result("0").evidence[0]
    assert await store.get_evidence("r", [first.id]) == [first]


async def test_the_journal_survives_the_process_that_wrote_it(tmp_path: Path) -> None:
    first = SqliteRunStore(tmp_path / "runs.db")
    first.begin("r")
    await first.journal_put("r", "k", "tool", result())
    await asyncio.to_thread(first.close)
    second = SqliteRunStore(tmp_path / "runs.db")
    assert await second.journal_get("r", "k") == result()
    assert await asyncio.to_thread(second.journalled_calls, "r") == ["tool"]


async def test_the_first_journalled_result_stays(tmp_path: Path) -> None:
    store = SqliteRunStore(tmp_path / "runs.db")
    await store.journal_put("r", "k", "tool", result("first"))
    await store.journal_put("r", "k", "tool", result("second"))
    again = SqliteRunStore(tmp_path / "runs.db")
    assert await again.journal_get("r", "k") == result("first")


def test_the_key_follows_sub_question_tool_and_arguments() -> None:
    base = journal_key("q1", "read", {"image": "a", "k": 1})
    assert journal_key("q1", "read", {"k": 1, "image": "a"}) == base
    assert len({base, journal_key("q2", "read", {}), journal_key("q1", "look", {})}) == 3


async def test_a_store_forgets_a_run_and_keeps_the_others(store: MemoryRunStore | SqliteRunStore) -> None:
    found = result()
    (item,) = found.evidence
    for run in ("left", "kept"):
        await store.journal_put(run, "k", "search_text", found)
        await store.put_result(run, "thread", "{}")
    await asyncio.to_thread(store.forget, "left")
    assert await store.journal_get("left", "k") is None
    assert await store.get_evidence("left", [item.id]) == []
    assert await store.get_evidence("kept", [item.id]) == [item]
    assert await store.journal_get("kept", "k") == found
    results = store.results.get if isinstance(store, MemoryRunStore) else store.result
    assert [await asyncio.to_thread(results, run) for run in ("left", "kept")] == [None, "{}"]
