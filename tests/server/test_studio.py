"""LangGraph's development server starts offline and streams a run of the graph."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.support.studio_server import studio

pytestmark = [pytest.mark.server, pytest.mark.timeout(1_800)]  # it loads models, perhaps on a busy machine


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with studio(tmp_path_factory.mktemp("studio")) as url:
        yield url


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
