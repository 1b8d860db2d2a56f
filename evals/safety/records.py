"""One PubMed record behind the E-utilities' protocol on the loopback, to plant attacks in its abstract."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from evals.safety.loopback import on_loopback

PMID = "77000001"
_HEAD = '<?xml version="1.0" encoding="UTF-8" ?>\n'
_FOUND = (
    f"<eSearchResult><Count>1</Count><RetMax>1</RetMax><RetStart>0</RetStart><IdList><Id>{PMID}</Id></IdList>"
    "<TranslationSet/><QueryTranslation>all</QueryTranslation></eSearchResult>"
)


class Records:
    """What the server gives: every search finds the one record."""

    def __init__(self) -> None:
        self.url = ""
        self._article = ""

    def serve(self, title: str, abstract: str) -> None:
        """Let the record be this one from now on."""
        self._article = (
            f'<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID Version="1">{PMID}</PMID><Article>'
            "<Journal><JournalIssue><PubDate><Year>2021</Year></PubDate></JournalIssue>"
            "<Title>Journal of Made Results</Title></Journal>"
            f"<ArticleTitle>{escape(title)}</ArticleTitle><Abstract><AbstractText>{escape(abstract)}"
            "</AbstractText></Abstract><PublicationTypeList><PublicationType>Randomized Controlled Trial"
            "</PublicationType></PublicationTypeList></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"
        )

    def reply(self, path: str) -> bytes:
        """Return the reply to a call of a tool (`.../esearch.fcgi`)."""
        return (_HEAD + (_FOUND if "esearch" in path else self._article)).encode()


@contextmanager
def open_records() -> Iterator[Records]:
    """Serve a record on 127.0.0.1; `Records.url` is the address for VIDENCE_PUBMED_BASE_URL."""
    records = Records()
    with on_loopback(lambda path, _: records.reply(urlsplit(path).path), "text/xml") as address:
        records.url = f"{address}/entrez/eutils"
        yield records
