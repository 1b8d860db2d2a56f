"""Which tool a request needs: MetaTool's requests, our own tools among its 199, and calls saved in planning.

    python -m benchmarks.tool_selection [--data ../shared/data] [--part metatool|own|routing|all] [-o FILE]

- metatool: all development requests over all 199 tools, nothing fitted on them; hit@1, 3 and 5.
- own: `own_tools.jsonl` of evals, 100 requests for the agent's own tools, mixed into the 199.
- routing: the paraphrases of the suite `routing` through the real planner with the selector's top three. The
  baseline calls every tool that is possible in the same context. Accuracy: the tool of the right action is
  among those called (a question to split needs `search_text`). Requests that need no tool (an answer, a
  question back, an abstention) are counted apart: there every call is one too many.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from agents.planner import PlanView
from agents.planner_rules import RulesPlanner
from agents.profiles import PROFILES
from agents.question import parse_question
from agents.routes import calls, possible
from benchmarks.common import add_data_option, add_output_options, print_figures
from core.contracts import Action
from core.settings import Settings
from evals.suites.routing import read_rows
from evals.suites.rows import json_lines, own
from models.embeddings import Embedder, open_embedder
from tools.cards import read_catalogue, registry_cards
from tools.registry import default_registry
from tools.selector import ToolSelector
from tools.suggest import ToolSuggester

_KS = (1, 3, 5)
_LATENCY = 200
_BATCH = 256


def hits(selector: ToolSelector, rows: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return hit@k over (request, tool) rows, the time of single requests, and what was missed at 3."""
    found: Counter[int] = Counter()
    missed = []
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        chosen = selector.select_many([query for query, _ in part], max(_KS))
        for (query, tool), choices in zip(part, chosen, strict=True):
            names = [choice.name for choice in choices]
            found.update(k for k in _KS if tool in names[:k])
            if tool not in names[:3]:
                missed.append({"query": query, "tool": tool, "chosen": names[:3]})
    times = []
    for query, _ in rows[:_LATENCY]:
        begun = time.perf_counter()
        selector.select(query, 3)
        times.append((time.perf_counter() - begun) * 1000)
    times.sort()
    return {
        "requests": len(rows),
        **{f"hit@{k}": round(found[k] / len(rows), 4) for k in _KS},
        "p50_ms": round(times[len(times) // 2], 1),
        "p95_ms": round(times[int(len(times) * 0.95)], 1),
        "missed": missed,
    }


def view_of(row: dict[str, Any], question: str) -> PlanView:
    """Return what the planner sees of a routing line."""
    given = row["context"]
    images = tuple(f"{number:064x}" for number in range(given["images"]))
    kind = given.get("image_kind", "none")
    return PlanView(
        question=parse_question(question),
        profile=PROFILES[given["profile"]],
        images=images,
        image_kinds={} if kind == "none" else dict.fromkeys(images, kind),
        collections=tuple(given["collections"]),
    )


async def routing(rows: Sequence[dict[str, Any]], embedder: Embedder, root: Path) -> dict[str, Any]:
    """Plan each paraphrase and count the calls, against those of every possible tool."""
    planner = RulesPlanner(lambda: embedder)
    registry = default_registry()
    suggest = ToolSuggester(registry, lambda: embedder, root)
    counted: Counter[str] = Counter()
    missed = []
    for row in rows:
        needed = "search_text" if row["action"] == "decompose" else row["action"]
        for question in row["paraphrases"]:
            view = view_of(row, question)
            tools = [name for name in registry.names() if possible(cast("Action", name), view)]
            every = sum(len(calls(cast("Action", name), question, view)) for name in tools)
            decision = await planner.plan(replace(view, tools=suggest(view.question.stem, tools)))
            called = [item.tool for item in decision.subquestions if item.tool]
            kind = "tool" if needed in registry.names() else "no_tool"
            counted.update(
                {f"{kind}_requests": 1, f"{kind}_calls": len(called), f"{kind}_calls_of_all": every}
            )
            if kind == "tool":
                counted.update({"right": int(needed in called), "right_of_all": int(needed in tools)})
                if needed not in called:
                    missed.append({"question": question, "tool": needed, "called": called})
    saved = {
        f"{kind}_calls_saved": round(
            1 - counted[f"{kind}_calls"] / max(1, counted[f"{kind}_calls_of_all"]), 4
        )
        for kind in ("tool", "no_tool")
    }
    total = counted["tool_requests"]
    return {
        **counted,
        **saved,
        "accuracy": round(counted["right"] / total, 4),
        "accuracy_of_all": round(counted["right_of_all"] / total, 4),
        "missed": missed,
    }


def main() -> None:
    """Run the parts asked for and print their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add_data_option(parser)
    parser.add_argument("--part", choices=("metatool", "own", "routing", "all"), default="all")
    parser.add_argument("--limit", type=int, default=0, help="MetaTool requests; all by default")
    parser.add_argument("--errors", action="store_true", help="print what was missed")
    add_output_options(parser)
    args = parser.parse_args()
    embedder = open_embedder(Settings())
    folder = args.data / "metatool"
    others = read_catalogue(folder / "tools.jsonl") if args.part in ("metatool", "own", "all") else []
    result: dict[str, Any] = {"tools": len(others)}
    if args.part in ("metatool", "all"):
        rows = json_lines(folder / "queries_dev.jsonl")[: args.limit or None]
        pairs = [(row["Query"], row["Tool"]) for row in rows]
        result["metatool"] = hits(ToolSelector(others, embedder), pairs)
    if args.part in ("own", "all"):
        rows = own("own_tools.jsonl")
        mixed = ToolSelector([*others, *registry_cards(default_registry())], embedder)
        result["own"] = hits(mixed, [(row["query"], row["tool"]) for row in rows])
    if args.part in ("routing", "all"):
        with tempfile.TemporaryDirectory() as root:
            result["routing"] = asyncio.run(routing(read_rows(), embedder, Path(root)))
    if not args.errors:
        for part in result.values():
            if isinstance(part, dict):
                part.pop("missed", None)
    print_figures(result, args.output)


if __name__ == "__main__":
    main()
