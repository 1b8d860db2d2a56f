"""The search tools: hits become typed evidence, failures typed errors, and nothing blocks the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from core.contracts import Locator
from core.images import ImageStore
from core.settings import Settings
from knowledge.collections import Collections
from knowledge.pubmed import client as pubmed
from tests.support.hash_embedder import HashEmbedder
from tools.base import ToolContext
from tools.registry import ToolRegistry
from tools.search_code import SearchCode
from tools.search_images import SearchImages
from tools.search_pubmed import SearchPubMed
from tools.search_text import SearchText

REGISTRY = ToolRegistry([SearchText(), SearchCode(), SearchImages(), SearchPubMed()])
RECORD = b"""<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>11</PMID><Article>
<Journal><Title>Heart</Title></Journal><ArticleTitle>Aspirin and stroke</ArticleTitle><Abstract>
<AbstractText>Aspirin lowers the risk of stroke.</AbstractText></Abstract><PublicationTypeList>
<PublicationType>Retracted Publication</PublicationType></PublicationTypeList></Article></MedlineCitation>
</PubmedArticle></PubmedArticleSet>"""


@pytest.fixture
def context(tmp_path: Path) -> Iterator[ToolContext]:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "manual.md").write_text(
        "# Pump\n\nThe pump runs at 1.5 bar.\n\n# Valve\n\nClose the valve first.\n"
    )
    (docs / "pump.py").write_text("def start_pump():\n    return 'pump'\n")
    Image.new("RGB", (20, 10), "red").save(docs / "red_pump.png")
    collections = Collections(tmp_path / "collections", HashEmbedder)
    collections.add("all", [docs])
    collections.add("words", [docs / "manual.md"])
    settings = Settings(home=tmp_path / "home", pubmed_base_url="http://127.0.0.1:9")
    images = ImageStore(tmp_path / "images", max_bytes=10**7, max_pixels=10**7)
    models: Any = None
    yield ToolContext(settings, images, models, collections)
    collections.close()


@pytest.mark.usefixtures("no_blocking")
async def test_passages_come_as_retrieved_evidence_with_exact_text_and_lines(context: ToolContext) -> None:
    result = await REGISTRY.call(
        "search_text", {"query": "pump bar", "collections": ["all"], "k": 1}, context
    )
    [item] = result.evidence
    assert (item.kind, item.trust, item.tool) == ("passage", "retrieved", "search_text")
    assert item.content == "# Pump\n\nThe pump runs at 1.5 bar."
    assert item.locator.lines == (1, 3)
    assert item.source.endswith("manual.md")
    assert 0 < item.score <= 1
    assert item.metadata["doc_id"] == "manual.md"


async def test_code_search_returns_code_only_with_path_and_lines(context: ToolContext) -> None:
    result = await REGISTRY.call("search_code", {"query": "pump", "collections": ["all"]}, context)
    [item] = result.evidence
    assert (item.kind, item.locator.lines, item.metadata["definition"]) == ("code", (1, 2), "start_pump")
    assert (item.locator.path or "").endswith("pump.py")


async def test_found_images_are_stored_by_hash_so_that_they_can_be_looked_at(context: ToolContext) -> None:
    result = await REGISTRY.call("search_images", {"query": "red pump", "collections": ["all"]}, context)
    [item] = result.evidence
    assert item.kind == "image"
    left, top, right, bottom = item.locator.box or (0, 0, 0, 0)
    assert 0 <= left < right <= 20
    assert 0 <= top < bottom <= 10
    pixels = await asyncio.to_thread(context.images.open, item.locator.sha256 or "")
    assert pixels.shape == (10, 20, 3)


@pytest.mark.parametrize(
    ("tool", "args", "kind", "help"),
    [
        ("search_text", {"query": "pump"}, "not_found", "vidence index add"),
        ("search_text", {"query": "pump", "collections": ["absent"]}, "not_found", "vidence index add"),
        ("search_text", {"query": "  ", "collections": ["all"]}, "invalid_input", ""),
        ("search_code", {"query": "pump", "collections": []}, "not_found", "vidence index add"),
        ("search_images", {"query": "pump", "collections": ["words"]}, "not_found", "--kind image"),
        ("search_images", {"image": "ab12", "collections": ["all"]}, "not_found", "Add it again"),
        ("search_images", {"collections": ["all"]}, "invalid_input", ""),
        ("search_pubmed", {"query": "aspirin"}, "unavailable", "VIDENCE_PUBMED_BASE_URL"),
    ],
)
async def test_what_cannot_be_searched_is_a_typed_error_with_help(
    context: ToolContext, tool: str, args: dict[str, Any], kind: str, help: str
) -> None:
    result = await REGISTRY.call(tool, args, context)
    assert result.error is not None
    assert result.error.kind == kind
    assert help in result.error.help
    assert not result.evidence


@pytest.mark.usefixtures("no_blocking")
async def test_pubmed_evidence_says_that_a_record_was_retracted(
    context: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("esearch.fcgi"):
            body = b"<eSearchResult><Count>1</Count><IdList><Id>11</Id></IdList></eSearchResult>"
            return httpx.Response(200, content=body)
        return httpx.Response(200, content=RECORD)

    def opened(settings: Settings) -> pubmed.PubMed:
        client = pubmed.open_pubmed(settings)
        client.http.transport = httpx.MockTransport(answer)
        return client

    monkeypatch.setattr("tools.search_pubmed.open_pubmed", opened)
    result = await REGISTRY.call("search_pubmed", {"query": "Does aspirin prevent stroke?"}, context)
    [item] = result.evidence
    assert (item.kind, item.locator) == ("pubmed", Locator(pmid="11"))
    assert item.content == "Aspirin lowers the risk of stroke."
    assert item.metadata["retracted"] is True
    assert item.metadata["journal"] == "Heart"
    assert item.score == pytest.approx(2 / 3, abs=1e-3)
