"""`vidence index`, `search` and `pubmed`: one JSON object on stdout, the right exit code, help on failure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from server.cli import index, pubmed, search
from tests.support.hash_embedder import HashEmbedder

app = typer.Typer()
app.add_typer(index.app, name="index")
app.add_typer(pubmed.app, name="pubmed")
app.command()(search.search)


@pytest.fixture(autouse=True)
def light_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.embeddings.open_embedder", lambda _settings: HashEmbedder())


def run(*args: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, list(args))
    assert result.exit_code == code, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return lines[0] if len(lines) == 1 else lines


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    path = tmp_path / "facts.jsonl"
    rows = [
        {"id": "d1", "title": "Zinc", "text": "Zinc lozenges shorten colds."},
        {"id": "d2", "title": "Iron", "text": "Iron deficiency causes anaemia."},
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    run("index", "add", str(path), "--collection", "facts", "--json")
    return path


def test_an_index_is_built_searched_listed_verified_and_dropped(facts: Path) -> None:
    again = run("index", "add", str(facts), "--collection", "facts", "--json")
    assert (again["unchanged"], again["documents"], again["failed"]) == (2, 2, [])
    found = run("search", "lozenges against a cold", "--collection", "facts", "-k", "1", "--json")
    assert set(found) == {"query", "hits"}
    [hit] = found["hits"]
    assert set(hit) == {"id", "score", "title", "snippet", "locator"}
    assert (hit["id"], hit["title"]) == ("d1", "Zinc")
    assert hit["locator"] == {"path": str(facts), "lines": [1, 1]}
    assert run("index", "list", "--json")["collections"][0]["chunks"] == 2
    assert run("index", "verify", "facts", "--json")["ok"]
    kept = run("index", "snapshot", "facts", "--json")["snapshot"]
    assert run("index", "restore", "facts", kept, "--json")["restored"] == kept
    assert run("index", "drop", "facts", "--json")["dropped"]
    assert run("index", "list", "--json") == {"collections": []}


def test_a_file_of_queries_gives_a_line_each_with_document_ids(facts: Path, tmp_path: Path) -> None:
    queries = tmp_path / "q.jsonl"
    queries.write_text('{"id": "q1", "query": "zinc"}\n\n{"id": 2, "query": "anaemia iron"}\n')
    first, second = run("search", "--queries", str(queries), "--collection", "facts", "--mode", "sparse")
    assert (first["id"], second["id"]) == ("q1", 2)
    assert first["hits"][0]["id"] == "d1"
    assert second["hits"][0] == {"id": "d2", "score": second["hits"][0]["score"]}


@pytest.mark.parametrize(
    ("args", "kind", "code"),
    [
        (["search", "x", "--collection", "absent"], "not_found", 2),
        (["search", "x"], "not_found", 2),
        (["search", "--collection", "facts"], "invalid_input", 2),
        (["search", "x", "--queries", "q", "--collection", "facts"], "invalid_input", 2),
        (["search", "--image", "absent.png", "--collection", "facts"], "not_found", 2),
        (["index", "add", "/no/such/place", "--collection", "facts"], "not_found", 2),
        (["index", "add", ".", "--collection", "a b"], "invalid_input", 2),
        (["index", "restore", "facts", "never"], "not_found", 2),
        (["pubmed", "fetch", "abc"], "invalid_input", 2),
        (["pubmed", "search", "asthma"], "unavailable", 3),
        (["pubmed", "fetch", "1", "--full-text"], "unavailable", 3),
    ],
)
@pytest.mark.usefixtures("facts")
def test_failures_are_one_error_object_with_their_exit_code(args: list[str], kind: str, code: int) -> None:
    error = run(*args, "--json", code=code)["error"]
    assert error["kind"] == kind
    assert error["message"]
    assert error["help"]


@pytest.mark.usefixtures("facts")
def test_people_see_text_and_a_place_to_open() -> None:
    result = CliRunner().invoke(app, ["search", "zinc", "--collection", "facts", "-k", "1"])
    assert "Zinc lozenges shorten colds." in result.stdout
    assert "facts.jsonl" in result.stdout.replace("\n", "")
