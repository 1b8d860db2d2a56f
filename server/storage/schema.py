"""The tables of `server.db`, as migrations: each file runs each script once. Never edit an old one."""

from __future__ import annotations

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

MIGRATIONS = (_FIRST, _KEYS, _JOBS)
