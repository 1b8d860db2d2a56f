"""LangGraph's development server on the real graph, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.live_server import until
from tests.support.mortal_server import ROOT, free_port

LANGGRAPH = Path(sys.executable).parent / "langgraph"


@contextlib.contextmanager
def studio(home: Path, **settings: str) -> Iterator[str]:
    """Start it as `make dev` does, with its files and ours in a temporary folder; yields its address."""
    if not LANGGRAPH.exists():
        pytest.skip("the extra `studio` is not installed")
    graphs = {"vidence": f"{ROOT}/graph/app.py:studio_graph"}
    (home / "langgraph.json").write_text(json.dumps({"dependencies": [str(ROOT)], "graphs": graphs}))
    url = f"http://127.0.0.1:{free_port()}"
    command = [str(LANGGRAPH), "dev", "--no-browser", "--no-reload", "--port", url.rpartition(":")[2]]
    variables = {"VIDENCE_HOME": str(home / "data"), "PYTHONPATH": str(ROOT), "LANGSMITH_TRACING": "false"}
    variables |= {f"VIDENCE_{name.upper()}": value for name, value in settings.items()}
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=home, env={**os.environ, **variables}, stdout=log, stderr=subprocess.STDOUT
        )

        def answers() -> bool:
            assert process.poll() is None, (home / "log").read_text()[-3000:]
            with contextlib.suppress(httpx.HTTPError):
                return httpx.get(f"{url}/ok", timeout=5).status_code == 200
            return False

        try:
            until(answers, 240)
            yield url
        finally:
            process.terminate()
            process.wait(timeout=30)
