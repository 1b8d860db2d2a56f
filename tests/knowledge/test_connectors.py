"""Connectors: one class, found by itself, described in the settings, and safe to point at a service."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import knowledge.connectors as folder
from core.errors import VidenceError
from core.settings import Settings
from knowledge.collections import Collections
from knowledge.connectors import registry
from knowledge.connectors.base import Found, Surroundings
from knowledge.connectors.json_api import at, plain
from knowledge.connectors.registry import kinds, names, open_connector
from tests.support.eutils import ReplayServer

REPLY = {
    "data": {
        "items": [
            {
                "id": 7,
                "title": "Pump &amp; valve",
                "body": ["<p>Close it.</p>", "At 2 bar."],
                "href": "https://x/7",
            },
            {"id": 8, "title": "Other", "body": "", "href": "https://x/8", "score": 0.25},
            {"nothing": True},
        ]
    }
}


class Service:
    """A search service of this machine that answers what the test says."""

    def __init__(self) -> None:
        self.asked: list[dict[str, list[str]]] = []
        self.reply: Any = REPLY
        self.status = 200
        self.location = ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(parse_qs(urlsplit(self.path).query))
                body = outer.reply if isinstance(outer.reply, bytes) else json.dumps(outer.reply).encode()
                self.send_response(302 if outer.location else outer.status)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None: ...

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    thread = threading.Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.http.shutdown()
    thread.join()
    made.http.server_close()


def around(home: Path, collections: Collections | None = None, **options: Any) -> Surroundings:
    given = {"wiki": {"kind": "json", "results": "data.items", "text": "body", "link": "href", **options}}
    return Surroundings(Settings(home=home, connectors=given), collections)


def search(name: str, around: Surroundings, query: str = "close the valve & more", k: int = 5) -> list[Found]:
    return asyncio.run(open_connector(name, around).search(query, k))


def test_a_json_service_is_searched_as_the_settings_describe(tmp_path: Path, service: Service) -> None:
    here = around(tmp_path, url=f"{service.url}/find?q={{query}}&n={{k}}", score="score")
    found = search("@wiki", here)
    assert service.asked == [{"q": ["close the valve & more"], "n": ["5"]}]
    assert [(item.id, item.title, item.source) for item in found] == [
        ("7", "Pump & valve", "https://x/7"),
        ("8", "Other", "https://x/8"),
    ]
    assert found[0].text == "Close it.\nAt 2 bar."
    assert found[1].text == "Other"
    assert found[1].score == 0.25
    assert 0 < found[0].score <= 1


@pytest.mark.parametrize(
    ("reply", "kind"),
    [({"data": {}}, "invalid_input"), (b"<html>", "unavailable"), ({"data": {"items": 3}}, "invalid_input")],
    ids=["no list", "html", "another shape"],
)
def test_a_reply_of_another_shape_is_a_typed_failure(
    tmp_path: Path, service: Service, reply: Any, kind: str
) -> None:
    service.reply = reply
    with pytest.raises(VidenceError) as caught:
        search("wiki", around(tmp_path, url=f"{service.url}/?q={{query}}"))
    assert caught.value.kind == kind
    assert caught.value.help


@pytest.mark.parametrize(
    ("status", "kind"), [(429, "rate_limited"), (503, "unavailable"), (404, "not_found")]
)
def test_failures_of_the_service_are_typed(tmp_path: Path, service: Service, status: int, kind: str) -> None:
    service.status = status
    with pytest.raises(VidenceError) as caught:
        search("wiki", around(tmp_path, url=f"{service.url}/?q={{query}}"))
    assert caught.value.kind == kind


def test_a_redirect_to_another_private_host_is_blocked(tmp_path: Path, service: Service) -> None:
    service.location = "http://127.0.0.1:9/secret"
    with pytest.raises(VidenceError) as caught:
        search("wiki", around(tmp_path, url=f"{service.url}/?q={{query}}"))
    assert caught.value.kind == "blocked"
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"url": "https://{query}.example.org/"}, "host from the query"),
        ({"url": "https://example.org/"}, "{query}"),
        ({"url": "file:///etc/passwd?{query}"}, "http"),
        ({"url": "https://example.org/?q={query}", "colour": "red"}, "colour"),
        ({}, "url"),
    ],
)
def test_wrong_options_are_told_by_name(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(VidenceError, match=words.replace("{", r"\{").replace("}", r"\}")) as caught:
        open_connector("wiki", around(tmp_path, **options))
    assert caught.value.kind == "invalid_input"


def test_a_name_that_nobody_has_lists_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(VidenceError, match="No connector is called `nope`") as caught:
        open_connector("@nope", around(tmp_path))
    assert caught.value.kind == "not_found"
    assert "pubmed, wiki" in caught.value.help
    with pytest.raises(VidenceError, match="no known kind"):
        open_connector("x", Surroundings(Settings(home=tmp_path, connectors={"x": {"kind": "carrier"}})))


def test_a_collection_and_pubmed_are_connectors_too(
    tmp_path: Path, collections: Collections, docs: Path
) -> None:
    collections.add("manuals", [docs])
    found = search("collection:manuals", around(tmp_path, collections), "boiler pressure")
    assert "1.5 bar" in found[0].text
    assert found[0].metadata["collection"] == "manuals"
    with ReplayServer() as server:
        settings = Settings(home=tmp_path, pubmed_base_url=server.url, pubmed_api_key="k")
        papers = search("pubmed", Surroundings(settings), "jericho soil")
    assert [item.kind for item in papers] == ["pubmed"] * 3
    assert papers[0].locator.pmid == "50000001"
    assert papers[-1].metadata["retracted"]


def test_adding_a_connector_is_adding_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "echo.py").write_text(
        "from knowledge.connectors.base import Connector, Found\n\n\n"
        "class Echo(Connector):\n    kind = 'echo'\n    description = 'says it again'\n\n"
        "    async def search(self, query, k=10):\n"
        "        return [Found(id='1', title=query, text=query, source='echo', score=1.0)]\n"
    )
    monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(tmp_path)])
    registry.kinds.cache_clear()
    try:
        assert "echo" in kinds()
        assert "echo" in names(Settings(home=tmp_path))
        [found] = search("echo", around(tmp_path), "hello")
        assert found.text == "hello"
    finally:
        registry.kinds.cache_clear()


def test_paths_reach_into_lists_and_lead_nowhere_quietly() -> None:
    reply = {"a": {"b": [{"c": 1}, {"c": 2}]}, "d": "x"}
    assert at(reply, "a.b[1].c") == 2
    assert at(reply, "a.b[*].c") == [1, 2]
    assert at(reply, "a.b.c") == [1, 2]
    assert [at(reply, path) for path in ("a.x", "a.b[9].c", "d.e", "d[0]", "a[*]")] == [None] * 5
    assert plain(["<b>bold</b> &lt; 3", None, {"k": "v"}]) == "bold < 3\nv"
