"""Markdown, plain text and HTML as pieces."""

from __future__ import annotations

import re
from pathlib import Path

from core.errors import unavailable
from knowledge.chunks import Section, markdown_sections, split_text
from knowledge.records import Piece

_HTML_NOISE = ("script", "style", "noscript", "template", "nav", "svg", "head")
_HTML_BLOCKS = (
    "p div section article main header footer aside li ul ol dl dt dd table tr h1 h2 h3 h4 h5 h6 pre "
    "blockquote figure figcaption br hr form"
).split()


def text_pieces(path: Path, text: str) -> list[Piece]:
    """Return the pieces of a text file by its type."""
    suffix = path.suffix.lower()
    title = path.stem.replace("_", " ").replace("-", " ")
    if suffix in {".html", ".htm"}:
        return html_pieces(path, text)
    if suffix in {".md", ".markdown", ".mdx"}:
        sections = markdown_sections(text)
        return split_text(text, title=title, sections=sections, path=str(path))
    return split_text(text, title=title, path=str(path))


def html_pieces(path: Path, text: str) -> list[Piece]:
    """Return the visible text of a page by its headings. Lines would be those of no file: none given.

    Raises:
        VidenceError: `unavailable` without beautifulsoup4.
    """
    try:
        from bs4 import BeautifulSoup
    except ImportError as error:
        raise unavailable(
            "Reading HTML needs beautifulsoup4", help="Run `pip install 'vidence[rag]'`.", retryable=False
        ) from error
    soup = BeautifulSoup(text, "html.parser")
    title = soup.title.get_text(" ", strip=True) if soup.title else path.stem
    for node in soup(list(_HTML_NOISE)):
        node.decompose()
    body = ""
    sections: list[Section] = []
    start, heading = 0, ""
    for node in soup(list(_HTML_BLOCKS)):
        node.insert_before("\n")
        node.insert_after("\n")
    for node in soup(["td", "th"]):
        node.insert_after("\t")
    # Headings are marked by characters that no page uses, so that one pass gives text and sections.
    for node in soup(["h1", "h2", "h3", "h4", "h5", "h6"]):
        node.insert_before("\x02")
        node.insert_after("\x03")
    plain = re.sub(r"[ \r\f\v\xa0]+", " ", soup.get_text())
    plain = re.sub(r" ?\n[ \n]*", "\n", plain)
    for part in re.split(r"(\x02[^\x03]*\x03)", plain):
        if part.startswith("\x02"):
            sections.append(Section(start, len(body), heading))
            start, heading = len(body), re.sub(r"\s+", " ", part.strip("\x02\x03")).strip()
        body += part.replace("\x02", "").replace("\x03", "")
    sections.append(Section(start, len(body), heading))
    return split_text(body, title=title, sections=sections, path=str(path), lines=False)
