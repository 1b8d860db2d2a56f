"""The hub: readings of an image are computed once, shared by parallel routes, and kept by content."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.images import ImageStore
from core.settings import Settings
from models.hub import ModelHub


class CountingRunner:
    def __init__(self) -> None:
        self.jobs: list[str] = []

    async def call(self, job: str, **kwargs: Any) -> Any:
        self.jobs.append(job)
        await asyncio.sleep(0.01)
        return [{"text": "TOTAL 4.20", "box": [0, 0, 10, 10], "score": 0.9}]

    def close(self) -> None: ...


def hub_with_image(home: Path) -> tuple[ModelHub, CountingRunner, str]:
    settings = Settings(home=home)
    images = ImageStore(home / "images", max_bytes=10**7, max_pixels=10**7)
    Image.new("RGB", (9, 9)).save(home / "a.png")
    sha256 = images.add_path(home / "a.png").sha256
    runner = CountingRunner()
    return ModelHub(settings, images, runner=runner), runner, sha256


async def test_parallel_routes_read_an_image_once(tmp_path: Path) -> None:
    hub, runner, sha256 = await asyncio.to_thread(hub_with_image, tmp_path)
    lines = await asyncio.gather(*(hub.ocr(sha256) for _ in range(3)))
    assert runner.jobs == ["read_text"]
    assert lines[0] == lines[1] == lines[2]


async def test_a_reading_is_kept_for_the_next_process(tmp_path: Path) -> None:
    hub, _, sha256 = await asyncio.to_thread(hub_with_image, tmp_path)
    await hub.ocr(sha256)
    again, runner, _ = await asyncio.to_thread(hub_with_image, tmp_path)
    assert (await again.ocr(sha256))[0].text == "TOTAL 4.20"
    assert runner.jobs == []


async def test_a_cut_cache_entry_is_read_again(tmp_path: Path) -> None:
    hub, runner, sha256 = await asyncio.to_thread(hub_with_image, tmp_path)
    await hub.ocr(sha256)
    entry = next((tmp_path / "cache").rglob("*.json"))
    await asyncio.to_thread(entry.write_text, '[{"text": "TOT')
    assert (await hub.ocr(sha256))[0].text == "TOTAL 4.20"
    assert runner.jobs == ["read_text", "read_text"]


async def test_a_chart_is_read_again_when_its_text_is_read_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, runner, sha256 = await asyncio.to_thread(hub_with_image, tmp_path)
    table = {"type": "bar", "title": "", "x": "", "y": "", "rows": []}
    call = runner.call

    async def reading(job: str, **kwargs: Any) -> Any:
        found = await call(job, **kwargs)
        return table if job == "read_chart" else found

    monkeypatch.setattr(runner, "call", reading)
    await hub.chart(sha256)
    await hub.chart(sha256)
    assert runner.jobs == ["read_text", "read_chart"]
    monkeypatch.setattr("models.ocr.OCR_VERSION", "another")
    await hub.chart(sha256)
    assert runner.jobs == ["read_text", "read_chart"] * 2
