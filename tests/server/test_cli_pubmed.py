"""`vidence pubmed` and `vidence search --connector` against a local server, as a user runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from server.cli import pubmed
from server.cli.search import search
from tests.support.eutils import Faults, ReplayServer
from tests.support.eutils_payloads import CLOSED_PMID, OPEN_PMID
from tests.support.eutils_store import make_store

app = typer.Typer()
app.add_typer(pubmed.app, name="pubmed")
app.command()(search)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ReplayServer]:
    monkeypatch.setenv("VIDENCE_PUBMED_API_KEY", "k")
    with ReplayServer(make_store(made=12)) as made:
        monkeypatch.setenv("VIDENCE_PUBMED_BASE_URL", made.url)
        yield made


def run(*args: str, code: int = 0) -> list[dict[str, Any]]:
    result = CliRunner().invoke(app, list(args))
    assert result.exit_code == code, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_search_prints_one_object_with_the_wording_that_found_it(server: ReplayServer) -> None:
    [body] = run("pubmed", "search", "Do jericho walls help?", "--json")
    assert [record["pmid"] for record in body["records"]] == [CLOSED_PMID]
    assert body["used"] == body["tried"][-1]["query"]
    assert body["records"][0]["evidence_level"] == "systematic review"
    assert body["records"][0]["text"].startswith("BACKGROUND: CO2 and E. coli")


def test_full_text_comes_by_section_and_a_closed_one_is_told(server: ReplayServer) -> None:
    [body] = run("pubmed", "fetch", OPEN_PMID, CLOSED_PMID, "--full-text", "--json")
    assert [part["title"] for part in body["full_texts"][0]["sections"]][-1] == "Methods > Walls"
    assert [item["id"] for item in body["not_open"]] == [CLOSED_PMID]
    [error] = run("pubmed", "fetch", CLOSED_PMID, "--full-text", "--json", code=3)
    assert error["error"]["kind"] == "unavailable"
    assert not error["error"]["retryable"]


def test_related_papers_and_summaries_are_listed(server: ReplayServer) -> None:
    server.store.links[OPEN_PMID, "pubmed_pubmed"] = [OPEN_PMID, CLOSED_PMID]
    [body] = run("pubmed", "related", OPEN_PMID, "--json")
    assert [(item["pmid"], item["title"]) for item in body["related"]] == [
        (CLOSED_PMID, "Jericho walls review")
    ]
    [body] = run("pubmed", "summary", OPEN_PMID, "999", "--json")
    assert body["missing"] == ["999"]


def test_a_file_of_queries_goes_on_where_it_was_stopped(server: ReplayServer, tmp_path: Path) -> None:
    path, out = tmp_path / "q.jsonl", tmp_path / "deep" / "out.jsonl"
    queries = [{"id": number, "query": f"report x6000000{number}"} for number in range(6)]
    path.write_text("\n".join(map(json.dumps, queries)))
    out.parent.mkdir()
    kept = {"id": 2, "query": "report x60000002", "hits": [{"id": "kept"}]}
    out.write_text(json.dumps(kept) + '\n{"id": 3, "query": "report x60000003", "error": {}}\n{"id": 4, "que')
    run("pubmed", "search", "--queries", str(path), "-o", str(out))
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["id"] for line in lines] == [0, 1, 2, 3, 4, 5]
    assert lines[2] == kept
    assert [hit["id"] for hit in lines[3]["hits"]] == ["60000003"]
    calls = len(server.calls)
    run("pubmed", "search", "--queries", str(path), "-o", str(out))
    assert len(server.calls) == calls


def test_queries_that_fail_have_their_error_in_their_line(server: ReplayServer, tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text('{"id": "a", "query": "jericho soil"}\n{"id": "b", "query": " "}\n')
    lines = {line["id"]: line for line in run("pubmed", "search", "--queries", str(path), code=3)}
    assert len(lines["a"]["hits"]) == 3
    assert lines["b"]["error"]["kind"] == "invalid_input"


def test_a_reply_that_was_kept_is_shown_while_pubmed_fails_unless_told_otherwise(
    server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knowledge.pubmed.transport._BACKOFF_S", 0.01)
    run("pubmed", "fetch", OPEN_PMID, "--json")
    server.faults = Faults({"html": 1.0})
    [body] = run("pubmed", "fetch", OPEN_PMID, "--json")
    assert body["records"][0]["pmid"] == OPEN_PMID
    [error] = run("pubmed", "fetch", OPEN_PMID, "--no-cache", "--json", code=3)
    assert error["error"]["kind"] == "unavailable"


def test_saved_files_are_read_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(
        b"<PubmedArticleSet>" + next(iter(make_store().articles.values())) + b"</PubmedArticleSet>"
    )
    [body] = run("pubmed", "read", str(path), "--json")
    assert (body["kind"], body["content"][0]["pmid"]) == ("articles", OPEN_PMID)
    [checked] = run("pubmed", "read", str(path), "--check", "--json")
    assert checked["lost"] == []
    path.write_text("<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>1</PMID><Article><New>lost</New>"
                    "</Article></MedlineCitation></PubmedArticle></PubmedArticleSet>")  # fmt: skip
    [checked] = run("pubmed", "read", str(path), "--check", "--json", code=1)
    assert checked["lost"] == ["lost"]


def test_a_connector_is_searched_on_the_command_line(server: ReplayServer, tmp_path: Path) -> None:
    [body] = run("search", "jericho soil", "--connector", "pubmed", "-k", "2", "--json")
    assert [hit["locator"]["pmid"] for hit in body["hits"]] == [OPEN_PMID, CLOSED_PMID]
    path = tmp_path / "q.jsonl"
    path.write_text('{"id": 1, "query": "jericho soil"}\n')
    [line] = run("search", "--queries", str(path), "--connector", "pubmed")
    assert line["hits"][0]["id"] == OPEN_PMID
    [error] = run("search", "x", "--connector", "nope", "--json", code=2)
    assert "connectors" in error["error"]["help"]
