"""Reading E-utilities XML: nothing inside an element is lost, inline markup and MathML become text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from core.errors import VidenceError, unavailable

_MONTHS = {
    name: number
    for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)
}
_RETRACTED = "Retracted Publication"
# From strongest to weakest, after the pyramid of the Oxford Centre for Evidence-Based Medicine (2011).
_LEVELS: tuple[tuple[str, frozenset[str]], ...] = (
    ("systematic review", frozenset({"Meta-Analysis", "Systematic Review", "Practice Guideline"})),
    ("randomised trial", frozenset({"Randomized Controlled Trial"})),
    (
        "controlled or cohort study",
        frozenset(
            {"Clinical Trial", "Controlled Clinical Trial", "Observational Study", "Comparative Study"}
            | {"Clinical Trial, Phase II", "Clinical Trial, Phase III", "Multicenter Study"}
        ),
    ),
    ("case report", frozenset({"Case Reports"})),
    ("review or opinion", frozenset({"Review", "Editorial", "Comment", "Letter", "Guideline"})),
)


@dataclass(frozen=True)
class Section:
    """A part of an abstract with its label (`METHODS`), which is empty when there is none."""

    label: str
    text: str


@dataclass(frozen=True)
class PubMedRecord:
    """A PubMed citation. `date` is ISO and as long as what is known (`2018`, `2018-05`, `2018-05-17`)."""

    pmid: str
    title: str
    abstract: tuple[Section, ...] = ()
    journal: str = ""
    date: str = ""
    authors: tuple[str, ...] = ()
    publication_types: tuple[str, ...] = ()
    mesh: tuple[str, ...] = ()
    doi: str = ""
    pmc: str = ""
    language: str = ""
    retracted: bool = False
    notices: tuple[str, ...] = field(default=())
    """Retractions, concerns and errata that concern this record, as PubMed words them."""

    @property
    def text(self) -> str:
        """The abstract as one text, each section under its label; the title when there is none."""
        parts = [f"{part.label}: {part.text}" if part.label else part.text for part in self.abstract]
        return "\n".join(parts) or self.title

    @property
    def url(self) -> str:
        """Where people read the record."""
        return f"https://pubmed.ncbi.nlm.nih.gov/{self.pmid}/"

    @property
    def evidence_level(self) -> str:
        """How strong this kind of study is, from its publication types; empty when they do not say."""
        found = set(self.publication_types)
        return next((level for level, types in _LEVELS if types & found), "")

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain values."""
        return {**asdict(self), "url": self.url, "evidence_level": self.evidence_level}


@dataclass(frozen=True)
class SearchReply:
    """What esearch found: ids of this page, how many there are in all, and how PubMed read the query."""

    ids: tuple[str, ...]
    count: int
    translation: str = ""


def parse_search(body: bytes) -> SearchReply:
    """Read an esearch reply; raises `unavailable` for what is not one."""
    root = _root(body, "eSearchResult")
    error = root.findtext("ERROR")
    if error:
        raise unavailable(f"PubMed refused the query: {error.strip()}", help="Put it in other words.")
    ids = tuple(text_of(node) for node in root.iterfind("IdList/Id"))
    count = root.findtext("Count") or "0"
    return SearchReply(
        ids, int(count) if count.isdigit() else len(ids), text_of(root.find("QueryTranslation"))
    )


def parse_records(body: bytes) -> list[PubMedRecord]:
    """Read an efetch reply of articles and book chapters; raises `unavailable` for what is not one."""
    root = _root(body, "PubmedArticleSet")
    records = [_article(node) for node in root.iterfind("PubmedArticle")]
    return records + [_book(node) for node in root.iterfind("PubmedBookArticle/BookDocument")]


def text_of(node: Element | None) -> str:
    """Return all text inside an element with its white space folded."""
    return "" if node is None else re.sub(r"\s+", " ", "".join(_texts(node))).strip()


def _texts(node: Element) -> Iterator[str]:
    # Inside a formula white space is layout only: V, O and 2 of three lines are one symbol.
    if node.tag.rpartition("}")[2] == "math":
        yield "".join(part.strip() for part in node.itertext())
        return
    yield node.text or ""
    for child in node:
        yield from _texts(child)
        yield child.tail or ""


def _root(body: bytes, expected: str) -> Element:
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(body)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise VidenceError(
            "unavailable",
            f"PubMed's reply is not whole XML ({error})",
            help="Try again in a minute.",
            retryable=True,
        ) from error
    if root.tag != expected:
        said = text_of(root)[:200]
        raise unavailable(f"PubMed did not answer with {expected}: {said}", help="Try again in a minute.")
    return root


def _article(node: Element) -> PubMedRecord:
    citation = _need(node, "MedlineCitation")
    article = _need(citation, "Article")
    types = _all(article, "PublicationTypeList/PublicationType")
    comments = list(citation.iterfind("CommentsCorrectionsList/CommentsCorrections"))
    own_ids = {
        item.get("IdType", ""): text_of(item) for item in node.iterfind("PubmedData/ArticleIdList/ArticleId")
    }
    dois = [text_of(item) for item in article.iterfind("ELocationID") if item.get("EIdType") == "doi"]
    return PubMedRecord(
        pmid=text_of(citation.find("PMID")),
        title=text_of(article.find("ArticleTitle")) or text_of(article.find("VernacularTitle")),
        abstract=_abstract(article) or _abstract(citation, "OtherAbstract"),
        journal=text_of(article.find("Journal/Title")) or text_of(article.find("Journal/ISOAbbreviation")),
        date=_date(article.find("Journal/JournalIssue/PubDate")) or _date(article.find("ArticleDate")),
        authors=_authors(article),
        publication_types=types,
        mesh=_mesh(citation),
        doi=own_ids.get("doi") or next(iter(dois), ""),
        pmc=own_ids.get("pmc", ""),
        language=text_of(article.find("Language")),
        retracted=_RETRACTED in types or any(item.get("RefType") == "RetractionIn" for item in comments),
        notices=tuple(_notice(item) for item in comments if _is_notice(item)),
    )


def _book(node: Element) -> PubMedRecord:
    ids = {item.get("IdType", ""): text_of(item) for item in node.iterfind("ArticleIdList/ArticleId")}
    return PubMedRecord(
        pmid=text_of(node.find("PMID")),
        title=text_of(node.find("ArticleTitle")) or text_of(node.find("Book/BookTitle")),
        abstract=_abstract(node),
        journal=text_of(node.find("Book/BookTitle")),
        date=_date(node.find("Book/PubDate")),
        authors=_authors(node),
        publication_types=_all(node, "PublicationType"),
        doi=ids.get("doi", ""),
        pmc=ids.get("pmc", ""),
        language=text_of(node.find("Language")),
    )


def _need(node: Element, name: str) -> Element:
    found = node.find(name)
    if found is None:
        raise unavailable(f"PubMed sent a record without {name}", help="Try again in a minute.")
    return found


def _all(node: Element, path: str) -> tuple[str, ...]:
    return tuple(text for item in node.iterfind(path) if (text := text_of(item)))


def _abstract(node: Element, name: str = "Abstract") -> tuple[Section, ...]:
    return tuple(
        Section(part.get("Label", ""), text)
        for part in node.iterfind(f"{name}/AbstractText")
        if (text := text_of(part))
    )


def _authors(node: Element) -> tuple[str, ...]:
    names = []
    for author in node.iterfind("AuthorList/Author"):
        last, initials = text_of(author.find("LastName")), text_of(author.find("Initials"))
        names.append(f"{last} {initials}".strip() or text_of(author.find("CollectiveName")))
    return tuple(name for name in names if name)


def _mesh(citation: Element) -> tuple[str, ...]:
    terms = []
    for heading in citation.iterfind("MeshHeadingList/MeshHeading"):
        parts = [text_of(heading.find("DescriptorName")), *_all(heading, "QualifierName")]
        terms.append("/".join(part for part in parts if part))
    return tuple(terms)


def _date(node: Element | None) -> str:
    if node is None:
        return ""
    year = text_of(node.find("Year"))
    if not year:
        # `2000 Nov-Dec` and the like: the year is what is sure.
        found = re.search(r"\b(1[89]|20)\d{2}\b", text_of(node.find("MedlineDate")))
        return found.group() if found else ""
    month = text_of(node.find("Month"))
    number = int(month) if month.isdigit() else _MONTHS.get(month[:3].lower(), 0)
    if not 1 <= number <= 12:
        return year
    day = text_of(node.find("Day"))
    return f"{year}-{number:02d}" + (f"-{int(day):02d}" if day.isdigit() else "")


def _is_notice(item: Element) -> bool:
    return item.get("RefType", "") in {
        "RetractionIn",
        "ExpressionOfConcernIn",
        "ErratumIn",
        "CorrectedandRepublishedIn",
    }


def _notice(item: Element) -> str:
    pmid = text_of(item.find("PMID"))
    words = f"{item.get('RefType', '')}: {text_of(item.find('RefSource'))}"
    return f"{words} (PMID {pmid})" if pmid else words
