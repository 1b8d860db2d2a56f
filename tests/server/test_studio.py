"""LangGraph's development server starts offline and streams a run of the graph."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
LANGGRAPH = Path(sys.executable).parent / "langgraph"

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(not LANGGRAPH.exists(), reason="the extra `studio` is not installed"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tmp_path_factory.mktemp("studio")
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [str(LANGGRAPH), "dev", "--no-browser", "--no-reload", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "VIDENCE_HOME": str(home), "LANGSMITH_TRACING": "false"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        url = f"http://127.0.0.1:{port}"
        for _ in range(120):
            try:
                if httpx.get(f"{url}/ok", timeout=2).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.5)
        else:
            process.kill()
            pytest.fail((home / "log").read_text()[-3000:])
        yield url
        process.terminate()
        process.wait(timeout=20)


def test_the_development_server_streams_a_run(server: str) -> None:
    body = {
        "assistant_id": "vidence",
        "input": {"question": "What is 17% of 230?"},
        "stream_mode": ["updates"],
    }
    nodes: list[str] = []
    outcome = {}
    with httpx.stream("POST", f"{server}/runs/stream", json=body, timeout=60) as response:
        response.raise_for_status()
        for line in response.iter_lines():
            if line.startswith("data:"):
                data = json.loads(line[5:])
                nodes += [name for name in data if name in ("intake", "plan", "respond")]
                outcome = data.get("respond", {}).get("outcome", outcome)
    assert nodes == ["intake", "plan", "respond"]
    assert outcome["short_answer"] == "39.1"
