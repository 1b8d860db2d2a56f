"""The E-utilities' own result documents (esearch, esummary, elink), read by Biopython's Entrez parser.

Biopython types these by their DTD: lists are lists even with one member, numbers are numbers. Two things are
done around it. It fetches a DTD that it does not have from the address that the reply names, and it refuses a
reply without a declaration; so the prolog of every reply is replaced by one that names the DTD inside
Biopython's package, and nothing is ever fetched. An internal subset, where entity bombs live, goes with the
old prolog. Articles are read by `articles` and `full_text` instead: their DTDs change yearly, and Biopython
leaves the tags of inline markup and formulas inside its strings.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import VidenceError, unavailable
from knowledge.pubmed.xml_text import read_root

_DTDS = {
    "eSearchResult": "esearch.dtd",
    "eSummaryResult": "esummary-v1.dtd",
    "eLinkResult": "elink.dtd",
    "eInfoResult": "einfo.dtd",
    "ePostResult": "epost.dtd",
    "eSpellResult": "eSpell.dtd",
}
_DECLARED = re.compile(rb"^\s*<\?xml\b[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")


@dataclass(frozen=True)
class SearchReply:
    """What esearch found: ids of this page, how many there are in all, and how PubMed read the query."""

    ids: tuple[str, ...]
    count: int
    translation: str = ""
    warnings: tuple[str, ...] = ()
    """Words that PubMed did not know or left out."""


@dataclass(frozen=True)
class Summary:
    """A record in short, as esummary gives it."""

    pmid: str
    title: str
    journal: str
    date: str
    authors: tuple[str, ...]
    publication_types: tuple[str, ...]
    doi: str
    pmc: str
    has_abstract: bool
    cited_by: int
    """Papers in PubMed Central that cite it."""


def read_entrez(body: bytes, *expected: str) -> Any:
    """Return Biopython's reading of a result document.

    Args:
        body: The reply.
        expected: Names that the outermost element may have; any that Biopython's DTDs cover when empty.

    Raises:
        VidenceError: `unavailable` for a reply that is not whole, is something else, or says that the
            request was refused; also when Biopython is not installed.
    """
    root = read_root(body, *expected).tag
    if root not in _DTDS or b"XMLSchema-instance" in body:
        raise unavailable(f"PubMed answered with {root}, which is not read here", retryable=False)
    entrez = biopython()
    try:
        return entrez.read(io.BytesIO(_with_prolog(body, root)), validate=False, escape=False)
    except RuntimeError as error:
        raise VidenceError(
            "unavailable", f"PubMed refused the request: {error}", help="Put it in other words."
        ) from error
    except ValueError as error:
        raise unavailable(
            f"PubMed's reply cannot be read ({error})", help="Try again in a minute."
        ) from error


def parse_search(body: bytes) -> SearchReply:
    """Read an esearch reply; raises `unavailable` for what is not one."""
    found = read_entrez(body, "eSearchResult")
    ids = tuple(str(item) for item in found.get("IdList", []))
    count = str(found.get("Count", ""))
    warnings = [
        f"{kind}: {word}"
        for group in ("ErrorList", "WarningList")
        for kind, words in dict(found.get(group) or {}).items()
        for word in ([words] if isinstance(words, str) else words)
        if str(word).strip()
    ]
    return SearchReply(
        ids,
        int(count) if count.isdigit() else len(ids),
        str(found.get("QueryTranslation", "")).strip(),
        tuple(warnings),
    )


def parse_summaries(body: bytes) -> list[Summary]:
    """Read an esummary reply of PubMed; records that PubMed does not know are left out."""
    return [_summary(item) for item in read_entrez(body, "eSummaryResult") if "Title" in item]


def parse_links(body: bytes) -> dict[str, tuple[str, ...]]:
    """Read an elink reply: ids by the name of the link, such as `pubmed_pubmed`, each id once."""
    links: dict[str, dict[str, None]] = {}
    for linkset in read_entrez(body, "eLinkResult"):
        for target in linkset.get("LinkSetDb", []):
            ids = links.setdefault(str(target["LinkName"]), {})
            ids.update((str(link["Id"]), None) for link in target.get("Link", []))
    return {name: tuple(ids) for name, ids in links.items()}


def plain(value: Any) -> Any:
    """Return Biopython's types as plain values; a text with attributes becomes `{value, attributes}`."""
    attributes = dict(getattr(value, "attributes", None) or {})
    if isinstance(value, dict):
        made = {str(key): plain(item) for key, item in value.items()}
        return {**made, "attributes": attributes} if attributes else made
    if isinstance(value, list):
        return [plain(item) for item in value]
    if value is None or type(value).__name__ == "NoneElement":
        simple: Any = None
    else:
        simple = int(value) if isinstance(value, int) else str(value)
    return {"value": simple, "attributes": attributes} if attributes else simple


def _summary(item: Any) -> Summary:
    ids = {str(kind): value for kind, value in dict(item.get("ArticleIds") or {}).items()}
    return Summary(
        pmid=str(item["Id"]),
        title=str(item["Title"]).strip(),
        journal=str(item.get("FullJournalName") or item.get("Source") or ""),
        date=str(item.get("PubDate", "")),
        authors=tuple(str(name) for name in item.get("AuthorList") or []),
        publication_types=tuple(str(kind) for kind in item.get("PubTypeList") or []),
        doi=_first(item.get("DOI") or ids.get("doi")),
        pmc=_first(ids.get("pmc")),
        has_abstract=bool(item.get("HasAbstract")),
        cited_by=int(item.get("PmcRefCount") or 0),
    )


def _first(value: Any) -> str:
    if isinstance(value, list):
        return str(value[0]) if value else ""
    return str(value or "")


def _with_prolog(body: bytes, root: str) -> bytes:
    """Return the document under a declaration and a DTD that stands in Biopython's package."""
    declared = _DECLARED.match(body.removeprefix(b"\xef\xbb\xbf"))
    encoding = declared[1].decode("ascii") if declared else "utf-8"
    prolog = (
        f'<?xml version="1.0" encoding="{encoding}"?>'
        f'<!DOCTYPE {root} SYSTEM "https://eutils.ncbi.nlm.nih.gov/eutils/dtd/{_DTDS[root]}">'
    )
    return prolog.encode("ascii") + body[max(0, body.find(f"<{root}".encode("ascii"))) :]


def biopython() -> Any:
    """Return Biopython's Entrez module, set up to make no folder and fetch nothing of its own accord."""
    try:
        import Bio
        from Bio import Entrez
    except ImportError as error:
        raise unavailable(
            "PubMed's replies cannot be read: Biopython is not installed",
            help="pip install 'vidence[rag]'.",
            retryable=False,
        ) from error
    # Biopython makes folders in the user's home for the DTDs that it would fetch; it has none to keep here.
    entrez: Any = Entrez
    entrez.local_cache = str(Path(Bio.__file__).parents[1])
    return entrez
