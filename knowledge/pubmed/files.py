"""Saved PubMed files: efetch and other replies, deposits of PubMed Central, and MEDLINE text (`.nbib`)."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from core.errors import VidenceError, invalid_input, not_found
from knowledge.pubmed.articles import parse_records
from knowledge.pubmed.entrez import parse_links, parse_search, parse_summaries, plain, read_entrez
from knowledge.pubmed.full_text import parse_full_text
from knowledge.pubmed.record import Author, PubMedRecord, Section
from knowledge.pubmed.xml_text import read_root

_SUFFIXES = frozenset({".xml", ".nxml", ".nbib", ".txt", ".medline"})
_MEDLINE = re.compile(r"^PMID- ?\s*\d+", re.M)
_IDS = re.compile(r"\s*(?:[1-9]\d{0,8}\s+)*[1-9]\d{0,8}\s*")
_LABEL = re.compile(r"(?:^|(?<=[.?!)%] ))([A-Z][A-Z /&,'-]{2,60}): ")
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()


def files_under(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files named, and those under the folders named that look like saved PubMed files.

    Raises:
        VidenceError: `not_found` for a path that does not exist.
    """
    for path in paths:
        if not path.exists():
            raise not_found(f"No such file: {path}", help="Check the path.")
        if path.is_dir():
            yield from sorted(item for item in path.rglob("*") if item.suffix in _SUFFIXES and item.is_file())
        else:
            yield path


def read_file(path: Path) -> dict[str, Any]:
    """Return what a saved file holds: its `kind`, how many `items`, and the `content` as plain values.

    A file that cannot be read has `error` instead: what is wrong with it.
    """
    try:
        kind, content = read_payload(path.read_bytes())
    except VidenceError as error:
        return {"path": str(path), "kind": "unreadable", "items": 0, "error": error.message}
    return {"path": str(path), "kind": kind, "items": len(content), "content": content}


def read_payload(body: bytes) -> tuple[str, list[Any]]:
    """Return the kind and the items of a payload.

    Raises:
        VidenceError: `unavailable` for XML that is not whole; `invalid_input` for what is not from PubMed.
    """
    if not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        text = body.decode("utf-8", errors="replace")
        if _IDS.fullmatch(text):
            return "ids", text.split()
        if not _MEDLINE.search(text):
            raise invalid_input("Neither XML nor MEDLINE text", help="Save it from PubMed as XML or .nbib.")
        return "medline", [{**_from_medline(entry).to_json(), "reply": entry} for entry in _entries(text)]
    root = read_root(body)
    reader = _READERS.get(root.tag)
    if reader:
        return reader[0], reader[1](body)
    if root.tag in ("eInfoResult", "ePostResult", "eSpellResult"):
        return root.tag, [plain(read_entrez(body))]
    return root.tag, [_tree(root)]


def parse_medline(text: str) -> list[PubMedRecord]:
    """Read MEDLINE text, the format of PubMed's own exports, by Biopython's Medline parser."""
    return [_from_medline(entry) for entry in _entries(text)]


def _entries(text: str) -> list[dict[str, Any]]:
    from Bio import Medline

    medline: Any = Medline
    return [dict(entry) for entry in medline.parse(io.StringIO(text)) if entry.get("PMID")]


def _from_medline(entry: dict[str, Any]) -> PubMedRecord:
    ids = [str(item) for item in [*entry.get("AID", []), *_listed(entry.get("LID"))]]
    types = tuple(entry.get("PT", ()))
    return PubMedRecord(
        pmid=entry["PMID"],
        title=entry.get("TI") or entry.get("TT") or entry.get("BTI", ""),
        abstract=tuple(_labelled(entry["AB"])) if entry.get("AB") else (),
        journal=entry.get("JT") or entry.get("TA", ""),
        date=_date(entry.get("DP", "")),
        authors=tuple(entry.get("AU", ())) + tuple(entry.get("CN", ())),
        publication_types=types,
        mesh=tuple(term.replace("*", "") for term in entry.get("MH", ())),
        mesh_major=tuple(term.split("/")[0].replace("*", "") for term in entry.get("MH", ()) if "*" in term),
        doi=next((item.removesuffix(" [doi]") for item in ids if item.endswith("[doi]")), ""),
        pmc=entry.get("PMC", ""),
        language=", ".join(_listed(entry.get("LA"))),
        retracted="Retracted Publication" in types or bool(entry.get("RIN")),
        notices=tuple(
            f"{kind}: {source}"
            for tag, kind in (("RIN", "RetractionIn"), ("EIN", "ErratumIn"), ("ECI", "ExpressionOfConcernIn"))
            for source in _listed(entry.get(tag))
        ),
        keywords=tuple(entry.get("OT", ())),
        substances=tuple(_listed(entry.get("RN"))),
        people=tuple(Author(last=name, fore=rest) for name, rest in map(_halves, entry.get("FAU", ()))),
        journal_short=entry.get("TA", ""),
        issn=entry.get("IS", ""),
        volume=entry.get("VI", ""),
        issue=entry.get("IP", ""),
        pages=entry.get("PG", ""),
        date_text=entry.get("DP", ""),
        grants=tuple(_listed(entry.get("GR"))),
        registrations=tuple(_listed(entry.get("SI"))),
        conflict_of_interest=entry.get("COIS", ""),
        ids=tuple(ids),
        notes=tuple(_listed(entry.get("AD"))),
    )


def _halves(name: str) -> tuple[str, str]:
    last, _, fore = name.partition(", ")
    return last, fore


def _labelled(text: str) -> Iterator[Section]:
    """Cut an abstract at its labels (`METHODS:`), which MEDLINE text runs together."""
    parts = _LABEL.split(text)
    if parts[0].strip():
        yield Section("", parts[0].strip())
    for label, words in zip(parts[1::2], parts[2::2], strict=True):
        yield Section(label, words.strip())


def _date(text: str) -> str:
    found = re.match(r"(\d{4})(?: ([A-Z][a-z]{2})(?: (\d{1,2}))?)?(?![\w-])", text)
    if not found:
        return text[:4] if text[:4].isdigit() else ""
    year, month, day = found.groups()
    if not month or month.lower() not in _MONTHS:
        return str(year)
    return f"{year}-{_MONTHS.index(month.lower()) + 1:02d}" + (f"-{int(day):02d}" if day else "")


def _listed(value: Any) -> list[str]:
    return [] if not value else [str(value)] if isinstance(value, str) else [str(item) for item in value]


def _tree(node: Element) -> dict[str, Any]:
    """Return an element as plain values; nothing of it is left out."""
    parts = {"tag": node.tag, "text": (node.text or "").strip(), "tail": (node.tail or "").strip()}
    made: dict[str, Any] = {key: value for key, value in parts.items() if value}
    if node.attrib:
        made["attributes"] = dict(node.attrib)
    if len(node):
        made["parts"] = [_tree(part) for part in node]
    return made


def _articles(body: bytes) -> list[Any]:
    return [item.to_json() for item in parse_records(body)]


def _search(body: bytes) -> list[Any]:
    return [{**asdict(parse_search(body)), "reply": plain(read_entrez(body))}]


def _summaries(body: bytes) -> list[Any]:
    """Return PubMed's summaries typed, beside Biopython's reading; other databases have the reading only."""
    entries = read_entrez(body, "eSummaryResult")
    typed = {item.pmid: asdict(item) for item in parse_summaries(body)}
    return [{**typed.get(str(item["Id"]), {}), "reply": plain(item)} for item in entries]


def _links(body: bytes) -> list[Any]:
    """Return ids by link, beside Biopython's reading, which has link checks and publishers' addresses too."""
    return [{"links": parse_links(body), "reply": plain(read_entrez(body, "eLinkResult"))}]


def _paper(body: bytes) -> list[Any]:
    return [parse_full_text(body).to_json()]


_READERS: dict[str, tuple[str, Callable[[bytes], list[Any]]]] = {
    "PubmedArticleSet": ("articles", _articles),
    "PubmedArticle": ("articles", _articles),
    "eSearchResult": ("search", _search),
    "eSummaryResult": ("summaries", _summaries),
    "eLinkResult": ("links", _links),
    "pmc-articleset": ("full text", _paper),
    "article": ("full text", _paper),
}
