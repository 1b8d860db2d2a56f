"""Images and bodies made to harm: each is refused with its code, and memory stays where it was."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from PIL import Image

from core.images import ImageStore
from server.security.keys import KeyStore
from server.storage.database import Database
from server.storage.schema import MIGRATIONS
from tests.support.bombs import (
    BODIES,
    CLEANED,
    LARGE,
    MB,
    REFUSED,
    Request,
    data_url,
    own_process,
    saved,
    send,
)
from tests.support.live_server import live, until

QUICK = [name for name in BODIES if "100 MB" not in name]
SLACK_MB = 150
"""What a process may keep after all of the bombs: pools, caches, what the allocator has not given back."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with live(tmp_path_factory.mktemp("bombs"), server_body_patience_s=3) as client:
        yield client


def upload(client: httpx.Client, data: bytes) -> httpx.Response:
    return client.post("/v1/images", content=data, headers={"Content-Type": "image/png"})


@pytest.mark.parametrize("name", REFUSED)
def test_images_made_to_harm_are_refused(client: httpx.Client, name: str) -> None:
    data = REFUSED[name]()
    reply = upload(client, data)
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_input"), reply.text
    if len(data) < MB:
        asked = {"question": "a", "images": [{"data_url": data_url(data)}]}
        assert client.post("/v1/runs", json=asked).status_code == 422


@pytest.mark.parametrize("name", CLEANED)
def test_of_other_odd_images_one_frame_of_pixels_is_kept(client: httpx.Client, name: str) -> None:
    reply = upload(client, CLEANED[name]())
    assert reply.status_code == 201, reply.text
    stored = client.get(f"/v1/images/{reply.json()['image_id']}").content
    assert set(chunks(stored)) == {b"IHDR", b"IDAT", b"IEND"}
    assert stored.endswith(b"IEND\xaeB`\x82")


def chunks(data: bytes) -> Iterator[bytes]:
    """Yield the kinds of a PNG's chunks."""
    at = 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        yield data[at + 4 : at + 8]
        at += 12 + length


@pytest.mark.parametrize("name", QUICK)
def test_bodies_made_to_harm_are_refused(client: httpx.Client, name: str) -> None:
    make, statuses = BODIES[name]
    status, body = send(str(client.base_url), make())
    assert status in statuses, body[:500]


def test_a_body_that_comes_too_slowly_is_let_go(client: httpx.Client) -> None:
    def drip() -> Iterator[bytes]:
        for _ in range(600):
            yield b"0"

    head = "POST /v1/images HTTP/1.1\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n"
    status, body = send(str(client.base_url), Request(head, drip, pause_s=0.1))
    assert status == 408, body
    assert '"code":"timeout"' in body


def test_a_body_of_a_slow_but_steady_client_is_taken(tmp_path: Path) -> None:
    """Longer than its time of grace, and faster than the least rate."""
    data = saved("PNG", (200, 200))
    pieces = [data[at : at + 20_000] for at in range(0, len(data), 20_000)]
    head = f"POST /v1/images HTTP/1.1\r\nContent-Type: image/png\r\nContent-Length: {len(data)}\r\n"
    with live(tmp_path, server_body_patience_s=0.4) as client:
        status, body = send(str(client.base_url), Request(head, lambda: iter(pieces), pause_s=0.1))
    assert status == 201, body


async def test_who_is_not_known_sends_no_body(tmp_path: Path) -> None:
    """100 MB are promised and one byte is sent: the answer comes without the rest."""
    database = Database(tmp_path / "server.db", MIGRATIONS)
    await database.open()
    _, key = await KeyStore(database).create("a", "a", "admin")
    await database.close()

    def one() -> Iterator[bytes]:
        yield b"0"

    def asking() -> Iterator[tuple[int, str]]:
        with live(tmp_path, identify=None, server_auth="keys") as client:
            for path in ("/v1/images", "/v1/runs", "/v1/chat/completions"):
                head = (
                    f"POST {path} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\n"
                )
                yield send(str(client.base_url), Request(head, one, pause_s=5, key=""), 20)
                yield send(str(client.base_url), Request(head, one, pause_s=5, key=key[:-1] + "_"), 20)

    import asyncio

    found = await asyncio.to_thread(lambda: list(asking()))
    assert [status for status, _ in found] == [401] * 6, found


def test_any_broken_file_is_a_typed_error(tmp_path: Path) -> None:
    """Bytes of honest pictures changed at random: Pillow raises what it likes, the store one error."""
    import random

    from core.errors import VidenceError

    store = ImageStore(tmp_path, max_bytes=MB, max_pixels=MB)
    chance = random.Random(7)
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        whole = saved(kind, (24, 24))
        for _ in range(150):
            data = bytearray(whole)
            for _ in range(chance.choice((1, 3, 20))):
                data[chance.randrange(len(data) // chance.choice((1, 1, 4)))] = chance.randrange(256)
            with contextlib.suppress(VidenceError):
                store.decode(bytes(data), kind)


def test_sixteen_bits_are_scaled_the_same_in_pieces() -> None:
    from core.images import _eight_bits

    import numpy as np  # isort: skip

    values = np.random.default_rng(1).integers(0, 65536, (700, 5), dtype=np.uint16)
    expected = np.clip(values.astype(np.float64) / 65535.0 * 255.0, 0, 255).astype(np.uint8)
    assert (_eight_bits(values, "I;16") == expected).all()


def test_stored_images_carry_nothing_of_the_file_but_pixels(tmp_path: Path) -> None:
    into = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "a secret"
    Image.new("RGB", (4, 4)).save(into, "PNG", icc_profile=b"profile" * 9, exif=exif, dpi=(1, 1))
    store = ImageStore(tmp_path, max_bytes=MB, max_pixels=MB)
    stored = store.path(store.add_bytes(into.getvalue(), source="a").sha256).read_bytes()
    assert set(chunks(stored)) == {b"IHDR", b"IDAT", b"IEND"}


@pytest.mark.server
def test_memory_is_flat_after_all_of_them(tmp_path: Path) -> None:
    """Every bomb against a server in a process of its own; its figures: `python -m benchmarks.http_bombs`."""
    with own_process(tmp_path, server_body_patience_s=3) as (url, pid), httpx.Client(base_url=url) as client:
        until(lambda: ready(client), 120)
        for name in ("JPEG named as a PNG", "16-bit PNG"):
            upload(client, CLEANED[name]())
        before = memory_mb(pid)
        for make in [*REFUSED.values(), *CLEANED.values(), *LARGE.values()]:
            assert upload(client, make()).status_code in (201, 422)
        for name, (request, statuses) in BODIES.items():
            assert send(url, request())[0] in statuses, name
        assert client.get("/health").status_code == 200
        assert memory_mb(pid) - before < SLACK_MB


def ready(client: httpx.Client) -> bool:
    try:
        return client.get("/ready").status_code == 200
    except httpx.TransportError:
        return False


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process."""
    found: Any = psutil.Process(pid).memory_info()
    return float(found.rss) / MB
