"""Vectors that are kept by model and text, so that no text is embedded twice by one model.

For work that indexes the same texts again and again (evals after every change of code). A single text is
passed through, so that the time of a query stays what it is.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.sqlite_file import SqliteFile, select_in
from models.embeddings import Embedder, TokenEmbedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.late_interaction import QueryTokens

Kept = tuple[bytes, bytes]
"""A vector (float32) and the codes of its tokens (int8); these are empty where none were made."""


class VectorFile(SqliteFile):
    """Vectors by key. Safe to share between threads and processes."""

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Make the table."""
        with connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS vectors "
                "(key BLOB PRIMARY KEY, vector BLOB NOT NULL, codes BLOB NOT NULL)"
            )

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Kept]:
        """Return what is kept of some keys."""
        with self.open() as connection:
            rows = select_in(connection, "SELECT key, vector, codes FROM vectors WHERE key IN", keys)
        return {bytes(key): (bytes(vector), bytes(codes)) for key, vector, codes in rows}

    def put(self, made: dict[bytes, Kept]) -> None:
        """Keep vectors."""
        with self.open() as connection, connection:
            connection.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)",
                [(key, vector, codes) for key, (vector, codes) in made.items()],
            )


class KeptEmbedder:
    """An embedder that asks another one for what it does not keep yet."""

    def __init__(self, inner: Embedder, file: VectorFile) -> None:
        self._inner = inner
        self._file = file

    @property
    def name(self) -> str:
        """The model's name."""
        return self._inner.name

    @property
    def hash(self) -> str:
        """The model's hash."""
        return self._inner.hash

    @property
    def dim(self) -> int:
        """The length of a vector."""
        return self._inner.dim

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, shape (n, dim); raises as the model does."""
        if len(texts) == 1:
            return self._inner.embed(texts)

        def make(missing: list[str]) -> list[Kept]:
            return [(row.tobytes(), b"") for row in self._inner.embed(missing)]

        return self._vectors([kept[0] for kept in self._known(texts, self.hash, make)])

    def _known(self, texts: Sequence[str], model: str, make: Callable[[list[str]], list[Kept]]) -> list[Kept]:
        keys = [hashlib.blake2b(f"{model}|{text}".encode(), digest_size=16).digest() for text in texts]
        known = self._file.get(list(dict.fromkeys(keys)))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            made = dict(zip(missing, make(list(missing.values())), strict=True))
            self._file.put(made)
            known.update(made)
        return [known[key] for key in keys]

    def _vectors(self, rows: Sequence[bytes]) -> NDArray[np.float32]:
        import numpy as np

        return np.frombuffer(b"".join(rows), dtype=np.float32).reshape(len(rows), -1 if rows else self.dim)


class KeptTokenEmbedder(KeptEmbedder):
    """The same for an embedder that also gives token vectors."""

    def __init__(self, inner: TokenEmbedder, file: VectorFile) -> None:
        super().__init__(inner, file)
        self._tokens = inner

    @property
    def token_hash(self) -> str:
        """The hash of what makes token vectors."""
        return self._tokens.token_hash

    @property
    def token_dim(self) -> int:
        """The length of a token's vector."""
        return self._tokens.token_dim

    def embed_passages(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[NDArray[np.int8]]]:
        """Return one unit vector a text, and its tokens' codes, shape (tokens, token_dim)."""
        import numpy as np

        def make(missing: list[str]) -> list[Kept]:
            vectors, codes = self._tokens.embed_passages(missing)
            return [(row.tobytes(), code.tobytes()) for row, code in zip(vectors, codes, strict=True)]

        found = self._known(texts, self.token_hash, make)
        codes = [np.frombuffer(kept[1], dtype=np.int8).reshape(-1, self.token_dim) for kept in found]
        return self._vectors([kept[0] for kept in found]), codes

    def embed_queries(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[QueryTokens]]:
        """Return one unit vector a query and its tokens; never kept."""
        return self._tokens.embed_queries(texts)


def keeping(path: Path) -> Callable[[Embedder], Embedder]:
    """Return what wraps an embedder so that its vectors are kept in a file."""
    file = VectorFile(path)

    def wrap(inner: Embedder) -> Embedder:
        return (
            KeptTokenEmbedder(inner, file) if isinstance(inner, TokenEmbedder) else KeptEmbedder(inner, file)
        )

    return wrap
