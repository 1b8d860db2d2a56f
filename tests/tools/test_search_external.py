"""Connectors as tools: their results are evidence, beside the collections and on their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import VidenceError
from core.images import ImageStore
from core.settings import Settings
from graph.nodes.intake import _held
from knowledge.collections import Collections
from knowledge.connectors import registry
from knowledge.connectors.base import Connector, Found
from tests.support.hash_embedder import HashEmbedder
from tools.base import ToolContext
from tools.registry import ToolRegistry
from tools.search_code import SearchCode
from tools.search_external import SearchExternal
from tools.search_text import SearchText

TOOLS = ToolRegistry([SearchText(), SearchCode(), SearchExternal()])


class Wiki(Connector):
    """A source that knows one thing."""

    kind = "wiki"
    description = "one page"

    async def search(self, query: str, k: int = 10) -> list[Found]:
        return [Found("p1", "Valve", "Close the valve at 2 bar.", "https://wiki/p1", 0.9)]


class Down(Connector):
    """A source that is down."""

    kind = "down"
    description = "nothing"

    async def search(self, query: str, k: int = 10) -> list[Found]:
        raise VidenceError("timeout", "too slow", retryable=True)


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ToolContext]:
    kinds = {**registry.kinds(), "wiki": Wiki, "down": Down}
    monkeypatch.setattr(registry, "kinds", lambda: kinds)
    (tmp_path / "manual.md").write_text("# Pump\n\nThe pump runs at 1.5 bar.\n")
    collections = Collections(tmp_path / "collections", HashEmbedder)
    collections.add("manual", [tmp_path / "manual.md"])
    models: Any = None
    images = ImageStore(tmp_path / "images", max_bytes=10**7, max_pixels=10**7)
    yield ToolContext(Settings(home=tmp_path / "home"), images, models, collections)
    collections.close()


async def test_a_connector_gives_evidence_that_is_only_retrieved(context: ToolContext) -> None:
    result = await TOOLS.call("search_external", {"connector": "wiki", "query": "valve"}, context)
    [item] = result.evidence
    assert (item.kind, item.trust, item.source) == ("passage", "retrieved", "https://wiki/p1")
    assert item.content == "Close the valve at 2 bar."
    assert item.tool == "search_external"


async def test_a_connector_among_the_collections_is_searched_with_them(context: ToolContext) -> None:
    args = {"query": "which bar", "collections": ["manual", "@wiki", "@down"]}
    result = await TOOLS.call("search_text", args, context)
    assert {item.source.rpartition("/")[2] for item in result.evidence} == {"manual.md", "p1"}
    assert result.error is not None, "the source that is down is told, and hides nothing"
    assert result.error.kind == "timeout"
    alone = await TOOLS.call("search_text", {"query": "bar", "collections": ["@wiki"]}, context)
    assert [item.source for item in alone.evidence] == ["https://wiki/p1"]
    code = await TOOLS.call("search_code", {"query": "bar", "collections": ["@wiki"]}, context)
    assert code.error is None
    assert not code.evidence


async def test_a_connector_that_nobody_has_is_not_found(context: ToolContext) -> None:
    result = await TOOLS.call("search_external", {"connector": "nope", "query": "valve"}, context)
    assert result.error is not None
    assert result.error.kind == "not_found"


def test_a_name_that_nobody_has_is_told_before_the_run_begins(context: ToolContext) -> None:
    services: Any = context
    assert _held("@wiki", services) == ["passage"]
    assert _held("manual", services) == ["passage"]
    with pytest.raises(VidenceError, match="nope"):
        _held("@nope", services)
