"""Bad images are typed errors, odd but valid ones are normalised, and nothing else gets in."""

from __future__ import annotations

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from PIL import Image

from core.errors import VidenceError
from core.images import ImageStore


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images", max_bytes=5_000_000, max_pixels=100_000_000)


def encoded(picture: Image.Image, format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=format_, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def huge_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(b"\x00" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


BAD = {
    "empty": b"",
    "text": b"this is not an image at all",
    "truncated jpeg": encoded(Image.effect_noise((300, 300), 90).convert("RGB"), "JPEG")[:4000],
    "30,000 x 30,000 png": huge_png(30_000, 30_000),
    "heic": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00heicmif1" + b"\x00" * 64,
    "too many bytes": b"\x89PNG" + b"\x00" * 5_000_001,
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_image_is_a_typed_error_that_says_what_to_do(store: ImageStore, name: str) -> None:
    with pytest.raises(VidenceError) as caught:
        store.add_bytes(BAD[name], source=name)
    assert caught.value.kind == "invalid_input"
    assert caught.value.help


def test_a_missing_file_and_a_directory_are_told_apart(store: ImageStore, tmp_path: Path) -> None:
    with pytest.raises(VidenceError) as missing:
        store.add_path(tmp_path / "nowhere.png")
    with pytest.raises(VidenceError) as folder:
        store.add_path(tmp_path)
    assert (missing.value.kind, folder.value.kind) == ("not_found", "invalid_input")


def test_an_animated_gif_is_read_by_its_first_frame(store: ImageStore) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    stored = store.add_bytes(data, source="a.gif")
    assert tuple(store.open(stored.sha256)[0, 0]) == (255, 0, 0)


def test_a_cmyk_jpeg_becomes_rgb(store: ImageStore) -> None:
    stored = store.add_bytes(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"), source="c")
    red, green, blue = store.open(stored.sha256)[4, 4]
    assert red > 200 > 60 > max(green, blue)


def test_a_16_bit_png_keeps_its_tones(store: ImageStore) -> None:
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16).reshape(1, 256).repeat(4, axis=0)
    stored = store.add_bytes(encoded(Image.fromarray(ramp), "PNG"), source="16")
    tones = store.open(stored.sha256)[0, :, 0].astype(int)
    assert (tones[0], tones[-1]) == (0, 255)
    assert abs(int(tones[128]) - 128) <= 1


def test_transparency_is_laid_on_white(store: ImageStore) -> None:
    stored = store.add_bytes(encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 0)), "PNG"), source="t")
    assert tuple(store.open(stored.sha256)[0, 0]) == (255, 255, 255)


def test_exif_is_applied_and_then_stripped(store: ImageStore) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Camera of Jane Doe"
    data = encoded(Image.new("RGB", (20, 10), "red"), "JPEG", exif=exif.tobytes())
    stored = store.add_bytes(data, source="e.jpg")
    assert (stored.width, stored.height) == (10, 20)
    assert b"Jane" not in store.path(stored.sha256).read_bytes()
    assert not Image.open(store.path(stored.sha256)).getexif()


def test_the_same_bytes_are_stored_once(store: ImageStore) -> None:
    data = encoded(Image.new("RGB", (4, 4), "red"), "PNG")
    assert store.add_bytes(data, source="a").sha256 == store.add_bytes(data, source="b").sha256


def test_threads_that_store_the_same_image_at_once_all_get_it(store: ImageStore) -> None:
    for turn in range(5):
        picture = Image.fromarray(np.random.default_rng(turn).integers(0, 255, (200, 200, 3), np.uint8))
        data, together = encoded(picture, "PNG"), Barrier(6)

        def add(data: bytes = data, together: Barrier = together) -> str:
            together.wait()
            return store.add_bytes(data, source="x.png").sha256

        with ThreadPoolExecutor(6) as pool:
            found = {future.result() for future in [pool.submit(add) for _ in range(6)]}
        assert [store.path(one).is_file() for one in found] == [True]
        assert not list(store.path(found.pop()).parent.glob("*.tmp"))
