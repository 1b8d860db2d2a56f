"""The tables of the server, as migrations: each database runs each script once. Never edit an old one.

They are SQLite's, with `INTEGER`, `REAL`, `TEXT` and `BLOB` columns; `for_postgres` translates them.
"""

from __future__ import annotations

import re

_FIRST = """
CREATE TABLE threads (
    owner TEXT NOT NULL, thread_id TEXT NOT NULL, key TEXT NOT NULL UNIQUE, title TEXT NOT NULL,
    created_at TEXT NOT NULL, PRIMARY KEY (owner, thread_id));
CREATE TABLE runs (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, thread_id TEXT NOT NULL, thread_key TEXT NOT NULL,
    status TEXT NOT NULL, spec TEXT NOT NULL,
    created_at TEXT NOT NULL, started_at TEXT NOT NULL DEFAULT '', finished_at TEXT NOT NULL DEFAULT '',
    worker TEXT NOT NULL DEFAULT '', lease_until REAL NOT NULL DEFAULT 0, epoch INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, progress TEXT NOT NULL DEFAULT '',
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    waiting TEXT NOT NULL DEFAULT '', reply TEXT NOT NULL DEFAULT '', error TEXT NOT NULL DEFAULT '');
CREATE INDEX runs_open ON runs (status, lease_until)
    WHERE status IN ('queued', 'running', 'input_required');
CREATE INDEX runs_by_thread ON runs (thread_key, place);
CREATE INDEX runs_by_owner ON runs (owner, place);
CREATE TABLE results (run_id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE streams (
    run_id TEXT PRIMARY KEY, epoch INTEGER NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
    closed INTEGER NOT NULL DEFAULT 0);
CREATE TABLE events (
    run_id TEXT NOT NULL, seq INTEGER NOT NULL, type TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (run_id, seq)) WITHOUT ROWID;
CREATE UNIQUE INDEX events_by_key ON events (run_id, key);
CREATE TABLE images (
    owner TEXT NOT NULL, sha256 TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
    source TEXT NOT NULL, created_at TEXT NOT NULL, PRIMARY KEY (owner, sha256));
"""

_KEYS = """
CREATE TABLE api_keys (
    key_id TEXT PRIMARY KEY, hash TEXT NOT NULL, name TEXT NOT NULL, owner TEXT NOT NULL,
    role TEXT NOT NULL, scopes TEXT NOT NULL, created_at TEXT NOT NULL, expires_at TEXT NOT NULL,
    revoked_at TEXT NOT NULL, last_used_at TEXT NOT NULL);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY, at TEXT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
    object TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL);
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append only'); END;
CREATE TRIGGER audit_is_final BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append only'); END;
"""

_JOBS = """
CREATE TABLE jobs (
    place INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL,
    kind TEXT NOT NULL, request TEXT NOT NULL, command TEXT NOT NULL, status TEXT NOT NULL,
    created_at TEXT NOT NULL, started_at TEXT NOT NULL DEFAULT '', finished_at TEXT NOT NULL DEFAULT '',
    exit_code INTEGER, attempts INTEGER NOT NULL DEFAULT 0, cancel_requested INTEGER NOT NULL DEFAULT 0,
    worker TEXT NOT NULL DEFAULT '', lease_until REAL NOT NULL DEFAULT 0);
CREATE INDEX jobs_open ON jobs (status, place) WHERE status IN ('queued', 'running');
"""

_CLUSTER = """
CREATE TABLE owed (
    place INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, lines TEXT NOT NULL);
CREATE INDEX owed_by_run ON owed (run_id, place);
CREATE TABLE feedback (
    run_id TEXT NOT NULL, owner TEXT NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (run_id, owner));
CREATE INDEX feedback_by_time ON feedback (at);
CREATE TABLE evidence (
    run_id TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (run_id, id));
CREATE TABLE journal (
    run_id TEXT NOT NULL, key TEXT NOT NULL, tool TEXT NOT NULL, body TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (run_id, key));
"""
"""What more than one worker shares: events that Redis was not there for, and what a data folder has else."""

_ANSWERS = """
CREATE TABLE answers (
    owner TEXT NOT NULL, scope TEXT NOT NULL, exact TEXT NOT NULL, sense TEXT NOT NULL,
    question TEXT NOT NULL, run_id TEXT NOT NULL, kept_at TEXT NOT NULL, used_at TEXT NOT NULL,
    expires_at TEXT NOT NULL, hits INTEGER NOT NULL, PRIMARY KEY (owner, scope, exact));
CREATE INDEX answers_by_run ON answers (owner, run_id);
CREATE INDEX answers_by_use ON answers (owner, used_at);
CREATE INDEX answers_by_end ON answers (expires_at);
ALTER TABLE images ADD COLUMN used_at TEXT NOT NULL DEFAULT '';
"""
"""Which run answered what, for the answer cache; when an image was last used, for its expiry."""

_PICTURES = """
CREATE TABLE image_files (
    sha256 TEXT PRIMARY KEY, png BLOB NOT NULL, gone_at TEXT NOT NULL DEFAULT '');
"""
"""The images themselves, for workers that have no common data folder."""

_SPENT = """
CREATE TABLE spent (owner TEXT NOT NULL, begun_at TEXT NOT NULL);
CREATE INDEX spent_by_owner ON spent (owner, begun_at);
"""
"""When runs began whose threads were deleted: for a day they count in the quota."""

MIGRATIONS = (_FIRST, _KEYS, _JOBS, _CLUSTER, _ANSWERS, _PICTURES, _SPENT)

_WORDS = (
    (r"\bINTEGER PRIMARY KEY AUTOINCREMENT\b", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"),
    (r"\bINTEGER\b", "BIGINT"),
    (r"\bREAL\b", "DOUBLE PRECISION"),
    (r"\bBLOB\b", "BYTEA"),
    (r"\)\s*WITHOUT ROWID\b", ")"),
    # A trigger that refuses: PostgreSQL's call a function.
    (
        r"CREATE TRIGGER (\w+) (BEFORE \w+ ON \w+)\s+BEGIN SELECT RAISE\(ABORT, ('[^']*')\); END;",
        r"CREATE FUNCTION \1() RETURNS trigger LANGUAGE plpgsql AS"
        r" $$ BEGIN RAISE EXCEPTION USING MESSAGE = \3; END $$;"
        r" CREATE TRIGGER \1 \2 FOR EACH ROW EXECUTE FUNCTION \1();",
    ),
)


def for_postgres(script: str) -> str:
    """Return a migration in PostgreSQL's words: whole numbers of 64 bits, times that keep their fractions."""
    for ours, theirs in _WORDS:
        script = re.sub(ours, theirs, script)
    return script
