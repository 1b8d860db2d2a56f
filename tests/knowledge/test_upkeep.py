"""Snapshots, another embedding model, drift and older formats: the collection comes out whole."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from core.errors import VidenceError
from knowledge.chunk import chunk_id
from knowledge.collections import Collections
from knowledge.records import Piece
from tests.support.hash_embedder import HashEmbedder


def test_the_version_of_a_collection_never_comes_twice(collections: Collections, docs: Path) -> None:
    versions = []

    def note() -> None:
        versions.append(collections.version("home"))
        assert collections.version("home") == versions[-1], "looking changes nothing"

    collections.add("home", [docs])
    note()
    assert collections.add("home", [docs]).added == 0
    assert collections.version("home") == versions[-1], "nothing was added"
    collections.snapshot("home")
    (docs / "boiler.md").write_text("# Boiler\n\nKeep it at 9 bar.\n")
    collections.add("home", [docs])
    note()
    collections.restore("home")
    note()
    collections.drop("home")
    collections.add("home", [docs])  # a generation 1 again, of another collection
    note()
    assert len(set(versions)) == 4
    with pytest.raises(VidenceError, match="No collection"):
        collections.version("nothing")


def test_a_restore_brings_back_the_digest_and_no_number_comes_twice(
    collections: Collections, docs: Path
) -> None:
    collections.add("home", [docs])
    first = collections.verify("home").digest
    collections.snapshot("home")
    (docs / "boiler.md").write_text("# Boiler\n\nKeep it at 9 bar.\n")
    collections.add("home", [docs])
    manifest = collections._get("home").manifest
    used = max(manifest.ids().values())
    generation = manifest.version
    name = collections.restore("home")
    assert name in collections.describe()[0].snapshots
    report = collections.verify("home")
    assert (report.ok, report.digest) == (True, first)
    assert manifest.version > generation
    (docs / "boiler.md").write_text("# Boiler\n\nKeep it at 7 bar.\n")
    collections.add("home", [docs])
    assert max(manifest.ids().values()) > used
    assert "7 bar" in collections.search("home", "boiler bar", 1)[0].text
    assert collections.verify("home").ok


def test_a_collection_without_snapshots_says_so(collections: Collections, docs: Path) -> None:
    collections.add("home", [docs])
    with pytest.raises(VidenceError, match="no snapshots"):
        collections.restore("home")


def test_reembed_moves_a_collection_to_another_model_and_goes_on_where_it_was_killed(
    tmp_path: Path, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (docs / "more.jsonl").write_text(
        "\n".join(json.dumps({"id": f"r{n}", "text": f"Record {n} of kettles."}) for n in range(150))
    )
    old = Collections(tmp_path / "c", HashEmbedder)
    old.add("home", [docs])
    old.close()
    embedder = HashEmbedder("another")
    new = Collections(tmp_path / "c", lambda: embedder)
    embed = HashEmbedder.embed
    calls = []

    def die_at_third(self: HashEmbedder, texts: list[str]) -> object:
        calls.append(len(texts))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return embed(self, texts)

    with monkeypatch.context() as patched:
        patched.setattr(HashEmbedder, "embed", die_at_third)
        with pytest.raises(KeyboardInterrupt):
            new.reembed("home")
    assert old.search("home", "kettles", 1)
    made = embedder.embedded
    count = new.reembed("home")
    assert made > 0
    assert embedder.embedded == count
    report = new.verify("home")
    assert report.ok
    assert report.model_ok
    assert new.search("home", "water roses in the morning", 1, mode="dense")[0].doc_id == "garden.txt"
    assert not list((tmp_path / "c" / "home").glob("*.partial*"))
    new.close()
    old.close()


def test_verify_finds_a_changed_text_and_a_lost_vector(collections: Collections, docs: Path) -> None:
    collections.add("home", [docs])
    collections.close()
    path = collections._root / "home" / "manifest.db"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE chunks SET text = text || '!' WHERE n = 1")
        connection.execute("DELETE FROM vectors WHERE n = 2")
    connection.close()
    report = collections.verify("home")
    assert not report.ok
    assert report.damaged == 2


OLD = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE documents (
    source TEXT PRIMARY KEY, doc_id TEXT NOT NULL, title TEXT NOT NULL, sha256 TEXT NOT NULL,
    licence TEXT NOT NULL, metadata TEXT NOT NULL, at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE chunks (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL REFERENCES documents (source) ON DELETE CASCADE,
    kind TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL, locator TEXT NOT NULL,
    vector BLOB NOT NULL);
CREATE INDEX chunks_by_source ON chunks (source);
"""


def test_a_collection_of_the_first_format_is_brought_along(tmp_path: Path, docs: Path) -> None:
    made = Collections(tmp_path / "new", HashEmbedder)
    made.add("home", [docs])
    chunks = []
    for chunk, body in made._get("home").manifest.with_vectors(range(1, 50)):
        # An id did not tell then what the vector was made of.
        id_ = chunk_id(chunk.source, Piece(chunk.text, chunk.kind, chunk.locator, chunk.title))
        locator = chunk.locator.model_dump_json(exclude_none=True)
        chunks.append((chunk.n, id_, chunk.source, chunk.kind, chunk.title, chunk.text, body, locator))
    rows = made._get("home").manifest.documents("source, doc_id, title, sha256, licence, metadata")
    digest = made.verify("home").digest
    made.close()
    folder = tmp_path / "old" / "home"
    folder.mkdir(parents=True)
    connection = sqlite3.connect(folder / "manifest.db")
    with connection:
        connection.executescript(OLD)
        model = HashEmbedder()
        notes = {"embedder": model.name, "embedder_hash": model.hash, "version": "3"}
        connection.executemany("INSERT INTO meta VALUES (?, ?)", notes.items())
        connection.executemany(
            "INSERT INTO documents (source, doc_id, title, sha256, licence, metadata) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            rows,
        )
        connection.executemany(
            "INSERT INTO chunks (n, id, source, kind, title, text, vector, locator) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            chunks,
        )
    connection.close()
    old = Collections(tmp_path / "old", HashEmbedder)
    assert not old.verify("home").ok
    report = old.add("home", [docs])
    assert (report.unchanged, report.added) == (3, 0)
    verified = old.verify("home")
    assert verified.ok
    assert verified.chunks == len(chunks)
    assert verified.digest != digest  # what read them was not recorded then
    assert old.search("home", "water roses", 1)[0].doc_id == "garden.txt"
    old.close()
