"""What PubMed answered, kept in SQLite for a while and shared by the processes of a machine.

Records are kept by their id as the XML that came, so that nothing is lost and a better reader reads the old
ones too. Searches are kept for a shorter time: new papers appear daily. Empty results are not kept: they may
be a failure that looks like an answer.
"""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from core.sqlite_file import select_in

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    source TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, stored REAL NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (source, kind, key)
) WITHOUT ROWID
"""
_DAY_S = 86_400.0


class EntrezCache:
    """A cache of replies. A cache that cannot be read or written (a full disk) is passed by, not fatal.

    Args:
        path: The SQLite file.
        source: The address that answered; different servers never share entries.
        days: Lifetime in days by kind of entry, for example `{"record": 30, "search": 1}`.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        path: Path,
        source: str,
        days: Mapping[str, float],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._source = source
        self._life_s = {kind: value * _DAY_S for kind, value in days.items()}
        self._clock = clock

    def get_many(self, kind: str, keys: Iterable[str]) -> dict[str, bytes]:
        """Return the entries that are there and not too old."""
        wanted = list(dict.fromkeys(keys))
        if not wanted or self._life_s[kind] <= 0 or not self._path.exists():
            return {}
        now = self._clock()
        statement = (
            "SELECT key, body FROM entries WHERE source = ? AND kind = ? AND stored > ? AND stored <= ? "
            "AND key IN"
        )
        oldest = now - self._life_s[kind]
        try:
            with closing(self._open()) as connection:
                rows = select_in(connection, statement, wanted, self._source, kind, oldest, now)
            return {str(key): zlib.decompress(body) for key, body in rows}
        except (sqlite3.Error, OSError, zlib.error):
            return {}

    def put_many(self, kind: str, entries: Mapping[str, bytes]) -> None:
        """Keep entries; older ones of the same key are replaced, those past their time are removed."""
        if not entries or self._life_s[kind] <= 0:
            return
        now = self._clock()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._open()) as connection, connection:
                connection.execute(_SCHEMA)
                connection.execute(
                    "DELETE FROM entries WHERE kind = ? AND stored <= ?", (kind, now - self._life_s[kind])
                )
                connection.executemany(
                    "INSERT OR REPLACE INTO entries (source, kind, key, stored, body) VALUES (?, ?, ?, ?, ?)",
                    [(self._source, kind, key, now, zlib.compress(body)) for key, body in entries.items()],
                )
        except (sqlite3.Error, OSError):
            return

    def get(self, kind: str, key: str) -> bytes | None:
        """Return one entry, or nothing."""
        return self.get_many(kind, [key]).get(key)

    def put(self, kind: str, key: str, body: bytes) -> None:
        """Keep one entry."""
        self.put_many(kind, {key: body})

    def clear(self) -> int:
        """Forget everything of every source; returns how many entries there were."""
        if not self._path.exists():
            return 0
        with closing(self._open()) as connection, connection:
            connection.execute(_SCHEMA)
            return connection.execute("DELETE FROM entries").rowcount

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=10)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection


def key_of(**parts: Any) -> str:
    """Return a stable key of a call's parameters."""
    return json.dumps(parts, sort_keys=True, ensure_ascii=False)
