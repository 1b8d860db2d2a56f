"""What a conversion survives: a kill, a full disk, broken images, images with metadata."""

from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.errors import VidenceError
from finetune.data.convert.base import Converter, Draft, Options, Skip
from finetune.data.convert.registry import converter
from finetune.data.dataset import Dataset
from finetune.data.ingest import convert
from tests.finetune.samples import picture, put


def captioned(root: Path, count: int = 8) -> Path:
    for number in range(count):
        put(root / "images" / f"{number}.png", number)
    lines = [
        json.dumps({"image": f"images/{n}.png", "captions": [f"picture number {n}"]}) for n in range(count)
    ]
    put(root / "list.jsonl", "\n".join(lines))
    return root


def test_an_interrupted_conversion_goes_on_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = captioned(tmp_path / "in")
    whole = convert(converter("captions"), source, Dataset(tmp_path / "whole"), "x")
    dataset = Dataset(tmp_path / "part")
    stored = Dataset.add_image
    calls: list[str] = []

    def stops(self: Dataset, content: bytes, suffix: str = ".png") -> tuple[str, str]:
        calls.append(suffix)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return stored(self, content, suffix)

    monkeypatch.setattr(Dataset, "add_image", stops)
    with pytest.raises(KeyboardInterrupt):
        convert(converter("captions"), source, dataset, "x")
    with (dataset.folder / "convert.part.jsonl").open("a") as file:
        file.write('{"row": {"cut short')
    calls.clear()
    monkeypatch.setattr(Dataset, "add_image", lambda *args: calls.append("again") or stored(*args))
    report = convert(converter("captions"), source, dataset, "x")
    assert (report.resumed, len(calls)) == (4, 4)
    assert (report.version, report.kept) == (whole.version, 8)
    assert not (dataset.folder / "convert.part.jsonl").exists()


def test_what_was_done_for_another_source_is_not_taken_for_this_one(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "out")
    put(
        dataset.folder / "convert.part.jsonl",
        '{"converter": "captions@1", "source": "/other"}\n{"skip": {}}\n',
    )
    report = convert(converter("captions"), captioned(tmp_path / "in"), dataset, "x")
    assert (report.resumed, report.kept) == (0, 8)


def test_a_full_disk_says_so_and_keeps_what_was_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, dataset = captioned(tmp_path / "in"), Dataset(tmp_path / "out")
    synced, calls = os.fsync, []

    def full(handle: int) -> None:
        calls.append(handle)
        if 4 <= len(calls) <= 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        synced(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(VidenceError, match="No space left") as caught:
        convert(converter("captions"), source, dataset, "x")
    assert (caught.value.kind, caught.value.retryable) == ("unavailable", True)
    report = convert(converter("captions"), source, dataset, "x")
    assert report.kept == 8
    assert report.version == convert(converter("captions"), source, Dataset(tmp_path / "b"), "x").version


def test_max_samples_counts_rows_and_not_skips(tmp_path: Path) -> None:
    source = captioned(tmp_path / "in")
    (source / "images" / "0.png").unlink()
    put(source / "images" / "1.png", b"")
    report = convert(converter("captions"), source, Dataset(tmp_path / "out"), "x", max_samples=3)
    assert (report.kept, report.skipped) == (3, {"missing image": 1, "broken image": 1})
    with pytest.raises(VidenceError, match="at least 1"):
        convert(converter("captions"), source, Dataset(tmp_path / "c"), "x", max_samples=0)


def test_verify_finds_an_image_that_only_its_pixels_show_to_be_broken(tmp_path: Path) -> None:
    source = captioned(tmp_path / "in", 2)
    whole = (source / "images" / "1.png").read_bytes()
    put(source / "images" / "1.png", whole[: len(whole) // 2])
    report = convert(converter("captions"), source, Dataset(tmp_path / "out"), "x", verify=True)
    assert (report.kept, report.skipped) == (1, {"broken image": 1})
    assert "1.png" in report.examples["broken image"][0]


def _reader(drafts: list[Draft | Skip]) -> Converter:
    def read(source: Path, options: Options) -> Iterator[Draft | Skip]:
        yield from drafts
        raise KeyError("inside of the file")

    return Converter("made", "made", "CC0-1.0", "nothing", read)


def test_a_wrong_hash_is_a_skip_and_a_file_that_breaks_off_is_reported(tmp_path: Path) -> None:
    image = put(tmp_path / "a.png", 1)
    drafts: list[Draft | Skip] = [
        Draft("1", "What?", ("this",), "open", image, image_sha256="0" * 64),
        Draft("2", "Which?", ("that",), "open"),
        Draft("3", "Whose?", ("", " "), "open"),
        Draft("4", " ", ("x",), "open"),
        Draft("5", "Where?", ("here",), "open", boxes=((0, 0, 1, 1),)),
    ]
    report = convert(_reader(drafts), tmp_path, Dataset(tmp_path / "out"), "x")
    assert report.kept == 1
    assert report.skipped == {
        "broken image": 1,
        "no answer": 1,
        "no question": 1,
        "boxes without an image": 1,
        "rest not readable": 1,
    }


def test_metadata_rotation_and_odd_formats_do_not_reach_the_data_set(tmp_path: Path) -> None:
    source = tmp_path / "in"
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "patient: Ada"
    source.mkdir()
    picture(1, (64, 48)).save(source / "turned.jpg", exif=exif)
    Image.fromarray(np.full((9, 12), 40_000, np.uint16)).save(source / "deep.png")
    picture(2).convert("CMYK").save(source / "print.jpg")
    put(source / "plain.png", 3)
    names = ["turned.jpg", "deep.png", "print.jpg", "plain.png"]
    put(
        source / "list.jsonl",
        "\n".join(json.dumps({"image": name, "caption": f"A {name}."}) for name in names),
    )
    dataset = Dataset(tmp_path / "out")
    convert(converter("captions"), source, dataset, "x")
    by: dict[str, Any] = {row.metadata["origin"]["image"]: row for row in dataset.rows()}
    for name, row in by.items():
        path = dataset.image_path(row)
        assert path is not None
        with Image.open(io.BytesIO(path.read_bytes())) as opened:
            assert opened.mode in ("RGB", "L"), name
            assert not opened.getexif(), name
            if name == "turned.jpg":
                assert opened.size == (48, 64)
        assert b"patient" not in path.read_bytes()
    assert (dataset.folder / by["plain.png"].image).read_bytes() == (source / "plain.png").read_bytes()
