"""Markdown, plain text and HTML as pieces."""

from __future__ import annotations

from pathlib import Path

from knowledge.readers.cutting import markdown_sections, split_text
from knowledge.readers.file_types import HTML_SUFFIXES, MARKDOWN
from knowledge.readers.web_page import html_pieces
from knowledge.records import Piece


def text_pieces(path: Path, text: str) -> list[Piece]:
    """Return the pieces of a text file by its type."""
    suffix = path.suffix.lower()
    title = path.stem.replace("_", " ").replace("-", " ")
    if suffix in HTML_SUFFIXES:
        return html_pieces(path, text)
    if suffix in MARKDOWN:
        sections = markdown_sections(text)
        return split_text(text, title=title, sections=sections, path=str(path))
    return split_text(text, title=title, path=str(path))
