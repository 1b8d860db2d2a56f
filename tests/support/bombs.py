"""Images and bodies made to harm a server, and a server in a process of its own whose memory can be watched.

    python -m tests.support.bombs HOME [SETTING=VALUE ...]

serves fakes on a free port of this machine and prints its address.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import os
import random
import socket
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
MB = 1_000_000
Make = Callable[[], bytes]


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, *, bits: int = 8, colour: int = 2, extra: bytes = b"", data: Make | None = None
) -> bytes:
    """Return a PNG whose header says what it likes; pixels are nought, as many as `data` gives."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(data() if data else b"\0" * 1000, 9))
    return b"\x89PNG\r\n\x1a\n" + head + extra + body + chunk(b"IEND", b"")


def whole_png(width: int, height: int, bits: int, colour: int) -> bytes:
    """Return a PNG with all its pixels, nought, in as few bytes as they take."""
    row = (width * bits * {0: 1, 2: 3, 6: 4}[colour] + 7) // 8 + 1
    packer = zlib.compressobj(9)
    parts = [packer.compress(b"\0" * row * 100) for _ in range(height // 100)]
    parts.append(packer.flush())
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height // 100 * 100, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", b"".join(parts)) + chunk(b"IEND", b"")


def saved(kind: str, size: tuple[int, int] = (64, 64), **options: object) -> bytes:
    """Return an honest picture of a kind."""
    into = io.BytesIO()
    noise = random.Random(3).randbytes(size[0] * size[1] * 3)
    Image.frombytes("RGB", size, noise).save(into, kind, **options)
    return into.getvalue()


def animated(kind: str, frames: int) -> bytes:
    """Return a picture of so many frames; GIF's are put together by hand, which is faster."""
    if kind == "GIF":
        head = b"GIF89a" + struct.pack("<HHBBB", 16, 16, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
        frame = b"!\xf9\x04\0\1\0\0\0" + b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2D\1\0"
        return head + frame * frames + b";"
    pictures = [Image.new("RGB", (4, 4), (number % 256, 0, 0)) for number in range(frames)]
    into = io.BytesIO()
    pictures[0].save(into, kind, save_all=True, append_images=pictures[1:], lossless=True)
    return into.getvalue()


def scans(count: int) -> bytes:
    """Return a progressive JPEG whose last scan comes again and again, each a pass over the picture."""
    into = io.BytesIO()
    Image.new("RGB", (256, 256), "red").save(into, "JPEG", progressive=True)
    data = into.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


def tiff(width: int, height: int) -> bytes:
    """Return a TIFF whose header says how large it is, with nothing behind it."""
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
            (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, 10)]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + b"\0" * 4


def pointing(tags: int, size: int) -> bytes:
    """Return a small TIFF with so many tags that all point at the same bytes."""
    known = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
             (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 8), (279, 4, 1, 64)]  # fmt: skip
    every = known + [(30_000 + number, 7, size, 8) for number in range(tags)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in every)
    return (
        b"II*\0"
        + struct.pack("<I", 8 + size)
        + bytes(size)
        + struct.pack("<H", len(every))
        + entries
        + b"\0" * 4
    )


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def filled(data: bytes, place: int, piece: bytes, times: int) -> bytes:
    """Return a file with the same piece put in many times."""
    return data[:place] + piece * times + data[place:]


def patched(data: bytes, marker: bytes, offset: int, value: bytes) -> bytes:
    """Return a file with some bytes behind a marker changed: a size that it does not have."""
    at = data.index(marker) + offset
    return data[:at] + value + data[at + len(value) :]


def zipped() -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("image.png", b"\0" * 10 * MB)
    return into.getvalue()


TEXT_BOMB = zlib.compress(b"\0" * 100 * MB, 9)
SVG = b"""<?xml version="1.0"?><!DOCTYPE svg [
<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><svg>&b;</svg>"""

REFUSED: dict[str, Make] = {
    "PNG of 30,000 x 30,000": lambda: png(30_000, 30_000),
    "PNG of 2,147,483,647 squared": lambda: png(2**31 - 1, 2**31 - 1),
    "PNG of 0 x 0": lambda: png(0, 0),
    "16-bit PNG of 20,000 x 20,000": lambda: png(20_000, 20_000, bits=16, colour=6),
    "1-bit PNG of 400 million pixels, whole": lambda: whole_png(20_000, 20_000, 1, 0),
    "PNG, zTXt of 100 MB": lambda: png(8, 8, extra=chunk(b"zTXt", b"Comment\0\0" + TEXT_BOMB)),
    "PNG, iTXt of 100 MB": lambda: png(8, 8, extra=chunk(b"iTXt", b"Comment\0\1\0\0\0" + TEXT_BOMB)),
    "PNG, profile of 100 MB": lambda: png(8, 8, extra=chunk(b"iCCP", b"icc\0\0" + TEXT_BOMB)),
    "PNG cut short": lambda: saved("PNG")[:2000],
    "PNG with a wrong checksum": lambda: patched(saved("PNG"), b"IHDR", 13, b"\0\0\0\0"),
    "PNG, a chunk of 2 GB": lambda: png(8, 8, extra=struct.pack(">I", 2**31 - 1) + b"tEXtx"),
    "GIF of 65,535 x 65,535": lambda: patched(animated("GIF", 1), b"GIF89a", 6, b"\xff\xff\xff\xff"),
    "GIF, a frame of 65,535 x 65,535": lambda: patched(animated("GIF", 1), b",", 5, b"\xff\xff\xff\xff"),
    "GIF cut short": lambda: animated("GIF", 1)[:25],
    "JPEG of 65,500 x 65,500": lambda: patched(saved("JPEG"), b"\xff\xc0", 5, b"\xff\xdc\xff\xdc"),
    "JPEG cut short": lambda: saved("JPEG")[:1500],
    "JPEG of 20,000 scans": lambda: scans(20_000),
    "WebP of 16,777,216 squared": lambda: (
        b"RIFF" + struct.pack("<I", 1000) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\0" * 4 + b"\xff" * 6
        + b"\0" * 980),
    "WebP cut short": lambda: saved("WEBP")[:500],
    "BMP of 30,000 x 30,000": lambda: patched(saved("BMP"), b"BM", 18, struct.pack("<ii", 30_000, 30_000)),
    "TIFF of 30,000 x 30,000": lambda: tiff(30_000, 30_000),
    "TIFF without pixels": lambda: tiff(64, 64),
    "TIFF whose directory is nowhere": lambda: b"II*\0\xff\xff\xff\x7f" + b"\0" * 100,
    "BigTIFF": lambda: b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**40) + b"\0" * 100,
    "PNG of 1 x 99 million": lambda: png(1, 99 * MB, colour=0),
    "PNG of 100,000 chunks": lambda: png(8, 8, extra=chunk(b"abCd", b"") * 100_000),
    "JPEG of 100,000 comments": lambda: filled(saved("JPEG"), 2, b"\xff\xfe\0\2", 100_000),
    "JPEG of a million filling bytes": lambda: filled(saved("JPEG"), 2, b"\xff", MB),
    "JPEG of a million bytes between segments": lambda: filled(saved("JPEG"), 20, b"\0", MB),
    "JPEG of 100 heads": lambda: filled(
        saved("JPEG"), 2, _segment(0xC0, b"\x08\0\1\0\1\3" + bytes(65_000)), 100),
    "JPEG of 3 MB of EXIF": lambda: filled(saved("JPEG"), 2, _segment(0xE1, b"Exif\0\0" + bytes(65_000)), 50),
    "GIF of 100,000 comments": lambda: filled(animated("GIF", 1), 19, b"!\xfe\1a\0", 100_000),
    "TIFF, 300 tags for the same MB": lambda: pointing(300, MB),
    "PNG, EXIF with 300 tags for the same MB": lambda: png(
        8, 8, data=lambda: b"\0" * 200, extra=chunk(b"eXIf", pointing(300, MB))),
    "JPEG, EXIF with 300 tags for the same 50 kB": lambda: filled(
        saved("JPEG"), 2, _segment(0xE1, b"Exif\0\0" + pointing(300, 50_000)), 1),
    "JPEG, pictures' list with 300 tags for the same 50 kB": lambda: filled(
        saved("JPEG"), 2, _segment(0xE2, b"MPF\0" + pointing(300, 50_000)), 1),
    "SVG with entities": lambda: SVG,
    "ZIP named as a PNG": zipped,
    "gzip of a PNG": lambda: gzip.compress(saved("PNG")),
    "PDF": lambda: b"%PDF-1.7\n" + b"0" * 1000,
    "HTML": lambda: b"<!doctype html><script>alert(1)</script>",
    "HEIC": lambda: b"\0\0\0\x18ftypheic" + b"\0" * 100,
    "PostScript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9999 9999\n",
    "text": lambda: b"no image at all",
    "noise": lambda: random.Random(1).randbytes(5000),
    "one byte": lambda: b"\x89",
}  # fmt: skip
"""Images that are refused: `invalid_input`, whichever route they come by."""

CLEANED: dict[str, Make] = {
    "GIF of 10,000 frames": lambda: animated("GIF", 10_000),
    "WebP of 300 frames": lambda: animated("WEBP", 300),
    "PNG of 300 frames": lambda: animated("PNG", 300),
    "TIFF of 100 pages": lambda: animated("TIFF", 100),
    "PNG with 5 MB of EXIF": lambda: png(
        8, 8, extra=chunk(b"eXIf", b"II*\0" + random.Random(2).randbytes(5 * MB))),
    "PNG with pixels for 100 MB": lambda: png(8, 8, data=lambda: b"\0" * 100 * MB),
    "GIF that is also a script": lambda: animated("GIF", 1) + b"/*<script>alert(1)</script>*/",
    "PNG that is also a ZIP": lambda: saved("PNG") + zipped(),
    "JPEG named as a PNG": lambda: saved("JPEG"),
    "JPEG with a profile and comments": lambda: saved(
        "JPEG", icc_profile=b"\0" * 1000, comment=b"x" * 1000),
    "16-bit PNG": lambda: whole_png(200, 200, 16, 0),
}  # fmt: skip
"""Images that are taken: one frame of pixels is kept of them, and nothing else."""

LARGE: dict[str, Make] = {
    "1-bit PNG of 100 million pixels, whole": lambda: whole_png(10_000, 10_000, 1, 0),
    "16-bit PNG of 100 million pixels, whole": lambda: whole_png(10_000, 10_000, 16, 0),
}
"""Images at the limit of `max_image_pixels`: they may be large for a moment, one at a time."""


def data_url(data: bytes) -> str:
    """Return a data URL."""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


@dataclass(frozen=True)
class Request:
    """A request on the wire: its head, then pieces of its body, a pause after each."""

    head: str
    body: Callable[[], Iterator[bytes]]
    pause_s: float = 0.0
    key: str = ""


def _json(path: str, body: bytes, more: str = "") -> Request:
    head = f"POST {path} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}"
    return Request(head, lambda: iter([body]))


def _zeros(count: int) -> Iterator[bytes]:
    piece = b"\0" * 100_000
    for _ in range(count // len(piece)):
        yield piece


def _chunked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


_AS_FORM = "POST /v1/vqa HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"


def _form(parts: int, size: int, name: str) -> Request:
    piece = (f'--x\r\nContent-Disposition: form-data; name="{name}"'
             f'{"; filename=a.png" if name == "image" else ""}\r\n\r\n').encode()  # fmt: skip
    body = (piece + b"0" * size + b"\r\n") * parts + b"--x--\r\n"
    return Request(f"{_AS_FORM}Content-Length: {len(body)}\r\n", lambda: iter([body]))


def _asks(**fields: object) -> bytes:
    return json.dumps({"question": "a", **fields}).encode()


def _pictured(url: str) -> Request:
    return _json("/v1/runs", _asks(images=[{"data_url": url}]))


_STREAM = "Transfer-Encoding: chunked\r\n"
_AS_IMAGE = "POST /v1/images HTTP/1.1\r\nContent-Type: image/png\r\n"
BODIES: dict[str, tuple[Callable[[], Request], tuple[int, ...]]] = {
    "100 MB, its length told": (
        lambda: Request(f"{_AS_IMAGE}Content-Length: {100 * MB}\r\n", lambda: _zeros(100 * MB)), (413,)),
    "100 MB in chunks": (lambda: Request(_AS_IMAGE + _STREAM, lambda: _chunked(_zeros(100 * MB))), (413,)),
    "100 MB in chunks, as JSON": (lambda: Request(
        f"POST /v1/runs HTTP/1.1\r\nContent-Type: application/json\r\n{_STREAM}",
        lambda: _chunked(_zeros(100 * MB))), (413,)),
    "100 MB as a form": (lambda: Request(
        _AS_FORM + _STREAM,
        lambda: _chunked(_zeros(100 * MB))), (413, 422)),
    "100 MB to OpenAI's protocol": (lambda: Request(
        f"POST /v1/chat/completions HTTP/1.1\r\nContent-Type: application/json\r\n{_STREAM}",
        lambda: _chunked(_zeros(100 * MB))), (413,)),
    "100 MB packed into gzip": (lambda: _json(
        "/v1/runs", gzip.compress(b" " * 100 * MB), "Content-Encoding: gzip\r\n"), (422,)),
    "30 MB that are no JSON": (lambda: _json("/v1/runs", b"[" + b" " * 30 * MB), (422,)),
    "100,000 levels of JSON": (lambda: _json("/v1/runs", b"[" * 100_000 + b"]" * 100_000), (422,)),
    "100,000 levels of JSON in a form's route": (
        lambda: _json("/v1/vqa", b'{"a":' * 100_000 + b"1" + b"}" * 100_000), (422,)),
    "a number of a million digits": (lambda: _json("/v1/runs", b'{"question": ' + b"1" * MB + b"}"), (422,)),
    "200,000 unknown fields": (
        lambda: _json("/v1/runs", json.dumps({f"f{n}": n for n in range(200_000)}).encode()), (422,)),
    "a question of 30 MB": (lambda: _json("/v1/runs", _asks(question="a" * 30 * MB)), (422,)),
    "half a surrogate pair": (lambda: _json("/v1/runs", b'{"question": "\\ud800"}'), (422,)),
    "bytes that are no UTF-8": (lambda: _json("/v1/runs", b'{"question": "\xff\xfe"}'), (422,)),
    "a data URL of 30 MB of nothing": (
        lambda: _pictured(data_url(b"\0" * 22 * MB)), (422,)),
    "a data URL of 30 MB that is no base64": (
        lambda: _pictured("data:image/png;base64," + "!" * 30 * MB), (422,)),
    "a data URL with 10 MB of parameters": (
        lambda: _pictured("data:image/png" + ";a=b" * 2_500_000), (422,)),
    "10,000 images": (lambda: _json("/v1/runs", _asks(images=[{"image_id": "0" * 64}] * 10_000)), (422,)),
    "a form of 5,000 files": (lambda: _form(5_000, 100, "image"), (422,)),
    "a form of 10,000 fields": (lambda: _form(10_000, 10, "collections"), (422,)),
    "a form with a field of 20 MB": (lambda: _form(1, 20 * MB, "question"), (422,)),
    "a form without an end": (lambda: Request(
        f"{_AS_FORM}Content-Length: 26\r\n",
        lambda: iter([b"--x\r\nContent-Disposition: "])), (422,)),
    "a form without a boundary": (lambda: Request(
        "POST /v1/vqa HTTP/1.1\r\nContent-Type: multipart/form-data\r\nContent-Length: 3\r\n",
        lambda: iter([b"--x"])), (422,)),
    "a length that is no number": (
        lambda: Request(f"{_AS_IMAGE}Content-Length: ten\r\n", lambda: iter([])), (400,)),
    "two lengths": (
        lambda: Request(
            _AS_IMAGE + "Content-Length: 3\r\nContent-Length: 4\r\n", lambda: iter([b"abc"])), (400,)),
}  # fmt: skip
"""Bodies, and the statuses that refuse them. 400 is the HTTP parser's own, before there is a request."""


def send(url: str, request: Request, timeout_s: float = 120.0) -> tuple[int, str]:
    """Send a request byte by byte as it says, and return the status and the body of the reply."""
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port), timeout=timeout_s) as wire:
        key = f"Authorization: Bearer {request.key}\r\n" if request.key else ""
        wire.sendall(f"{request.head}Host: {where.hostname}\r\n{key}Connection: close\r\n\r\n".encode())
        # A server that has answered may close before all was sent.
        with contextlib.suppress(ConnectionError):
            for piece in request.body():
                wire.sendall(piece)
                if request.pause_s and _answered(wire, request.pause_s):
                    break
        reply = b""
        with contextlib.suppress(ConnectionError):
            while piece := wire.recv(65_536):
                reply += piece
    head, _, body = reply.partition(b"\r\n\r\n")
    return int(head.split()[1]) if head else 0, body.decode(errors="replace")


def _answered(wire: socket.socket, seconds: float) -> bool:
    import select

    return bool(select.select([wire], [], [], seconds)[0])


@contextlib.contextmanager
def own_process(home: Path, **settings: object) -> Iterator[tuple[str, int]]:
    """Serve in a process; yields its address and its process id."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.bombs", str(home), *(f"{k}={v}" for k, v in settings.items())],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), process.pid
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def main() -> None:
    """Serve until a signal."""
    import uvicorn

    from core.settings import Settings
    from server.app import create_app
    from tests.support.live_server import opener

    home = Path(sys.argv[1])
    given = dict(item.split("=", 1) for item in sys.argv[2:])
    settings = Settings.model_validate({"home": home, "server_requests_per_minute": 0, **given})
    listening = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)  # noqa: T201
    config = uvicorn.Config(create_app(settings, open_services=opener(home)), log_level="error")
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
