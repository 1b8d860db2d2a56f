from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langgraph.errors import NodeTimeoutError

import graph.app
import server.session
from core.errors import VidenceError
from core.settings import Settings
from server.session import AskRequest, ask


async def test_a_step_that_takes_too_long_is_a_timeout_that_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow:
        async def astream(self, *_: Any, **__: Any) -> AsyncIterator[dict[str, Any]]:
            yield {}
            raise NodeTimeoutError("act", 151.0, kind="run", run_timeout=150.0)

    services = SimpleNamespace(close=lambda: None)
    monkeypatch.setattr(server.session, "_open", lambda settings: services)
    monkeypatch.setattr(graph.app, "build_graph", lambda *_, **__: Slow())
    request = AskRequest("What is the total?", thread_id="t1")
    with pytest.raises(VidenceError, match=r"`act` took longer than 150 s") as caught:
        await ask(Settings(home=tmp_path), request, lambda node, values: None)
    assert caught.value.kind == "timeout"
    assert "--resume --thread t1" in caught.value.help
