"""The manifest's tables, and how the tables of an older version become these."""

from __future__ import annotations

import sqlite3

VERSION = 2
NOW = "(SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'generation')"
"""The generation that readers see, as a value within a statement."""
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
-- A version of a document is seen by the generations from `born` up to the one before `died`.
CREATE TABLE IF NOT EXISTS documents (
    d INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, doc_id TEXT NOT NULL, title TEXT NOT NULL,
    sha256 TEXT NOT NULL, licence TEXT NOT NULL, origin TEXT NOT NULL DEFAULT '',
    reader TEXT NOT NULL DEFAULT '', metadata TEXT NOT NULL, language TEXT NOT NULL DEFAULT '',
    quality REAL NOT NULL DEFAULT 1, words INTEGER NOT NULL DEFAULT 0, digest TEXT NOT NULL DEFAULT '',
    signature BLOB NOT NULL DEFAULT x'', embedder TEXT NOT NULL DEFAULT '',
    at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, born INTEGER NOT NULL, died INTEGER);
CREATE INDEX IF NOT EXISTS documents_by_source ON documents (source);
CREATE INDEX IF NOT EXISTS documents_by_name ON documents (doc_id);
CREATE INDEX IF NOT EXISTS documents_by_birth ON documents (born);
CREATE INDEX IF NOT EXISTS documents_by_death ON documents (died) WHERE died IS NOT NULL;
CREATE TABLE IF NOT EXISTS chunks (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,
    d INTEGER NOT NULL REFERENCES documents (d) ON DELETE CASCADE, place INTEGER NOT NULL,
    kind TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL, locator TEXT NOT NULL,
    embed TEXT, print BLOB NOT NULL DEFAULT x'');
CREATE INDEX IF NOT EXISTS chunks_by_id ON chunks (id);
CREATE INDEX IF NOT EXISTS chunks_by_document ON chunks (d, place);
CREATE TABLE IF NOT EXISTS vectors (
    n INTEGER PRIMARY KEY REFERENCES chunks (n) ON DELETE CASCADE, vector BLOB NOT NULL);
"""
_FROM_1 = """
ALTER TABLE documents RENAME TO documents_1;
ALTER TABLE chunks RENAME TO chunks_1;
DROP INDEX IF EXISTS chunks_by_source;
"""
_INTO_2 = """
INSERT INTO documents (source, doc_id, title, sha256, licence, metadata, at, born)
    SELECT source, doc_id, title, sha256, licence, metadata, at, 1 FROM documents_1 ORDER BY rowid;
INSERT INTO chunks (n, id, d, place, kind, title, text, locator)
    SELECT c.n, c.id, d.d, row_number() OVER (PARTITION BY c.source ORDER BY c.n), c.kind, c.title, c.text,
    c.locator FROM chunks_1 c JOIN documents d ON d.source = c.source ORDER BY c.n;
INSERT INTO vectors SELECT n, vector FROM chunks_1 WHERE length(vector) > 0;
UPDATE chunks SET embed = '' WHERE n NOT IN (SELECT n FROM vectors);
UPDATE documents SET embedder = coalesce((SELECT value FROM meta WHERE key = 'embedder_hash'), '');
DELETE FROM meta WHERE key NOT IN ('embedder', 'embedder_hash');
INSERT OR REPLACE INTO meta VALUES ('generation', '1');
DROP TABLE chunks_1;
DROP TABLE documents_1;
"""


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables, or bring those of an older version here, in one transaction."""
    if connection.execute("PRAGMA user_version").fetchone()[0] == VERSION:
        return
    connection.execute("PRAGMA foreign_keys=OFF")
    # Two processes may open a collection at once: the second finds the work done.
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            columns = {row[1] for row in connection.execute("PRAGMA table_info(chunks)")}
            old = "source" in columns
            for script in (_FROM_1, _TABLES, _INTO_2) if old else (_TABLES,):
                for statement in script.split(";\n"):
                    if statement.strip():
                        connection.execute(statement)
            connection.execute(f"PRAGMA user_version={VERSION}")
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.execute("PRAGMA foreign_keys=ON")
