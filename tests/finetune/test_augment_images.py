"""Boxes follow the pixels, whatever is done to an image."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from finetune.data.convert.places import box_text, place_text
from finetune.data.dataset import Dataset
from finetune.data.rows import TrainRow

pytest.importorskip("albumentations", reason="albumentations is missing: make setup-ml")
pytestmark = pytest.mark.ml

WIDTH, HEIGHT = 64, 48
BOXES = st.tuples(st.integers(0, 50), st.integers(0, 36), st.integers(3, 14), st.integers(3, 12)).map(
    lambda b: (float(b[0]), float(b[1]), float(min(WIDTH, b[0] + b[2])), float(min(HEIGHT, b[1] + b[3])))
)


def picture(box: tuple[float, ...]) -> np.ndarray:
    pixels = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    x0, y0, x1, y1 = (int(value) for value in box)
    pixels[y0:y1, x0:x1] = (250, 10, 10)
    return pixels


def red_box(pixels: np.ndarray) -> tuple[float, ...]:
    rows, columns = np.nonzero((pixels[..., 0] > 200) & (pixels[..., 1] < 60))
    return (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))


@pytest.mark.parametrize("change", ["mirror", "flip", "quarter_turn", "pad", "crop"])
@given(box=BOXES, seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_boxes_follow_the_pixels_exactly(change: str, box: tuple[float, ...], seed: int) -> None:
    from finetune.augment.images import change_image

    changed, (moved,) = change_image(picture(box), [box], [change], seed)  # type: ignore[arg-type, list-item]
    assert moved == pytest.approx(red_box(changed), abs=0.01)


@pytest.mark.parametrize("change", ["brightness", "gamma", "noise", "blur", "compression", "colour"])
def test_a_pixel_change_moves_nothing_but_changes_pixels(change: str) -> None:
    from finetune.augment.images import change_image

    noise = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    box = (3.0, 4.0, 20.0, 30.0)
    changed, boxes = change_image(noise, [box], [change], 1)  # type: ignore[list-item]
    assert boxes == (box,)
    assert changed.shape == noise.shape
    assert (changed != noise).any()


def test_the_same_seed_makes_the_same_image() -> None:
    from finetune.augment.images import change_image

    box = (3.0, 4.0, 20.0, 30.0)
    one, other = (change_image(picture(box), [box], ["noise", "brightness", "pad"], 5)[0] for _ in range(2))
    assert np.array_equal(one, other)


def data_set(folder: Path) -> Dataset:
    dataset = Dataset(folder)
    box = (40.0, 5.0, 60.0, 15.0)
    out = io.BytesIO()
    Image.fromarray(picture(box)).save(out, "PNG")
    image, sha = dataset.add_image(out.getvalue())
    common = {"image": image, "image_sha256": sha, "source": "photos", "licence": "CC0-1.0", "boxes": (box,)}
    written, place = box_text([box], WIDTH, HEIGHT), place_text([box], WIDTH, HEIGHT)
    rows = [
        TrainRow(question="Give the box of the kite.", answers=(written,), kind="grounding", **common),
        TrainRow(question="Where is the kite?", answers=(place,), kind="where", **common),
        TrainRow(question="Is the kite on the left?", answers=("no",), kind="yes_no", **common),
        TrainRow(question="Is a kite visible?", answers=("yes",), kind="yes_no", split="test", **common),
    ]  # fmt: skip
    dataset.write("d", rows)
    return dataset


def test_answers_written_from_boxes_follow_them_and_copies_name_their_parent(tmp_path: Path) -> None:
    from finetune.augment.run import augment

    source = data_set(tmp_path / "d")
    target = Dataset(tmp_path / "more")
    report = augment(source, target, "more", copies=12, modes=("spatial",), seed=3)
    rows = {row.id: row for row in target.rows()}
    copies = [row for row in rows.values() if row.parents]
    mirrored = 0
    for row in copies:
        parent = rows[row.parents[0]]
        assert (row.split, row.group) == (parent.split, parent.group)
        pixels = np.asarray(Image.open(target.image_path(row)))
        high, wide = pixels.shape[:2]
        assert row.boxes[0] == pytest.approx(red_box(pixels), abs=0.01)
        if row.kind == "grounding":
            assert row.answers == (box_text(row.boxes, wide, high),)
        if row.kind == "where":
            assert row.answers == (place_text(row.boxes, wide, high),)
        if row.question == "Is the kite on the left?":
            assert "mirror" not in row.metadata["augmented"]
            assert row.boxes[0][0] > wide / 2
        mirrored += "mirror" in row.metadata["augmented"]
    assert mirrored
    assert not [row for row in copies if row.split == "test"]
    assert report.record.parents == (f"d@{source.record.version}",)


def test_the_same_seed_makes_the_same_version(tmp_path: Path) -> None:
    from finetune.augment.run import augment

    source = data_set(tmp_path / "d")
    one = augment(source, Dataset(tmp_path / "a"), "a", copies=2, seed=1)
    other = augment(source, Dataset(tmp_path / "b"), "b", copies=2, seed=1)
    assert one.record.version == other.record.version


def test_missing_and_broken_images_are_reported_and_the_rest_is_made(tmp_path: Path) -> None:
    from finetune.augment.run import augment

    source = data_set(tmp_path / "d")
    image, sha = source.add_image(b"no image")
    gone = TrainRow(question="Is a cat visible?", answers=("no",), kind="yes_no", source="s", licence="l", image="images/gone.png", image_sha256="0")  # fmt: skip  # noqa: E501
    bad = TrainRow(question="Is a dog visible?", answers=("no",), kind="yes_no", source="s", licence="l", image=image, image_sha256=sha)  # fmt: skip  # noqa: E501
    source.write("d", [*source.rows(), gone, bad])
    report = augment(source, Dataset(tmp_path / "more"), "more", modes=("spatial",))
    assert report.skipped["missing image"] == 1
    assert report.skipped["broken image"] == 1
    assert report.changes
