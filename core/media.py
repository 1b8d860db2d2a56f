"""What bytes are, told by their first bytes and not by a name or a header that anyone can set."""

from __future__ import annotations

HTML = "text/html"
PDF = "application/pdf"
JSON = "application/json"
DICOM = "application/dicom"
ZIP = "application/zip"

SUFFIXES = {
    PDF: ".pdf",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/bmp": ".bmp",
    "image/tiff": ".tif",
    "image/webp": ".webp",
    "image/heic": ".heic",
    DICOM: ".dcm",
    ZIP: ".zip",
    HTML: ".html",
    "application/xhtml+xml": ".html",
    JSON: ".json",
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "text/markdown": ".md",
    "text/plain": ".txt",
    "text/x-python": ".py",
}
"""The suffix that stands for a media type."""

_MAGIC = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (128, b"DICM", DICOM),
    (0, b"PK\x03\x04", ZIP),
    (0, b"PK\x05\x06", ZIP),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"7z\xbc\xaf'\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"PAR1", "application/vnd.apache.parquet"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypheix", "image/heic"),
    (4, b"ftypmif1", "image/heic"),
    (4, b"ftypavif", "image/heic"),
    (4, b"ftyp", "video/mp4"),
)
_MARKUP = (b"<!doctype html", b"<html")
ARCHIVES = frozenset(
    {ZIP, "application/gzip", "application/x-bzip2", "application/x-xz", "application/x-7z-compressed"}
    | {"application/vnd.rar", "application/zstd"}
)
"""Files that hold other files; they are never unpacked."""


def sniff(data: bytes) -> str:
    """Return the media type that the first bytes show, or an empty string for text and the unknown."""
    for offset, magic, kind in _MAGIC:
        if data.startswith(magic, offset):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[:2] == b"BM" and data[6:10] == b"\0\0\0\0":
        return "image/bmp"
    if b"%PDF-" in data[:1024]:
        return PDF
    if data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_MARKUP):
        return HTML
    return ""
