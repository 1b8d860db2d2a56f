"""What an image file would cost to read, told from its structure before Pillow reads it.

Pillow walks a file's parts in Python, and copies what each tag of a directory points at: a megabyte of empty
parts takes it tens of seconds, and a thousand tags that point at the same ten megabytes take ten gigabytes.
The checks here are cheap because each stops at its limit; `TooCostly` says what there is too much of.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Any

MAX_SIDE = 65_535
"""Pixels; JPEG's own limit. Pillow keeps a pointer a row, and every step of ours has a cost a row."""
MAX_CHUNKS = 20_000
"""Of a PNG, most of them pixels in pieces of some kilobytes."""
MAX_PARTS = 4_000
"""Segments of a JPEG, blocks of a GIF, before the picture."""
MAX_JUNK = 65_536
MAX_HEAD = 16_000_000
"""Bytes of a JPEG before the picture."""
MAX_EXIF = 1_000_000
MAX_FRAME_HEADERS = 4
MAX_VALUES = 400_000
"""Numbers in the tags of a TIFF: offsets of rows, a map of colours. Each becomes an object."""
TOLD_TWICE = 4
"""How often the tags of a directory may point at the same bytes, on the whole."""

_NOT_FF = re.compile(rb"[^\xff]")
_BARE = frozenset([0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)])
"""Markers of JPEG behind which Pillow expects no length."""
_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xDE}
_TEXTS = (1, 2, 6, 7)
_BYTES_EACH = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
_SUB_DIRECTORIES = (34665, 34853, 40965)
_RAW_PROFILE = "Raw profile type exif"


class TooCostly(Exception):  # noqa: N818 - what the file is, not what failed
    """A file made so that reading it takes minutes or gigabytes."""


def check_file(data: bytes) -> None:
    """Check a file by its kind, told by its first bytes."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        _check_png(data)
    elif data.startswith(b"\xff\xd8\xff"):
        _check_jpeg(data)
    elif data.startswith((b"GIF87a", b"GIF89a")):
        _check_gif(data)
    elif data.startswith((b"II", b"MM")):
        _check_directories(data)


def check_size(width: int, height: int) -> None:
    """Refuse a picture that is too long or too high, however few its pixels are."""
    if max(width, height) > MAX_SIDE:
        raise TooCostly(f"{width:,} x {height:,} pixels; a side has at most {MAX_SIDE:,}")


def check_exif(info: Mapping[Any, Any]) -> None:
    """Check the EXIF block of an open picture before it is read for its orientation."""
    block = info.get("exif")
    if block is None and isinstance(info.get(_RAW_PROFILE), str):
        block = bytes.fromhex("".join(info[_RAW_PROFILE].split("\n")[3:]))
    if isinstance(block, bytes):
        _check_directories(_bare_exif(block))


def _check_png(data: bytes) -> None:
    at, chunks = 8, 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IEND":
            return
        at += 12 + size
        chunks += 1
        if chunks > MAX_CHUNKS:
            raise TooCostly(f"more than {MAX_CHUNKS:,} chunks")


def _check_jpeg(data: bytes) -> None:
    at, parts, junk, frames, exif = 2, 0, 0, 0, b""
    while (marker := data.find(b"\xff", at)) >= 0 and (found := _NOT_FF.search(data, marker)):
        junk += found.start() - at - 1
        code, at = data[found.start()], found.end()
        parts += 1
        frames += code in _FRAME
        if junk > MAX_JUNK or parts > MAX_PARTS or at > MAX_HEAD or frames > MAX_FRAME_HEADERS:
            raise TooCostly("too many segments, or too much between them, before the picture")
        if code == 0xDA or at + 2 > len(data):
            break
        if code in _BARE or not code:
            continue
        size = max(2, int.from_bytes(data[at : at + 2], "big"))
        body = data[at + 2 : at + size]
        at += size
        if code == 0xE1 and body.startswith(b"Exif\0\0"):
            exif += body[6:] if exif else body
            if len(exif) > MAX_EXIF:
                raise TooCostly(f"more than {MAX_EXIF:,} bytes of EXIF")
        elif code == 0xE2 and body.startswith(b"MPF\0"):
            _check_directories(body[4:])
    else:
        if len(data) - at > MAX_JUNK:
            raise TooCostly("no picture in it")
    _check_directories(_bare_exif(exif))


def _check_gif(data: bytes) -> None:
    if len(data) < 13:
        return
    at, parts = 13, 0
    if data[10] & 0x80:
        at += 3 * (2 << (data[10] & 7))
    while at < len(data) and data[at] not in b",;":
        extension = data[at] == ord("!")
        at += 2 if extension else 1
        parts += 1
        while extension and at < len(data) and data[at] and parts <= MAX_PARTS:
            at += data[at] + 1
            parts += 1
        at += extension
        if parts > MAX_PARTS:
            raise TooCostly(f"more than {MAX_PARTS:,} blocks before the picture")


def _check_directories(block: bytes) -> None:
    """Add up what the tags of a TIFF, or of an EXIF block, point at."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return
    if b"\x2b" in block[2:4]:
        raise TooCostly("a BigTIFF, which is made for more than 4 GB")
    left, values, seen = TOLD_TWICE * len(block), 0, set()
    ahead = [struct.unpack_from(order + "I", block, 4)[0]]
    while ahead:
        at = ahead.pop()
        if at in seen or at + 2 > len(block):
            continue
        seen.add(at)
        entries = struct.unpack_from(order + "H", block, at)[0]
        whole = min(entries, (len(block) - at - 2) // 12)
        for tag, kind, count, value in struct.iter_unpack(
            order + "HHII", block[at + 2 : at + 2 + 12 * whole]
        ):
            size = count * _BYTES_EACH.get(kind, 0)
            if size > 4 and value + size > len(block):
                continue  # Pillow stops reading here
            left -= size
            values += 0 if kind in _TEXTS else count * (size > 0)
            if left < 0 or values > MAX_VALUES:
                raise TooCostly("its tags hold more than a picture's do")
            if tag in _SUB_DIRECTORIES:
                ahead.append(value)


def _bare_exif(block: bytes) -> bytes:
    while block.startswith(b"Exif\0\0"):
        block = block[6:]
    return block
