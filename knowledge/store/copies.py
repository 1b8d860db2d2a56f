"""Copies of a manifest: made while it is read, taken over in one step, and fit to take its place."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from knowledge.store.manifest import Manifest
from knowledge.store.schema import NOW, prepare


def copy_to(manifest: Manifest, path: Path) -> None:
    """Write a consistent copy of a manifest while others may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    target = sqlite3.connect(path)
    try:
        with manifest.open() as connection:
            connection.backup(target)
    finally:
        target.close()


def adopt(manifest: Manifest, path: Path) -> None:
    """Let a manifest take over the content of another manifest's file in one step."""
    source = sqlite3.connect(path)
    try:
        with manifest.open() as connection:
            source.backup(connection)
            prepare(connection)
    finally:
        source.close()


def follow(copy: Manifest, other: Manifest) -> None:
    """Make a copy one that can take the place of `other`: no number and no generation comes twice.

    The legs are those of `other`, and have to be compared with what is in here.
    """
    with copy.open() as connection, connection:
        # What had not been published when the copy was made was never seen by anybody.
        connection.execute(f"DELETE FROM documents WHERE born > {NOW}")
        connection.execute(f"UPDATE documents SET died = NULL WHERE died > {NOW}")
        connection.execute(f"DELETE FROM documents WHERE died <= {NOW}")
        connection.execute("UPDATE documents SET born = 0")
        with other.open() as live:
            used = dict(live.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
            legs = live.execute("SELECT key, value FROM meta WHERE key LIKE 'leg:%'").fetchall()
        mine = dict(connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
        connection.execute("DELETE FROM sqlite_sequence")
        connection.executemany(
            "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)",
            [(name, max(mine.get(name, 0), used.get(name, 0))) for name in mine.keys() | used.keys()],
        )
        connection.execute("DELETE FROM meta WHERE key LIKE 'leg:%'")
        connection.executemany("INSERT INTO meta VALUES (?, ?)", legs)
        # The legs' records carry older generations, so that each is compared before it is used.
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('generation', ?)", (str(other.version + 1),))
