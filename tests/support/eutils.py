"""A local E-utilities server that replays PubMed, well or badly: a test fixture, and a server to try by hand.

    python -m tests.support.eutils --port 8765 --data ../shared/data/pubmed_xml --faults 429=0.1,html=0.05
    vidence pubmed search "mild asthma" --base-url http://127.0.0.1:8765/entrez/eutils

`GET /log` returns the calls with the server's own times; `POST /script` with `["500", "ok"]` scripts the next
calls.
"""

from __future__ import annotations

import argparse
import json
import random
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.eutils_payloads import summary_of
from tests.support.eutils_store import Store, make_store

KINDS = ("429", "429-date", "429-json", "500", "503", "truncated", "html", "slow", "drip", "empty", "drop")
_HTML = b"<html><head><title>NCBI</title></head><body><h1>Error</h1>temporarily unavailable</body></html>"


@dataclass
class Call:
    """One request: when it arrived by the server's clock, what it asked, what was done to it."""

    at: float
    tool: str
    params: dict[str, str]
    fault: str


@dataclass
class Faults:
    """What goes wrong: the script first, one entry a call, then by probability with a seed.

    `ok` in the script lets a call through; `limit` answers 429 when a second holds more calls than that.
    """

    rates: dict[str, float] = field(default_factory=dict)
    script: list[str] = field(default_factory=list)
    seed: int = 0
    slow_s: float = 1.0
    retry_after_s: float = 0.0
    limit: int = 0

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        self._lock = threading.Lock()

    def next(self) -> str:
        """Return the fault of the next call, or an empty text."""
        with self._lock:
            if self.script:
                kind = self.script.pop(0)
                return "" if kind == "ok" else kind
            draw = self._dice.random()
            for kind, rate in self.rates.items():
                draw -= rate
                if draw < 0:
                    return kind
            return ""


class ReplayServer:
    """The server, as a context manager; `url` is its base address, `calls` what has arrived."""

    def __init__(self, store: Store | None = None, faults: Faults | None = None, port: int = 0) -> None:
        self.store = store or make_store()
        self.faults = faults or Faults()
        self.calls: list[Call] = []
        self._lock = threading.Lock()
        outer = self

        class _Handler(_Eutils):
            server_of = outer

        self._http = _Server(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/entrez/eutils"
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def __enter__(self) -> ReplayServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def arrived(self, tool: str, params: dict[str, str]) -> str:
        """Record a call and return what goes wrong with it."""
        fault = self.faults.next()
        with self._lock:
            now = time.monotonic()
            if self.faults.limit and sum(now - call.at < 1 for call in self.calls) >= self.faults.limit:
                fault = "429"
            self.calls.append(Call(now, tool, params, fault))
        return fault

    def busiest_second(self) -> int:
        """Return the most calls that any second of the server's clock held."""
        times = sorted(call.at for call in self.calls)
        return max((sum(1 for t in times[i:] if t - start < 1.0) for i, start in enumerate(times)), default=0)

    def answer(self, tool: str, params: dict[str, str]) -> bytes:
        """Return a good reply."""
        ids = [item for item in params.get("id", "").replace("PMC", "").split(",") if item]
        if tool == "esearch":
            return _search(self.store, params)
        if tool == "esummary":
            known = [
                self.store.summaries.get(i) or summary_of(self.store.articles[i])
                for i in ids
                if i in self.store.summaries or i in self.store.articles
            ]
            return _xml("eSummaryResult", b"".join(known))
        if tool == "elink":
            return _links(self.store, params)
        if params.get("db") == "pmc":
            return _xml(
                "pmc-articleset", b"".join(self.store.papers[i] for i in ids if i in self.store.papers)
            )
        return _xml(
            "PubmedArticleSet", b"".join(self.store.articles[i] for i in ids if i in self.store.articles)
        )


def _search(store: Store, params: dict[str, str]) -> bytes:
    found = store.search(params.get("term", ""))
    page = found[: int(params.get("retmax", "20"))]
    ids = "".join(f"<Id>{pmid}</Id>" for pmid in page)
    term = params.get("term", "").replace("&", "&amp;").replace("<", "&lt;")
    body = (
        f"<Count>{len(found)}</Count><RetMax>{len(page)}</RetMax><RetStart>0</RetStart><IdList>{ids}</IdList>"
    )
    return _xml(
        "eSearchResult", f"{body}<TranslationSet/><QueryTranslation>{term}</QueryTranslation>".encode()
    )


def _links(store: Store, params: dict[str, str]) -> bytes:
    name = params.get("linkname") or f"pubmed_{params.get('db', 'pubmed')}"
    found = store.links.get((params.get("id", ""), name), [])
    links = "".join(f"<Link><Id>{other}</Id></Link>" for other in found)
    target = (
        f"<LinkSetDb><DbTo>{name.rpartition('_')[2]}</DbTo><LinkName>{name}</LinkName>{links}</LinkSetDb>"
    )
    asked = f"<DbFrom>pubmed</DbFrom><IdList><Id>{params.get('id', '')}</Id></IdList>"
    return _xml("eLinkResult", f"<LinkSet>{asked}{target if found else ''}</LinkSet>".encode())


def _xml(root: str, body: bytes) -> bytes:
    return b'<?xml version="1.0" encoding="UTF-8" ?>\n' + f"<{root}>".encode() + body + f"</{root}>".encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Eutils(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: ReplayServer

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet; the calls are in the log."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/log":
            self._send(200, json.dumps([asdict(call) for call in self.server_of.calls]).encode(), kind="json")
            return
        self._reply(parts.path, parts.query)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        if self.path == "/script":
            self.server_of.faults.script = list(json.loads(body))
            self._send(200, b"{}", kind="json")
            return
        parts = urlsplit(self.path)
        self._reply(parts.path, body or parts.query)

    def _reply(self, path: str, query: str) -> None:
        tool = path.rpartition("/")[2].removesuffix(".fcgi")
        params = {key: values[0] for key, values in parse_qs(query).items()}
        fault = self.server_of.arrived(tool, params)
        faults = self.server_of.faults
        if fault in ("429", "429-date", "429-json"):
            wait = f"{faults.retry_after_s:g}"
            if fault == "429-date":
                wait = format_datetime(
                    datetime.now(UTC) + timedelta(seconds=faults.retry_after_s), usegmt=True
                )
            said = b'{"error":"API rate limit exceeded","count":"4"}'
            self._send(200 if fault == "429-json" else 429, said, {"Retry-After": wait}, kind="json")
        elif fault in ("500", "503"):
            self._send(int(fault), _HTML, kind="html")
        elif fault == "html":
            self._send(200, _HTML, kind="html")
        elif fault == "drop":
            self.close_connection = True
        elif fault == "empty":
            self._send(200, _xml(*_EMPTY.get(tool, ("PubmedArticleSet", b""))))
        else:
            body = self.server_of.answer(tool, params)
            if fault == "slow":
                time.sleep(faults.slow_s)
            self._send(
                200, body[: len(body) * 2 // 3] if fault == "truncated" else body, drip=fault == "drip"
            )

    def _send(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        *,
        kind: str = "xml",
        drip: bool = False,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"text/{kind}")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):
            if not drip:
                self.wfile.write(body)
                return
            step = max(1, len(body) // 40)
            for start in range(0, len(body), step):
                self.wfile.write(body[start : start + step])
                self.wfile.flush()
                time.sleep(self.server_of.faults.slow_s / 40)


_EMPTY = {
    "esearch": ("eSearchResult", b"<Count>0</Count><RetMax>0</RetMax><RetStart>0</RetStart><IdList/>"),
    "esummary": ("eSummaryResult", b""),
    "elink": ("eLinkResult", b""),
}


def parse_rates(text: str) -> dict[str, float]:
    """Read `429=0.1,html=0.05`."""
    pairs = [part.split("=") for part in text.split(",") if part]
    rates = {kind: float(rate) for kind, rate in pairs}
    unknown = sorted(set(rates) - set(KINDS))
    if unknown:
        raise SystemExit(f"no such fault: {', '.join(unknown)}; there are {', '.join(KINDS)}")
    return rates


def main(arguments: Iterable[str] | None = None) -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data/pubmed_xml"), help="recorded payloads"
    )
    parser.add_argument("--made", type=int, default=500, help="synthetic articles beside them")
    parser.add_argument("--faults", default="", help=f"probabilities by kind: {', '.join(KINDS)}")
    parser.add_argument("--limit", type=int, default=0, help="answer 429 above so many calls a second")
    parser.add_argument("--slow", type=float, default=1.0, help="seconds of a slow or dripping reply")
    parser.add_argument("--retry-after", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(None if arguments is None else list(arguments))
    faults = Faults(parse_rates(args.faults), seed=args.seed, slow_s=args.slow, limit=args.limit,
                    retry_after_s=args.retry_after)  # fmt: skip
    with ReplayServer(make_store(args.data, args.made, args.seed), faults, args.port) as server:
        print(f"{len(server.store.articles)} articles, {len(server.store.papers)} full texts at {server.url}")  # noqa: T201
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
