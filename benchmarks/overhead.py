"""Graph overhead beside a bare LangGraph chain of as many nodes, and checkpoint growth.

    python -m benchmarks.overhead [--runs 60] [--json]

Both graphs run in turn in the same process, without a checkpointer and with SQLite at durability `sync`.
The bare chain's nodes return one small value. Ours uses instant fake tools, the rules planner and real
extraction, checks and ranking.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, TypedDict

os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")

from langgraph.graph import END, START, StateGraph

from agents.planner_rules import RulesPlanner
from core.run_store import MemoryRunStore, SqliteRunStore
from graph.app import build_graph
from server.session import open_checkpointer
from tests.support.fakes import FakeSearch, SearchArgs, fake_services

QUESTION = "How long does the warranty of the blue widget last?"
PASSAGE = "The warranty of the blue widget lasts 24 months from the date of purchase."


class BareState(TypedDict, total=False):
    """The state of the baseline chain."""

    value: int


def bare_chain(nodes: int, checkpointer: Any = None) -> Any:
    """Return a compiled chain of that many nodes, each returning a counter."""
    builder = StateGraph(BareState)
    names = [f"n{place}" for place in range(nodes)]
    for name in names:

        async def work(state: BareState) -> BareState:
            return {"value": state.get("value", 0) + 1}

        builder.add_node(name, work)
    for left, right in zip([START, *names], [*names, END], strict=True):
        builder.add_edge(left, right)
    return builder.compile(checkpointer=checkpointer)


async def timed(graph: Any, payload: Any, thread: str | None) -> float:
    """Return the seconds of one run."""
    config: Any = {"configurable": {"thread_id": thread}} if thread else {}
    options: Any = {"durability": "sync"} if thread else {}
    start = time.perf_counter()
    await graph.ainvoke(payload, config, **options)
    return time.perf_counter() - start


def our_services(folder: Path, store: Any) -> Any:
    """Return services with an instant tool and everything else as shipped."""
    from agents.answer import default_extractors

    tool = FakeSearch(lambda _: PASSAGE)
    return fake_services(
        folder, RulesPlanner(None), tool, store=store, extractors=default_extractors(), router="rules"
    )


async def compare(folder: Path, runs: int) -> dict[str, Any]:
    """Measure both graphs in turn and return medians and ratios."""
    payload = {"question": QUESTION, "collections": ["docs"], "thread_id": "x"}
    services = our_services(folder, MemoryRunStore())
    ours = build_graph(services.settings, services=services)
    steps = (await ours.ainvoke(payload))["steps"]
    nodes = len(steps)
    bare = bare_chain(nodes)
    plain: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(runs):
        plain["bare"].append(await timed(bare, {"value": 0}, None))
        plain["ours"].append(await timed(ours, payload, None))
    saved: dict[str, list[float]] = {"ours": [], "bare": []}
    async with (
        open_checkpointer(folder / "bare.db") as bare_saver,
        open_checkpointer(folder / "ours.db") as our_saver,
    ):
        store = SqliteRunStore(folder / "runs.db")
        durable = our_services(folder, store)
        ours = build_graph(durable.settings, services=durable, checkpointer=our_saver)
        bare = bare_chain(nodes, bare_saver)
        for place in range(runs):
            saved["bare"].append(await timed(bare, {"value": 0}, f"b{place}"))
            saved["ours"].append(await timed(ours, payload, f"o{place}"))
        store.close()
    return {
        "nodes": nodes,
        "bare_ms": _ms(plain["bare"]),
        "ours_ms": _ms(plain["ours"]),
        "ratio": _ratio(plain),
        "bare_sqlite_ms": _ms(saved["bare"]),
        "ours_sqlite_ms": _ms(saved["ours"]),
        "ratio_sqlite_sync": _ratio(saved),
    }


def _ms(values: list[float]) -> float:
    return round(statistics.median(values[3:]) * 1000, 3)


def _ratio(pair: dict[str, list[float]]) -> float:
    ratios = [mine / base for mine, base in zip(pair["ours"][3:], pair["bare"][3:], strict=True)]
    return round(statistics.median(ratios), 2)


async def growth(folder: Path) -> dict[str, Any]:
    """Return the mean checkpoint bytes a step: 3 images of 1.4 MB, 40 passages, 3 planning rounds."""
    import numpy as np
    from PIL import Image

    from agents.planner import PlanDecision
    from core.contracts import ToolResult
    from tests.support.fakes import ScriptedPlanner, search
    from tools.base import make_evidence

    images = []
    for place in range(3):
        noise = np.random.default_rng(place).integers(0, 256, (690, 690, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path := folder / f"noise{place}.png")
        images.append({"path": str(path)})
    bytes_each = (folder / "noise0.png").stat().st_size

    class WideSearch(FakeSearch):
        """Returns 14 passages of 900 characters a call, 42 over three rounds."""

        async def run(self, args: SearchArgs, context: Any) -> ToolResult:
            text = f"{args.query}: {PASSAGE} " * 10
            passages = [
                make_evidence(self, context, kind="passage", source=f"d{n}.md", content=f"{n} {text[:900]}")
                for n in range(14)
            ]
            return ToolResult(evidence=tuple(passages))

    rounds = [
        PlanDecision(
            next="act",
            subquestions=(
                search(f"q{n}", f"part {n}"),
                search("last", "{q1}", depends_on=["q1", "q2", "q3"]).model_copy(update={"tool": ""}),
            ),
        )
        for n in (1, 2, 3)
    ]
    services = fake_services(
        folder / "growth", ScriptedPlanner(*rounds, PlanDecision(next="draft")), WideSearch(), max_rounds=4
    )
    path = folder / "growth.db"
    async with open_checkpointer(path) as saver:
        graph = build_graph(services.settings, services=services, checkpointer=saver)
        state = await graph.ainvoke(
            {"question": QUESTION, "images": images},
            {"configurable": {"thread_id": "g"}},
            durability="sync",
        )
    connection = sqlite3.connect(path)
    sizes = connection.execute(
        "SELECT (SELECT count(*) FROM checkpoints), (SELECT sum(length(checkpoint)) FROM checkpoints),"
        " (SELECT sum(length(value)) FROM writes)"
    ).fetchone()
    connection.close()
    return {
        "image_bytes": bytes_each,
        "passages": len(json.loads(services.store.results[state["run_id"]])["evidence"]),
        "rounds": state["round"],
        "checkpoints": sizes[0],
        "bytes_a_step": round((sizes[1] + sizes[2]) / sizes[0]),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = asyncio.run(compare(folder, options.runs))
        result["growth"] = asyncio.run(growth(folder))
    if options.json:
        print(json.dumps(result))
        return
    print(f"{result['nodes']} nodes a run, median of {options.runs} runs in turn")
    for label, key, ratio, limit in (
        ("no checkpointer", "ms", "ratio", 4),
        ("SQLite, sync", "sqlite_ms", "ratio_sqlite_sync", 1.5),
    ):
        ours, bare = result[f"ours_{key}"], result[f"bare_{key}"]
        print(f"{label}: ours {ours} ms, bare {bare} ms, ratio {result[ratio]} ({limit} or less)")
    print(f"checkpoints, bytes a step under 20,000: {result['growth']}")


if __name__ == "__main__":
    main()
