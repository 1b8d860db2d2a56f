"""Whether a saved payload was read without loss: against the file's own text and Biopython's reading."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from core.errors import VidenceError
from knowledge.pubmed.entrez import biopython
from knowledge.pubmed.files import read_payload
from knowledge.pubmed.xml_text import read_root, text_of

BOOKKEEPING = frozenset(
    {
        "DateCompleted",
        "DateRevised",
        "History",
        "NlmUniqueID",
        "CitationSubset",
        "Country",
        "PublicationStatus",
    }
    | {"NumberOfReferences", "Month", "Day", "MedlineTA", "ISSNLinking", "StartPage", "EndPage"}
)
"""Fields of a record that tell when and how NLM worked on it, or repeat another field in another form."""
_INLINE = frozenset({"i", "b", "u", "sub", "sup", "math", "DispFormula"})
_PAPER = (
    "front/article-meta/title-group/article-title",
    "front/article-meta/abstract",
    "body",
    "back",
    "floats-group",
    "sub-article/body",
    "response/body",
)
_BLOCKS = frozenset(
    {"p", "title", "label", "td", "th", "caption", "sec", "fig", "table", "ref", "list", "disp-quote", "fn"}
    | {"table-wrap", "mixed-citation", "element-citation", "citation", "ack", "app", "object-id", "glossary"}
)
_NOT_READ = frozenset({"object-id", "graphic", "inline-graphic", "media"})
"""Names of files and parts, not text."""


def check_file(path: Path) -> dict[str, Any]:
    """Read a file and report what of its text did not come through.

    Returns:
        `path, kind, items, texts` (how many texts were looked for), `lost` (those not found, at most 50), and
        `biopython`: `agrees`, or why it does not read the file. A file that neither reads is not a loss.
    """
    body = path.read_bytes()
    theirs, said = _their_reading(body)
    try:
        kind, content = read_payload(body)
    except VidenceError as error:
        lost = ["whole file"] if theirs is not None else []
        return {"path": str(path), "kind": "unreadable", "items": 0, "texts": 0, "error": error.message,
                "lost": lost, "biopython": said}  # fmt: skip
    wanted = list(_own_texts(body, kind))
    if theirs:
        wanted += _leaves(_readable_parts(theirs) if kind == "full text" else theirs, _skipped(kind))
    lost = _lost_texts(wanted, _leaves(content))
    return {
        "path": str(path),
        "kind": kind,
        "items": len(content),
        "texts": len(wanted),
        "lost": lost[:50],
        "biopython": "agrees" if theirs is not None and not lost else said or "differs",
    }


def _their_reading(body: bytes) -> tuple[Any, str]:
    """Return Biopython's own reading of the file as it is, or why there is none."""
    if not body.lstrip().startswith(b"<"):
        return None, "not XML"
    try:
        return biopython().read(io.BytesIO(body), validate=True, escape=False), ""
    except (ValueError, RuntimeError, KeyError) as error:
        return None, f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"


def _readable_parts(articles: Any) -> list[Any]:
    """Return what of Biopython's reading of a paper people read: its body and what follows it."""
    parts = ("body", "back", "floats-group")
    return [article[part] for article in articles for part in parts if article.get(part)]


def _own_texts(body: bytes, kind: str) -> Iterator[str]:
    """Yield every text of the file that a reader may want, straight from its lines or elements."""
    if kind in ("medline", "ids"):
        yield from _medline_texts(body.decode("utf-8", errors="replace"))
        return
    root = read_root(body)
    if kind == "full text":
        article = root if root.tag == "article" else next(root.iter("article"))
        for path in _PAPER:
            for node in article.iterfind(path):
                yield from _blocks(node)
        return
    if kind not in ("articles", "summaries"):
        yield from (value for node in root.iter() for value in node.attrib.values() if value.strip())
    yield from _element_texts(root, _skipped(kind))


def _skipped(kind: str) -> frozenset[str]:
    return BOOKKEEPING if kind == "articles" else frozenset()


def _medline_texts(text: str) -> Iterator[str]:
    """Yield the fields of MEDLINE text, the lines of each joined."""
    lines = re.sub(r"\n {6}", " ", text.replace("\r", "")).splitlines()
    yield from (line[6:] if re.match(r"[A-Z]{2,4} *- ", line) else line for line in lines if line.strip())


def _element_texts(node: Element, skip: frozenset[str]) -> Iterator[str]:
    if node.tag in skip:
        return
    if all(part.tag.rpartition("}")[2] in _INLINE for part in node):
        if text := text_of(node):
            yield text
    else:
        for part in node:
            yield from _element_texts(part, skip)
    if node.tag == "AbstractText" and node.get("Label"):
        yield str(node.get("Label"))


def _blocks(node: Element) -> Iterator[str]:
    """Yield the smallest blocks of a paper, each as one text: inline markup may stand inside a word."""
    if node.tag in _NOT_READ:
        return
    if node.tag == "ref-list":
        for part in node.iter("ref"):
            yield text_of(part)
        return
    if not any(part.tag in _BLOCKS for part in node.iter() if part is not node):
        if text := text_of(node):
            yield text
        return
    for own in (node.text, *(part.tail for part in node)):
        if own and own.strip():
            yield own
    for part in node:
        yield from _blocks(part)


def _leaves(value: Any, skip: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the texts inside plain values, and Biopython's types, which are plain values with attributes."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in skip:
                yield from _leaves(item, skip)
        if "Label" in getattr(value, "attributes", {}):
            yield str(value.attributes["Label"])  # type: ignore[attr-defined]
    elif isinstance(value, str):
        if value.strip():
            yield str(value)
    elif isinstance(value, int | float):
        yield str(int(value) if isinstance(value, int) else value)
    elif isinstance(value, Iterable):
        for item in value:
            yield from _leaves(item, skip)


def _lost_texts(wanted: Iterable[str], found: Iterable[str]) -> list[str]:
    """Return the texts whose letters stand in none of ours."""
    ours = {_letters(text) for text in found}
    everything = "\n".join(ours)
    lost: dict[str, None] = {}
    for text in wanted:
        letters = _letters(text)
        if letters and letters not in ours and letters not in everything:
            lost[text[:200]] = None
    return list(lost)


def _letters(text: str) -> str:
    """Return a text without markup, white space and case: Biopython keeps inline tags in its strings."""
    return "".join(unicodedata.normalize("NFKC", _plain(text)).casefold().split()).replace("*", "")


def _plain(text: str) -> str:
    return re.sub(r"</?[A-Za-z][^<>]*>", "", text)
