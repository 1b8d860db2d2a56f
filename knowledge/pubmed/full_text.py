"""Open full text of PubMed Central by section: JATS XML to titles, paragraphs, captions and tables as text.

JATS is ANSI/NISO Z39.96; older deposits use NLM's archiving tag set 2.x, whose body is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any
from xml.etree.ElementTree import Element

from core.errors import unavailable
from knowledge.pubmed.xml_text import read_root, text_of

_FLOATS = frozenset({"fig", "table-wrap", "fig-group", "table-wrap-group"})
_HEADS = frozenset({"title", "label", "sec-meta", "object-id"})
_HOLDERS = frozenset(
    {"list", "list-item", "def-list", "def-item", "def", "disp-quote", "fn", "app", "disp-formula-group"}
    | {"boxed-text", "statement", "verse-group", "caption", "supplementary-material", "media"}
)
"""Elements that hold paragraphs rather than words."""
_LABELLED = _HOLDERS - {"app"}
"""Of these the label and the title are text; those of a section are its path."""


@dataclass(frozen=True)
class TextSection:
    """A section: its titles from the outermost in, and its own text without that of its parts."""

    path: tuple[str, ...]
    text: str

    @property
    def title(self) -> str:
        """The titles in one line: `Methods > Study population`."""
        return " > ".join(part for part in self.path if part)


@dataclass(frozen=True)
class Figure:
    """A figure or other float: `Figure 1` and what its caption says."""

    label: str
    caption: str


@dataclass(frozen=True)
class Table:
    """A table as rows of cells; a cell that spans several columns is repeated in each."""

    label: str
    caption: str
    rows: tuple[tuple[str, ...], ...]
    notes: str = ""

    @property
    def text(self) -> str:
        """The table as lines of cells with bars between them."""
        return "\n".join(" | ".join(row) for row in self.rows)


@dataclass(frozen=True)
class FullText:
    """A paper of PubMed Central."""

    pmid: str
    pmc: str
    title: str
    licence: str
    sections: tuple[TextSection, ...]
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...]
    references: tuple[str, ...]

    @property
    def text(self) -> str:
        """All sections, captions and tables as one text."""
        parts = [f"{part.title}\n{part.text}" if part.title else part.text for part in self.sections]
        parts += [f"{item.label} {item.caption}".strip() for item in self.figures]
        parts += [f"{item.label} {item.caption}\n{item.text}\n{item.notes}".strip() for item in self.tables]
        return "\n\n".join(part for part in parts if part)

    def to_json(self) -> dict[str, Any]:
        """Return the paper as plain values; sections and tables also as text."""
        body = asdict(self)
        for made, part in zip(body["sections"], self.sections, strict=True):
            made["title"] = part.title
        for made, table in zip(body["tables"], self.tables, strict=True):
            made["text"] = table.text
        return {**body, "url": f"https://pmc.ncbi.nlm.nih.gov/articles/{self.pmc}/" if self.pmc else ""}


def parse_full_text(body: bytes, *, pmid: str = "") -> FullText:
    """Read a paper in JATS, alone or as efetch wraps it.

    Raises:
        VidenceError: `unavailable`: worth another try when the XML is not whole; not when the publisher
            lets PubMed Central show the text but not hand it out.
    """
    root = read_root(body, "pmc-articleset", "article", "OAI-PMH")
    article = root if root.tag == "article" else next(root.iter("article"), None)
    if article is None:
        said = text_of(root)[:200]
        raise unavailable(
            f"PubMed Central has no such paper{f': {said}' if said else ''}",
            help="Its abstract may be there: leave --full-text out.",
            retryable=False,
        )
    meta = article.find("front/article-meta")
    ids = {} if meta is None else {i.get("pub-id-type", ""): text_of(i) for i in meta.iterfind("article-id")}
    own = pmid or ids.get("pmid", "")
    main = article.find("body")
    if main is None or not text_of(main):
        raise unavailable(
            f"The full text of {own or 'this paper'} is not open: its publisher does not let PubMed Central"
            " hand it out",
            help="Its abstract is there: leave --full-text out.",
            retryable=False,
        )
    number = ids.get("pmc") or ids.get("pmcid", "").removeprefix("PMC")
    return FullText(
        pmid=own,
        pmc=f"PMC{number.removeprefix('PMC')}" if number else "",
        title="" if meta is None else text_of(meta.find("title-group/article-title")),
        licence="" if meta is None else _licence(meta),
        sections=tuple(_sections(article)),
        figures=tuple(
            Figure(text_of(item.find("label")), _blocks(item.find("caption"))) for item in article.iter("fig")
        ),
        tables=tuple(_table(item) for item in article.iter("table-wrap")),
        references=tuple(text for item in article.iter("ref") if (text := _reference(item))),
    )


def _licence(meta: Element) -> str:
    node = meta.find("permissions/license")
    if node is None:
        return text_of(meta.find("permissions/copyright-statement")) or text_of(
            meta.find("copyright-statement")
        )
    links = [value for key, value in node.attrib.items() if key.rpartition("}")[2] == "href"]
    links += [text_of(item) for item in node if item.tag.rpartition("}")[2] == "license_ref"]
    return " ".join([*links, text_of(node.find("license-p")) or text_of(node.find("p"))]).strip()


def _sections(article: Element) -> Iterator[TextSection]:
    meta = article.find("front/article-meta")
    for abstract in () if meta is None else meta.iterfind("abstract"):
        name = text_of(abstract.find("title")) or "Abstract"
        yield from _section(abstract, (name,))
    for main in article.iterfind("body"):
        yield from _section(main, ())
    for back in article.iterfind("back"):
        for part in back:
            if part.tag in ("ack", "app-group", "notes", "glossary", "sec", "fn-group", "bio"):
                title = text_of(part.find("title")) or _BACK.get(part.tag, "")
                yield from _section(part, (title,))
    # Deposits with replies, translations or reviews carry them as articles inside the article.
    for inner in [*article.iterfind("sub-article"), *article.iterfind("response")]:
        kind = inner.get("article-type", "reply").replace("-", " ").capitalize()
        for main in inner.iterfind("body"):
            yield from _section(main, (kind,))


_BACK = {"ack": "Acknowledgements", "app-group": "Appendix", "fn-group": "Footnotes", "glossary": "Glossary"}


def _section(node: Element, path: tuple[str, ...]) -> Iterator[TextSection]:
    """Yield a section's own text, then its parts in their order."""
    own = _blocks(node, skip={"sec", "app"})
    if own:
        yield TextSection(path, own)
    for part in node:
        if part.tag in ("sec", "app"):
            name = " ".join(text for item in ("label", "title") if (text := text_of(part.find(item))))
            yield from _section(part, (*path, name))


def _blocks(node: Element | None, *, skip: Iterable[str] = ()) -> str:
    """Return the paragraphs of an element, a line each; floats stand elsewhere."""
    return "" if node is None else "\n".join(_lines(node, frozenset(skip)))


def _lines(node: Element, skip: frozenset[str]) -> Iterator[str]:
    if node.text and node.text.strip():
        yield " ".join(node.text.split())
    skipped = skip | _FLOATS | (frozenset() if node.tag in _LABELLED else _HEADS)
    for part in node:
        if part.tag == "p":
            yield from _paragraph(part)
        elif part.tag in _HOLDERS:
            yield from _lines(part, skip)
        elif part.tag not in skipped:
            yield from filter(None, [text_of(part)])
        if part.tail and part.tail.strip():
            yield " ".join(part.tail.split())


def _paragraph(node: Element) -> Iterator[str]:
    """Yield a paragraph; a float inside it is reported with the floats."""
    text = " ".join("".join(_around(node)).split()) if _has_float(node) else text_of(node)
    if text:
        yield text


def _around(node: Element) -> Iterator[str]:
    yield node.text or ""
    for part in node:
        if part.tag not in _FLOATS:
            yield "".join(_around(part)) if _has_float(part) else text_of(part)
        yield part.tail or ""


def _has_float(node: Element) -> bool:
    return any(part.tag in _FLOATS for part in node.iter())


def _table(node: Element) -> Table:
    return Table(
        label=text_of(node.find("label")),
        caption=_blocks(node.find("caption")),
        rows=tuple(_rows(node)),
        notes=" ".join(_blocks(item) for item in node.iterfind("table-wrap-foot")),
    )


def _rows(node: Element) -> Iterator[tuple[str, ...]]:
    """Yield the rows; cells that reach over several rows or columns are repeated where they reach."""
    for table in node.iter("table"):
        held: dict[int, tuple[int, str]] = {}
        for row in table.iter("tr"):
            cells: list[str] = []
            for cell in row:
                if cell.tag not in ("td", "th"):
                    continue
                _fill(cells, held)
                text = text_of(cell)
                for _ in range(_span(cell, "colspan")):
                    if _span(cell, "rowspan") > 1:
                        held[len(cells)] = (_span(cell, "rowspan") - 1, text)
                    cells.append(text)
            _fill(cells, held)
            if any(cells):
                yield tuple(cells)


def _fill(cells: list[str], held: dict[int, tuple[int, str]]) -> None:
    while len(cells) in held:
        left, text = held.pop(len(cells))
        if left > 1:
            held[len(cells)] = (left - 1, text)
        cells.append(text)


def _span(cell: Element, name: str) -> int:
    value = cell.get(name, "1")
    return min(max(int(value), 1), 100) if value.isdigit() else 1


def _reference(item: Element) -> str:
    return " ".join(" ".join(item.itertext()).split())
