"""Prints are kept by a file's hash: only those asked for come back, in the order asked, decoded once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from PIL import Image

from knowledge import image_prints
from knowledge.image_prints import PrintCache


def test_a_shared_file_gives_the_prints_that_are_asked_for_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = {}
    for shade in (10, 90, 200):
        path = tmp_path / f"{shade}.png"
        Image.new("RGB", (8, 8), (shade, 0, 0)).save(path)
        images[hashlib.sha256(path.read_bytes()).hexdigest()] = path
    first, _, third = images
    cache = PrintCache(tmp_path / "prints.db")
    everything = cache.get(images)
    monkeypatch.setattr(image_prints, "print_of_file", lambda path: pytest.fail(f"{path} is decoded again"))
    some = cache.get({third: images[third], first: images[first]})
    assert list(some.prints) == [third, first]
    assert some.prints[third] == everything.prints[third]
    assert cache.get({}).prints == {}
    cache.close()
