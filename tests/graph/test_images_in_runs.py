"""Images in a run: found ones are looked at and cited with hash and box; passages are re-selected by them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from agents.planner_rules import RulesPlanner
from agents.question import parse_question
from core.contracts import Evidence, RunResult
from core.run_store import MemoryRunStore
from core.settings import Settings
from graph.app import build_graph
from graph.reselection import reselected
from graph.services import Services, open_services
from models.hub import ModelHub
from models.worker import InlineRunner
from tests.support.hash_embedder import HashEmbedder
from tests.support.scripted_openai import Canned, scripted_openai


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    data = pytest.importorskip("skimage.data")
    folder = tmp_path / "album"
    folder.mkdir()
    for number, name in enumerate(("chelsea", "coffee")):
        Image.fromarray(getattr(data, name)()).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    yield from _services(tmp_path, monkeypatch)


def _services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Iterator[Services]:
    embedder = HashEmbedder()
    monkeypatch.setattr(ModelHub, "embedder", lambda self: embedder)
    opened = open_services(
        Settings(home=tmp_path / "home", router="rules", **settings),
        store=MemoryRunStore(),
        planner=RulesPlanner(),
    )
    opened.models._runner = InlineRunner()
    yield opened
    opened.close()


async def ask(services: Services, question: str, **state: Any) -> RunResult:
    graph = build_graph(services.settings, services=services)
    await graph.ainvoke({"question": question, "run_id": "r1", **state})
    assert isinstance(services.store, MemoryRunStore)
    return RunResult.model_validate_json(services.store.results["r1"])


async def test_images_that_were_asked_for_are_cited_with_hash_and_region(
    services: Services, photos: Path
) -> None:
    await asyncio.to_thread(services.collections.add, "album", [photos])
    result = await ask(services, "Find pictures of a kitten, a grey cat", collections=["album"])
    assert result.status == "done"
    assert result.short_answer.endswith("0.png")
    citation = result.citations[0]
    assert (citation.kind, len(citation.locator.sha256 or "")) == ("image", 64)
    left, top, right, bottom = citation.locator.box or (0, 0, 0, 0)
    assert 0 <= left < right <= 451
    assert 0 <= top < bottom <= 300


async def test_a_question_about_a_found_image_is_put_to_the_vision_model(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted_openai(Canned("The cat's eyes are green.")) as server:
        for services in _services(tmp_path, monkeypatch, vlm=server.setting):
            await asyncio.to_thread(services.collections.add, "album", [photos])
            result = await ask(
                services,
                "In the photo collection, what colour are the eyes of the grey cat?",
                collections=["album"],
            )
        images = [
            part
            for request in server.requests
            for part in request["messages"][1]["content"]
            if "image_url" in part
        ]
    looked = [item for item in result.plan if item.tool == "look"]
    assert [item.status for item in looked] == ["done"]
    assert len(images) == 1
    found = next(item for item in result.evidence if item.kind == "image" and item.source.endswith("0.png"))
    seen = next(item for item in result.evidence if item.kind == "vlm")
    assert seen.locator.sha256 == found.locator.sha256
    assert "green" in seen.content


async def test_a_look_is_skipped_when_no_image_was_found(services: Services, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("# Cats\n\nCats sleep.\n")
    await asyncio.to_thread(services.collections.add, "notes", [tmp_path / "notes.md"])
    result = await ask(
        services, "In the photo collection, what colour are the eyes of the grey cat?", collections=["notes"]
    )
    assert [item.status for item in result.plan if item.tool == "look"] in ([], ["skipped"])


def chart(path: Path) -> None:
    picture = Image.new("RGB", (640, 300), "white")
    font = ImageFont.load_default(size=30)
    ImageDraw.Draw(picture).text((40, 30), "Annual rainfall in Lisbon", fill="black", font=font)
    picture.save(path)


def passages() -> list[Evidence]:
    about = [
        "Ferries carried passengers.",
        "Rainfall in Lisbon fell.",
        *(f"Filler {n} text." for n in range(12)),
    ]
    return [
        Evidence(kind="passage", source=f"{n}.md", content=text, score=0.5 - n / 100)
        for n, text in enumerate(reversed(about))
    ]


async def kept(services: Services, image: Path, question: str) -> list[str]:
    stored = await asyncio.to_thread(services.images.add_path, image)
    state: Any = {"run_id": "r1", "images": [{"sha256": stored.sha256}]}
    found = await reselected(parse_question(question), passages(), state, services)
    return [item.content for item in found.evidence]


async def test_passages_are_reselected_by_what_is_written_in_the_image(
    services: Services, tmp_path: Path
) -> None:
    chart(tmp_path / "chart.png")
    found = await kept(services, tmp_path / "chart.png", "What does it say about this?")
    assert len(found) == 8
    assert "Rainfall in Lisbon fell." in found
    assert "Ferries carried passengers." not in found


async def test_the_words_alone_decide_when_the_settings_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chart(tmp_path / "chart.png")
    for services in _services(tmp_path, monkeypatch, reselector="words"):
        assert len(await kept(services, tmp_path / "chart.png", "What does it say?")) == len(passages())


async def test_a_served_vision_model_reselects_when_the_settings_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(np.full((60, 60, 3), 90, np.uint8)).save(tmp_path / "grey.png")
    with scripted_openai(Canned({"keep": list(range(14, 6, -1))})) as server:
        for services in _services(tmp_path, monkeypatch, reselector="vlm", vlm=server.setting):
            found = await kept(services, tmp_path / "grey.png", "What does it say?")
    assert len(found) == 8
    assert "Ferries carried passengers." in found
    assert "image_url" in str(server.requests[0])
