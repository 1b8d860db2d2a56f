"""One PubMed record behind the E-utilities' protocol on the loopback, to plant attacks in its abstract."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

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
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    records = Records()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = records.reply(urlsplit(self.path).path)
            self.send_response(200)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the run's file has what matters."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    records.url = f"http://127.0.0.1:{server.server_address[1]}/entrez/eutils"
    try:
        yield records
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
