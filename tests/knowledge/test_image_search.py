"""Images are found by their pixels: by words, by other images, and with the part that was meant."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from core.contracts import Locator
from core.errors import VidenceError
from knowledge.collections import Collections
from knowledge.images.bridge import PROJECTION_FILE, ConseBridge, open_bridge
from knowledge.images.features import FeatureStore
from knowledge.images.options import ImageOptions
from knowledge.images.written import ImageText, best_line
from knowledge.records import Piece
from models.backbone import CLASSES_KEPT, DIM, Backbone, ImageFeatures, image_classes
from tests.support.hash_embedder import HashEmbedder

PHOTOS = ("chelsea", "coffee", "rocket")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cat, a cup of coffee and a rocket, under names that say nothing."""
    data = pytest.importorskip("skimage.data")
    folder = tmp_path_factory.mktemp("photos")
    for number, name in enumerate(PHOTOS):
        Image.fromarray(getattr(data, name)()).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Collections:
    opened = Collections(tmp_path_factory.mktemp("home") / "collections", HashEmbedder)
    opened.add("photos", [photos])
    return opened


def test_pixels_alone_are_found_by_words(indexed: Collections) -> None:
    for number, words in enumerate(
        ("a kitten, a grey cat", "a cup of espresso coffee", "a space shuttle launching")
    ):
        [hit] = indexed.search("photos", words, 1)
        assert hit.doc_id == f"{number}.png"
        assert 0 < hit.parts["pixels"] <= 1
        assert hit.locator.box is not None
        assert hit.locator.sha256


def test_a_crop_finds_the_image_it_was_cut_from(indexed: Collections, photos: Path) -> None:
    pixels = np.asarray(Image.open(photos / "1.png"))[60:340, 100:480]
    hits = indexed.search_image("photos", pixels[:, ::-1], 3)
    assert hits[0].doc_id == "1.png"
    assert hits[0].score > hits[1].score


def test_word_search_alone_does_not_look_at_pixels(indexed: Collections) -> None:
    assert indexed.search("photos", "a cup of espresso coffee", 3, mode="sparse") == []


def test_a_filter_for_passages_shuts_images_out(indexed: Collections) -> None:
    assert indexed.search("photos", "a cup of espresso coffee", 3, where={"kind": "passage"}) == []


def test_a_caption_and_pixels_that_agree_score_above_each_alone(tmp_path: Path, photos: Path) -> None:
    records = [
        {"id": "cat", "image": "0.png", "text": "Our kitten on the sofa"},
        {"id": "cup", "image": "1.png"},
    ]
    (photos / "records.jsonl").write_text("\n".join(map(json.dumps, records)))
    collections = Collections(tmp_path / "collections", HashEmbedder)
    collections.add("mixed", [photos / "records.jsonl"])
    best, *_ = collections.search("mixed", "a kitten, a grey cat", 2)
    assert best.doc_id == "cat"
    assert best.score > best.parts["pixels"] * 0.4
    assert best.score > best.parts["dense"] * 0.4
    collections.close()


def test_an_image_that_changed_is_seen_anew_and_one_that_is_gone_is_still_found(
    tmp_path: Path, photos: Path
) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    (folder / "a.png").write_bytes((photos / "0.png").read_bytes())
    (folder / "b.png").write_bytes((photos / "1.png").read_bytes())
    collections = Collections(tmp_path / "collections", HashEmbedder)
    collections.add("album", [folder])
    (folder / "a.png").write_bytes((photos / "2.png").read_bytes())
    (folder / "b.png").unlink()
    collections.add("album", [folder])
    assert collections.search("album", "a space shuttle launching", 1)[0].doc_id == "a.png"
    assert collections.search("album", "a cup of espresso coffee", 1)[0].doc_id == "b.png"
    collections.close()


def test_a_restored_snapshot_finds_its_images_without_looking_again(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collections = Collections(tmp_path / "collections", HashEmbedder)
    collections.add("album", [photos / "0.png"])
    kept = collections.snapshot("album")
    collections.add("album", [photos / "1.png"])

    def look(*_: Any) -> Any:
        raise AssertionError("it was looked at already")

    monkeypatch.setattr(Backbone, "features", look)
    collections.restore("album", kept)
    hits = collections.search("album", "a kitten, a grey cat", 5)
    assert [hit.doc_id for hit in hits] == ["0.png"]
    collections.close()


def test_without_the_backbone_images_are_found_by_their_text(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: Any) -> Any:
        raise VidenceError("unavailable", "no backbone")

    monkeypatch.setattr(Backbone, "features", missing)
    (photos / "kitten.jsonl").write_text(json.dumps({"id": "k", "image": "0.png", "text": "A kitten"}))
    collections = Collections(tmp_path / "collections", HashEmbedder)
    assert collections.add("album", [photos / "kitten.jsonl"]).added == 1
    assert collections.search("album", "kitten", 1)[0].doc_id == "k"
    with pytest.raises(VidenceError) as caught:
        collections.search_image("album", np.zeros((9, 9, 3), np.uint8), 1)
    assert caught.value.kind == "not_found"
    collections.close()


def test_features_survive_being_stored(tmp_path: Path) -> None:
    seen = ImageFeatures(
        vector=np.full(DIM, DIM**-0.5, np.float32),
        classes=np.arange(CLASSES_KEPT, dtype=np.int16),
        probabilities=np.linspace(0.5, 0, CLASSES_KEPT).astype(np.float32),
        boxes=np.tile(np.array([0, 0.2, 0.6, 1], np.float32), (CLASSES_KEPT, 1)),
    )
    store = FeatureStore(tmp_path / "features.db")
    store.put("ab", seen, (30, 20))
    read, size = store.get(["ab", "missing"])["ab"]
    assert size == (30, 20)
    assert store.known() == {"ab"}
    for name in ("vector", "probabilities", "boxes"):
        assert np.allclose(getattr(read, name), getattr(seen, name), atol=2e-3)
    store.close()


def _seen(classes: list[int], probabilities: list[float]) -> ImageFeatures:
    rest = [place for place in range(900, 900 + CLASSES_KEPT) if place not in classes]
    ids = (classes + rest)[:CLASSES_KEPT]
    shares = np.array((probabilities + [0.0] * CLASSES_KEPT)[:CLASSES_KEPT], np.float32)
    boxes = np.zeros((CLASSES_KEPT, 4), np.float32)
    return ImageFeatures(np.ones(DIM, np.float32) / DIM**0.5, np.array(ids, np.int16), shares, boxes)


def test_the_bridge_mixes_the_captions_of_the_classes_and_embeds_them_once(tmp_path: Path) -> None:
    embedder = HashEmbedder()
    bridge = ConseBridge(embedder, tmp_path)
    alone = bridge.image(_seen([967], [1.0]))
    assert np.allclose(alone, bridge.captions()[967], atol=1e-5)
    both = bridge.image(_seen([967, 281], [0.5, 0.5]))
    assert both @ bridge.captions()[967] == pytest.approx(both @ bridge.captions()[281], abs=1e-5)
    spent = embedder.embedded
    again = ConseBridge(embedder, tmp_path)
    assert np.array_equal(again.captions(), bridge.captions())
    assert embedder.embedded == spent == len(image_classes())


def test_what_is_asked_for_decides_which_class_is_shown_not_what_is_likeliest(tmp_path: Path) -> None:
    embedder = HashEmbedder()
    bridge = ConseBridge(embedder, tmp_path)
    seen = _seen([532, 910], [0.9, 0.05])
    [asked] = embedder.embed([image_classes()[910].caption])
    assert int(bridge.shown(seen, asked).argmax()) == 1


def test_a_dual_encoder_takes_the_place_of_the_class_captions(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    image, text = chance.standard_normal((DIM, 8)), chance.standard_normal((HashEmbedder.dim, 8))
    np.savez(tmp_path / PROJECTION_FILE, image=image, text=text)
    bridge = open_bridge(str(tmp_path), HashEmbedder(), tmp_path)
    assert (
        bridge.image(_seen([1], [1.0])).shape
        == bridge.text(np.ones(HashEmbedder.dim, np.float32)).shape
        == (8,)
    )
    assert bridge.version != ConseBridge(HashEmbedder(), tmp_path).version


@pytest.mark.parametrize(
    ("files", "kind"), [({}, "unavailable"), ({"image": (3, 2), "text": (64, 2)}, "invalid_input")]
)
def test_a_missing_or_unfit_dual_encoder_says_so(tmp_path: Path, files: dict[str, Any], kind: str) -> None:
    if files:
        np.savez(tmp_path / PROJECTION_FILE, **{name: np.zeros(shape) for name, shape in files.items()})
    with pytest.raises(VidenceError) as caught:
        open_bridge(str(tmp_path), HashEmbedder(), tmp_path)
    assert caught.value.kind == kind


def test_a_collection_under_a_missing_dual_encoder_still_adds_text(tmp_path: Path, photos: Path) -> None:
    options = ImageOptions(encoder=str(tmp_path / "none"))
    collections = Collections(tmp_path / "collections", HashEmbedder, options)
    assert collections.add("album", [photos / "0.png"]).added == 1
    collections.close()


def test_the_backbone_is_loaded_once_for_all_collections_and_threads(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    loaded: list[str] = []
    load = onnxruntime.InferenceSession

    def counted(path: str, *args: Any, **kwargs: Any) -> Any:
        loaded.append(path)
        return load(path, *args, **kwargs)

    monkeypatch.setattr(onnxruntime, "InferenceSession", counted)
    collections = Collections(tmp_path / "home" / "collections", HashEmbedder)
    for name in ("one", "two"):
        collections.add(name, [photos / "1.png"])
    pixels = np.asarray(Image.open(photos / "1.png"))
    with ThreadPoolExecutor(4) as pool:
        meanings = list(pool.map(lambda _: collections.image_meaning(pixels), range(4)))
    collections.close()
    assert len(loaded) == 1
    assert all(np.array_equal(meaning, meanings[0]) for meaning in meanings)


def _chart(path: Path) -> None:
    picture = Image.new("RGB", (640, 420), "white")
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=26)
    pen.text((40, 20), "Annual rainfall in Lisbon", fill="black", font=font)
    for place, height in enumerate((120, 260, 180)):
        pen.rectangle((100 + 170 * place, 380 - height, 200 + 170 * place, 380), fill=(40, 90, 200))
    picture.save(path)


def test_a_chart_is_found_by_its_title_and_a_photo_is_not_read(tmp_path: Path, photos: Path) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    _chart(folder / "fig1.png")
    (folder / "fig2.png").write_bytes((photos / "0.png").read_bytes())
    collections = Collections(tmp_path / "home" / "collections", HashEmbedder)
    collections.add("album", [folder])
    best, *_ = collections.search("album", "annual rainfall in Lisbon", 2)
    assert best.doc_id == "fig1.png"
    assert "rainfall" in best.text
    read = collections.image_lines(str(best.locator.sha256))
    found = best_line("rainfall Lisbon", read)
    assert found is not None
    assert found[1][3] < 80
    photo = [hit for hit in collections.search("album", "cat", 2) if hit.doc_id == "fig2.png"]
    assert photo[0].text == "fig2"
    assert collections.image_lines(str(photo[0].locator.sha256)) == []
    collections.close()


def test_text_is_read_once_for_each_hash_and_never_when_told_so(tmp_path: Path) -> None:
    _chart(tmp_path / "a.png")
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    piece = Piece("a", "image", Locator(path=str(tmp_path / "a.png"), sha256="f" * 64))
    reader = ImageText(tmp_path / "cache", "auto")
    first = reader.add_to(piece, lambda *_: pixels)
    assert "rainfall" in first.text
    again = ImageText(tmp_path / "cache", "auto")
    assert again.add_to(piece, lambda *_: pytest.fail("it was read already")) == first
    never = ImageText(tmp_path / "cache2", "never")
    assert never.add_to(piece, lambda *_: pytest.fail("nothing may be read")) == piece


def test_a_caption_stays_before_the_text_of_its_image(tmp_path: Path) -> None:
    _chart(tmp_path / "a.png")
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    piece = Piece("Figure 3. Weather.", "image", Locator(path=str(tmp_path / "a.png"), sha256="e" * 64))
    assert (
        ImageText(tmp_path / "cache", "auto")
        .add_to(piece, lambda *_: pixels)
        .text.startswith("Figure 3. Weather.\n")
    )


def test_a_leg_without_images_costs_nothing(tmp_path: Path, docs: Path) -> None:
    collections = Collections(tmp_path / "home" / "collections", HashEmbedder)
    collections.add("docs", [docs])
    assert not (tmp_path / "home" / "collections" / "docs" / "images").exists()
    assert not (tmp_path / "home" / "cache").exists()
    collections.close()


def test_verify_finds_and_mends_features_that_are_gone(tmp_path: Path, photos: Path) -> None:
    collections = Collections(tmp_path / "collections", HashEmbedder)
    collections.add("photos", [photos])
    assert collections.verify("photos").images_ok
    [matrix] = (tmp_path / "collections" / "photos" / "images").glob("*/vectors.npy")
    matrix.write_bytes(matrix.read_bytes()[:200])
    collections.close()
    report = collections.verify("photos")
    assert (report.ok, report.images_ok, report.sparse_ok) == (False, False, True)
    assert collections.verify("photos", repair=True).ok
    report = collections.verify("photos")
    assert (report.ok, report.images_ok) == (True, True)
