"""Servers to measure, over instant fakes: python -m benchmarks.http_target ours|echo|dev PORT HOME.

`ours` is the application with fake tools; `echo` is FastAPI with sse-starlette that sends as many frames of
the same size and keeps nothing; `dev` starts LangGraph's development server on the same graph and fakes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from sse_starlette.sse import EventSourceResponse

ROOT = Path(__file__).resolve().parents[1]
FRAMES = 38


def ours(port: int, home: Path, *, tool_s: float, heartbeat_s: float, max_runs: int, answerer: str) -> None:
    """Serve the application."""
    import uvicorn

    from core.settings import Settings
    from server.app import create_app
    from tests.support.fakes import FakeSearch
    from tests.support.live_server import SlowSearch, opener

    settings = Settings(
        home=home,
        server_max_runs=max_runs,
        server_heartbeat_s=heartbeat_s,
        server_max_queued=100_000,
        server_cache="off",  # every client asks the same
    )
    tool = SlowSearch(tool_s) if tool_s else FakeSearch()
    app = create_app(settings, open_services=opener(home, tool, answerer=answerer))
    uvicorn.run(app, port=port, log_level="warning")


def echo(port: int) -> None:
    """Serve frames that cost nothing to make."""
    import uvicorn
    from fastapi import FastAPI

    app = FastAPI()
    filler = "x" * 250

    @app.get("/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/v1/chat")
    async def chat(body: dict[str, Any]) -> EventSourceResponse:
        async def frames() -> Any:
            for number in range(1, FRAMES + 1):
                name = "run.started" if number == 1 else "plan.updated" if number == 6 else "step.started"
                yield {"id": str(number), "event": name, "data": filler}

        return EventSourceResponse(frames())

    uvicorn.run(app, port=port, log_level="warning")


def dev(port: int, home: Path) -> None:
    """Start LangGraph's development server."""
    (home / "langgraph.json").write_text(
        json.dumps(
            {"dependencies": [str(ROOT)], "graphs": {"bench": f"{ROOT}/benchmarks/http_target.py:dev_graph"}}
        )
    )
    os.environ["VIDENCE_BENCH_HOME"] = str(home)
    os.environ["PYTHONPATH"] = str(ROOT)
    program = str(Path(sys.executable).parent / "langgraph")
    # As many at a time as ours; its default is 10.
    command = [program, "dev", "--no-browser", "--no-reload", "--n-jobs-per-worker", "64"]
    os.chdir(home)
    os.execv(command[0], [*command, "--port", str(port), "--config", str(home / "langgraph.json")])


def dev_graph() -> Any:
    """Build the graph that `ours` serves, for LangGraph's server."""
    from core.run_store import SqliteRunStore
    from graph.app import build_graph
    from tests.support.fakes import FakeSearch, fake_services
    from tests.support.live_server import ThreeSearches

    home = Path(os.environ["VIDENCE_BENCH_HOME"])
    services = fake_services(home, ThreeSearches(), FakeSearch(), store=SqliteRunStore(home / "runs.db"))
    return build_graph(services.settings, services=services)


def main() -> None:
    """Serve one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("ours", "echo", "dev"))
    parser.add_argument("port", type=int)
    parser.add_argument("home", type=Path)
    parser.add_argument("--tool-seconds", type=float, default=0.0)
    parser.add_argument("--heartbeat", type=float, default=15.0)
    parser.add_argument("--max-runs", type=int, default=64)
    parser.add_argument("--answerer", default="embedded")
    args = parser.parse_args()
    args.home.mkdir(parents=True, exist_ok=True)
    if args.kind == "ours":
        ours(
            args.port,
            args.home,
            tool_s=args.tool_seconds,
            heartbeat_s=args.heartbeat,
            max_runs=args.max_runs,
            answerer=args.answerer,
        )
    elif args.kind == "echo":
        echo(args.port)
    else:
        dev(args.port, args.home)


if __name__ == "__main__":
    main()
