"""A deterministic embedder that needs no model, and collections over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from knowledge.collections import Collections
from tests.support.hash_embedder import HashEmbedder


@pytest.fixture
def collections(tmp_path: Path) -> Iterator[Collections]:
    opened = Collections(tmp_path / "collections", HashEmbedder)
    yield opened
    opened.close()


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """Three small files about different things."""
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "boiler.md").write_text(
        "# Boiler\n\nIntro to heating.\n\n## Pressure\n\nKeep the boiler pressure at 1.5 bar.\n"
        "\n## Warranty\n\nThe warranty lasts 24 months.\n"
    )
    (folder / "garden.txt").write_text("Tomatoes need six hours of sun.\nWater roses in the morning.\n")
    (folder / "tool.py").write_text(
        '"""Helpers."""\n\nLIMIT = 3\n\n\ndef parse_config(path):\n    """Read the settings file."""\n'
        "    return open(path)\n\n\nclass Cache:\n    def evict(self):\n        return None\n"
    )
    return folder
