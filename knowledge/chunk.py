"""A stored piece as the manifest gives it, and the id it has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.contracts import Locator
from knowledge.records import Hit, Piece, PieceKind

COLUMNS = (
    "c.n, c.id, d.source, c.kind, c.title, c.text, c.locator, d.doc_id, d.title, d.metadata, c.place, "
    "(SELECT count(*) FROM chunks x WHERE x.d = c.d), c.embed "
    "FROM chunks c JOIN documents d ON d.d = c.d"
)
"""What `chunk_of` reads, as the beginning of a statement after SELECT."""


@dataclass(frozen=True)
class Chunk:
    """A stored piece with what its document says of it. `n` never names another chunk."""

    n: int
    id: str
    source: str
    kind: PieceKind
    title: str
    text: str
    locator: Locator
    doc_id: str
    doc_title: str
    metadata: dict[str, Any]
    ordinal: int
    """Its place in its document, from 1."""
    siblings: int
    """How many pieces its document has."""
    embed: str | None = None
    """As in `Piece.embed`."""

    @property
    def reference(self) -> str:
        """A name for people: the document's id, with the piece's place when there are several."""
        return self.doc_id if self.siblings == 1 else f"{self.doc_id}#{self.ordinal}"

    @property
    def searched(self) -> str:
        """The text that the word leg sees, and the vectors unless `embed` says otherwise."""
        return searched_text(self.title, self.text)

    @property
    def embedded(self) -> str:
        """The text that its vector is made of; empty when it has none of its own."""
        return self.searched if self.embed is None else self.embed


def searched_text(title: str, text: str) -> str:
    """Return what a piece is found by: its title and its text."""
    return f"{title}\n{text}" if title and title != text else text


def chunk_id(source: str, piece: Piece) -> str:
    """Return the id of a piece: a hash of where it stands and of what both legs see of it."""
    locator = piece.locator.model_dump_json(exclude_none=True)
    parts = (source, piece.kind, piece.title, piece.text, locator)
    key = "\0".join(parts if piece.embed is None else (*parts, piece.embed))
    return "c" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def chunk_of(row: Any) -> Chunk:
    """Return the chunk of a row of `COLUMNS`."""
    n, id_, source, kind, title, text, locator, doc_id, doc_title, metadata, ordinal, siblings, embed = row
    return Chunk(
        n=n,
        id=id_,
        source=source,
        kind=kind,
        title=title,
        text=text,
        locator=Locator.model_validate_json(locator),
        doc_id=doc_id,
        doc_title=doc_title,
        metadata=json.loads(metadata),
        ordinal=ordinal,
        siblings=siblings,
        embed=embed,
    )


def hit_of(
    chunk: Chunk,
    collection: str,
    query: str,
    score: float,
    parts: Mapping[str, float | None],
    *,
    locator: Locator | None = None,
    metadata: Mapping[str, Any] | None = None,
    note: str = "",
) -> Hit:
    """Return a chunk as a search result.

    Args:
        chunk: What was found.
        collection: The collection's name.
        query: What was searched for; empty for an image.
        score: In 0 to 1.
        parts: What each leg gave; None where it gave nothing.
        locator: A nearer place than the chunk's own.
        metadata: What to say beside the document's own.
        note: What did not go as the settings ask.
    """
    return Hit(
        id=chunk.reference,
        chunk_id=chunk.id,
        score=round(score, 6),
        title=chunk.doc_title or chunk.title,
        text=chunk.text,
        source=chunk.source,
        doc_id=chunk.doc_id,
        locator=locator or chunk.locator,
        kind=chunk.kind,
        collection=collection,
        query=query,
        parts={name: round(value, 6) for name, value in parts.items() if value is not None},
        metadata={**chunk.metadata, **(metadata or {})},
        note=note,
    )


def damaged(chunk: Chunk) -> bool:
    """Whether a chunk's text no longer has the hash that it was stored with."""
    piece = Piece(chunk.text, chunk.kind, chunk.locator, chunk.title, chunk.embed)
    # Collections of the first format did not keep what the vectors were made of.
    return chunk.id not in {
        chunk_id(chunk.source, piece),
        chunk_id(chunk.source, Piece(chunk.text, chunk.kind, chunk.locator, chunk.title)),
    }
