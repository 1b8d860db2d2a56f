"""`vidence search --where`, `--diversity` and the reranker of the settings, as a user types them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from server.cli import index, search
from tests.support.token_embedder import HashTokens

app = typer.Typer()
app.add_typer(index.app, name="index")
app.command()(search.search)


class Scripted(BaseHTTPRequestHandler):
    """Finds the shortest document best."""

    status = 200

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        rows = [
            {"index": place, "relevance_score": 1 / (1 + len(text))}
            for place, text in enumerate(body["documents"])
        ]
        reply = json.dumps({"results": rows}).encode()
        self.send_response(type(self).status if self.path == "/v1/rerank" else 404)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def reranking_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Scripted]]:
    monkeypatch.setattr(Scripted, "status", 200)
    server = HTTPServer(("127.0.0.1", 0), Scripted)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("VIDENCE_RERANKER", f"openai:http://127.0.0.1:{server.server_port}/v1#cross")
    yield Scripted
    server.shutdown()
    thread.join()
    server.server_close()


def run(*args: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, list(args))
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def ids(*args: str) -> list[str]:
    return [hit["id"] for hit in run("search", *args, "--collection", "facts", "--json")["hits"]]


@pytest.fixture(autouse=True)
def facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.embeddings.open_embedder", lambda _settings: HashTokens())
    rows = [
        {
            "id": "long",
            "text": "Zinc lozenges shorten colds by days.",
            "metadata": {"year": 2019, "lab": "a"},
        },
        {
            "id": "twin",
            "text": "Zinc lozenges shorten colds by two days.",
            "metadata": {"year": 2020, "lab": "a"},
        },
        {"id": "short", "text": "Zinc is a metal.", "metadata": {"year": 2020, "lab": "2020"}},
    ]
    path = tmp_path / "facts.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    run("index", "add", str(path), "--collection", "facts", "--json")


def test_filters_keep_what_has_all_values() -> None:
    assert set(ids("zinc", "--where", "year=2020")) == {"twin", "short"}
    assert ids("zinc", "--where", "year=2020", "--where", "lab=a") == ["twin"]
    assert ids("zinc", "--where", 'lab="2020"') == ["short"]
    assert ids("zinc", "--where", "doc_id=long") == ["long"]
    error = run("search", "zinc", "--collection", "facts", "--where", "year", "--json", code=2)["error"]
    assert "KEY=VALUE" in error["help"]


def test_diversity_puts_the_unlike_second() -> None:
    assert set(ids("zinc lozenges shorten colds", "-k", "2")) == {"long", "twin"}
    assert ids("zinc lozenges shorten colds", "-k", "2", "--diversity", "0.7")[1] == "short"


@pytest.mark.usefixtures("reranking_server")
def test_the_server_of_the_settings_orders_the_hits() -> None:
    assert ids("zinc lozenges shorten colds")[0] == "short"
    assert ids("zinc lozenges shorten colds", "--no-rerank")[0] != "short"


def test_a_server_that_fails_is_said_in_every_hit(reranking_server: type[Scripted]) -> None:
    plain = ids("zinc lozenges shorten colds", "--no-rerank")
    reranking_server.status = 503
    hits = run("search", "zinc lozenges shorten colds", "--collection", "facts", "--json")["hits"]
    assert {hit["id"] for hit in hits} == set(plain)
    assert all("503" in hit["note"] for hit in hits)
