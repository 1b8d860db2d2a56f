"""Where the documents of a collection come from: hash, licence, origin, reader, time, embedding model."""

from __future__ import annotations

import json
from typing import Any

from core.errors import not_found
from knowledge.store.manifest import Manifest

_FIELDS = (
    "source, doc_id, title, sha256, licence, origin, reader, language, quality, words, at, embedder, "
    "metadata, (SELECT count(*) FROM chunks c WHERE c.d = d.d)"
)


def lineage(manifest: Manifest, item: str = "") -> list[dict[str, Any]]:
    """Return the lineage of every document, or of one.

    Args:
        manifest: The collection's.
        item: A document's id or source, a piece's id, or a hit's (`manual.md#3`).

    Raises:
        VidenceError: `not_found` when nothing has that name.
    """
    rows = manifest.documents(_FIELDS, item)
    if item and not rows and "#" in item:
        rows = manifest.documents(_FIELDS, item.rpartition("#")[0])
    if item and not rows:
        raise not_found(
            f"No document or piece is called `{item}`",
            help="Use a document's id, as `vidence search --json` gives it.",
        )
    return [_body(manifest, row) for row in rows]


def _body(manifest: Manifest, row: tuple[Any, ...]) -> dict[str, Any]:
    source, doc_id, title, sha256, licence, origin, reader, *rest = row
    language, quality, words, at, embedder, metadata, pieces = rest
    return {
        "id": doc_id,
        "source": source,
        "title": title,
        "sha256": sha256,
        "licence": licence or None,
        "origin": origin or None,
        "reader": reader or None,
        "added_at": f"{at.replace(' ', 'T')}Z",
        "embedder": {"name": manifest.get("embedder"), "hash": embedder},
        "language": language or None,
        "quality": quality,
        "words": words,
        "pieces": pieces,
        "metadata": json.loads(metadata),
    }
