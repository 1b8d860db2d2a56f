"""Bytes as text: marks, UTF-8, UTF-16 without its mark, what the file declares, then likely encodings."""

from __future__ import annotations

import codecs
import re

from core.errors import VidenceError, invalid_input

_DECLARED = re.compile(
    rb"""<meta[^>]{0,200}charset=["']?([\w-]+)|<\?xml[^>]{0,100}encoding=["']([\w-]+)|^#.{0,40}coding[:=]\s*([\w-]+)""",
    re.I | re.M,
)
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FOREIGN = 0.2
"""Share of bytes over 127 from which a text is hardly in a western encoding."""


def decode(data: bytes) -> str:
    """Return bytes as text.

    Raises:
        VidenceError: `invalid_input` for what is not text.
    """
    for encoding in _candidates(data):
        try:
            text = data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        # A lone surrogate cannot be stored or hashed as UTF-8.
        if _is_text(text) and not any("\ud800" <= char <= "\udfff" for char in text):
            return text
        break
    raise _not_text()


def _candidates(data: bytes) -> list[str]:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return [encoding]
    wide = _wide(data)
    if wide:
        return [wide]
    found = ["utf-8"]
    declared = _DECLARED.search(data[:2048])
    if declared:
        found.append(next(name for name in declared.groups() if name).decode("ascii"))
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        if sum(byte > 127 for byte in data[:20_000]) > _FOREIGN * len(data[:20_000]):
            found += _guessed(data)
    return [*found, "cp1252", "latin-1"]


def _wide(data: bytes) -> str:
    """Tell UTF-16 without its mark by its zeros, which stand at every second byte of western text."""
    head = data[:2000]
    if len(data) % 2 or len(head) < 4:
        return ""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd > 0.4 * len(head) / 2 and even < 0.02 * len(head):
        return "utf-16-le"
    if even > 0.4 * len(head) / 2 and odd < 0.02 * len(head):
        return "utf-16-be"
    return ""


def _guessed(data: bytes) -> list[str]:
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return []
    best = from_bytes(data[:100_000]).best()
    return [best.encoding] if best is not None else []


def _is_text(text: str) -> bool:
    controls = sum(
        1 for char in text if (ord(char) < 32 and char not in "\t\n\r\f\v") or 127 <= ord(char) < 160
    )
    return controls == 0 or (controls < len(text) / 1000 and "\0" not in text)


def _not_text() -> VidenceError:
    return invalid_input(
        "The file is not text", help="Check its type: its name says text, its content does not."
    )
