"""What the replay server knows: recorded payloads when they are there, and records made here by a seed."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, fromstring, tostring

from tests.support.eutils_payloads import CLOSED_PMC, OPEN_PMC, made_article, our_articles, our_paper

_WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")


@dataclass
class Store:
    """Articles by PMID, full texts by PMC number, recorded links by (ids, link name) and summaries by id."""

    articles: dict[str, bytes] = field(default_factory=dict)
    texts: dict[str, set[str]] = field(default_factory=dict)
    years: dict[str, str] = field(default_factory=dict)
    papers: dict[str, bytes] = field(default_factory=dict)
    links: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    summaries: dict[str, bytes] = field(default_factory=dict)

    def add_article(self, node: Element) -> None:
        """Index one article by its words and year."""
        pmid = node.findtext(".//PMID") or ""
        self.articles[pmid] = tostring(node, encoding="utf-8")
        parts = (
            ".//ArticleTitle",
            ".//Abstract",
            ".//MeshHeadingList",
            ".//Journal",
            ".//PublicationTypeList",
        )
        text = " ".join(" ".join(found.itertext()) for part in parts for found in node.iterfind(part))
        self.texts[pmid] = {word.lower() for word in _WORD.findall(text)}
        self.years[pmid] = node.findtext(".//PubDate/Year") or (node.findtext(".//MedlineDate") or "")[:4]
        for item in node.iterfind(".//PubmedData/ArticleIdList/ArticleId[@IdType='pmc']"):
            self.links[pmid, "pubmed_pmc"] = [(item.text or "").removeprefix("PMC")]

    def search(self, term: str) -> list[str]:
        """Return the ids that a query of PubMed's language finds: words, phrases, tags, AND, OR, years."""
        matches = _Query(term, self).ids()
        return sorted(
            matches, key=lambda pmid: (-len(self.texts[pmid] & set(_WORD.findall(term.lower()))), pmid)
        )


def make_store(data: Path | None = None, made: int = 0, seed: int = 0) -> Store:
    """Return a store of recorded payloads under `data`, a few of ours, and `made` synthetic articles."""
    store = Store()
    for body in our_articles():
        store.add_article(fromstring(body))
    store.papers[OPEN_PMC] = our_paper(OPEN_PMC, "<p>All walls fell.</p>")
    store.papers[CLOSED_PMC] = our_paper(CLOSED_PMC)
    for number in range(made):
        store.add_article(fromstring(made_article(random.Random(f"{seed}/{number}"), 60_000_000 + number)))
    if data is not None and data.is_dir():
        for path in sorted([*data.rglob("*.xml"), *data.rglob("*.nxml")]):
            _add_file(store, path)
    return store


def _add_file(store: Store, path: Path) -> None:
    try:
        root = fromstring(path.read_bytes())
    except ParseError:
        return
    for node in root.iter("PubmedArticle"):
        store.add_article(node)
    for node in root.iter("article"):
        meta = node.find("front/article-meta")
        ids = (
            {} if meta is None else {i.get("pub-id-type"): i.text or "" for i in meta.iterfind("article-id")}
        )
        if ids.get("pmc"):
            store.papers[ids["pmc"].removeprefix("PMC")] = tostring(node, encoding="utf-8")
            store.links[ids.get("pmid", ""), "pubmed_pmc"] = [ids["pmc"].removeprefix("PMC")]
    for linkset in root.iter("LinkSet"):
        asked = ",".join(item.text or "" for item in linkset.iterfind("IdList/Id"))
        for target in linkset.iterfind("LinkSetDb"):
            found = [item.text or "" for item in target.iterfind("Link/Id")]
            store.links[asked, target.findtext("LinkName") or ""] = found
    for summary in root.iter("DocSum"):
        store.summaries[summary.findtext("Id") or ""] = tostring(summary, encoding="utf-8")


class _Query:
    """A reader of PubMed's query language, enough for what the client sends."""

    _TOKEN = re.compile(r'\(|\)|"[^"]*"|\[[^\]]*\]|:|[^\s()"\[\]:]+')

    def __init__(self, term: str, store: Store) -> None:
        self._tokens = self._TOKEN.findall(term)
        self._store = store

    def ids(self) -> set[str]:
        return self._either() if self._tokens else set()

    def _either(self) -> set[str]:
        found = self._both()
        while self._tokens[:1] == ["OR"]:
            self._tokens.pop(0)
            found |= self._both()
        return found

    def _both(self) -> set[str]:
        found = self._one()
        while self._tokens and self._tokens[0] not in ("OR", ")"):
            if self._tokens[0] == "AND":
                self._tokens.pop(0)
                continue
            found &= self._one()
        return found

    def _one(self) -> set[str]:
        token = self._tokens.pop(0)
        if token == "(":
            found = self._either()
            if self._tokens[:1] == [")"]:
                self._tokens.pop(0)
            return found
        field = self._tokens.pop(0)[1:-1].lower() if self._tokens[:1] and self._tokens[0][0] == "[" else ""
        word = token.strip('"')
        if "date" in field or field == "dp":
            last = word
            if self._tokens[:1] == [":"]:
                self._tokens.pop(0)
                last = self._tokens.pop(0).strip('"')
                self._tokens.pop(0)
            return {pmid for pmid, year in self._store.years.items() if word <= year <= last}
        if field == "uid":
            return {word} & set(self._store.articles)
        wanted = {part.lower() for part in _WORD.findall(word)}
        return {pmid for pmid, words in self._store.texts.items() if wanted <= words} if wanted else set()
