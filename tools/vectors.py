"""Vectors of texts by content hash: what was embedded once, by the same model, is not embedded again."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.sqlite_file import select_in

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.embeddings import Embedder

_SCHEMA = "CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, vector BLOB NOT NULL)"


class VectorCache:
    """Keeps vectors in memory, and in a SQLite file when a path is given. Safe to share between threads."""

    def __init__(self, embedder: Embedder, path: Path | None = None) -> None:
        self._embedder = embedder
        self._path = path
        self._lock = threading.Lock()
        self._held: dict[str, bytes] = {}

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, shape (n, dim); only texts that are new are embedded."""
        import numpy as np

        keys = [self._key(text) for text in texts]
        with self._lock:
            self._load([key for key in keys if key not in self._held])
            fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._held}
            if fresh:
                made = self._embedder.embed(list(fresh.values()))
                rows = {
                    key: np.asarray(vector, dtype=np.float32).tobytes()
                    for key, vector in zip(fresh, made, strict=True)
                }
                self._held.update(rows)
                self._keep(rows)
            return np.stack([np.frombuffer(self._held[key], dtype=np.float32) for key in keys])

    def _key(self, text: str) -> str:
        return hashlib.sha256(f"{self._embedder.hash}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()

    def _load(self, keys: Sequence[str]) -> None:
        if self._path is None or not keys or not self._path.is_file():
            return
        connection = sqlite3.connect(self._path, timeout=30.0)
        try:
            connection.execute(_SCHEMA)
            self._held.update(select_in(connection, "SELECT key, vector FROM vectors WHERE key IN", keys))
        finally:
            connection.close()

    def _keep(self, rows: dict[str, bytes]) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=30.0)
        try:
            with connection:
                connection.execute(_SCHEMA)
                connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", list(rows.items()))
        finally:
            connection.close()
