"""Searching images by their pixels: with words, with another image, and which part of the image is meant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.errors import not_found
from knowledge.chunk import Chunk, hit_of
from knowledge.collection import Collection
from knowledge.records import Hit
from models.backbone import ImageFeatures, image_classes, in_pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]

PIXEL_WEIGHT = 0.4
"""Share of the pixels' score that joins the text's; tuned on COCO's CC photos, flat from 0.3 to 0.8."""
_CAMERA = re.compile(r"\b(?:img|image|dsc[fn]?|dcim|pic|picture|photo|scan|screenshot)(?![a-z])", re.I)
_WORD = re.compile(r"(?<![^\W_])[^\W\d_]{3,}(?![^\W_])")
DEPTH = 100
"""Text hits and images that are joined for each query."""


def has_images(collection: Collection, where: Mapping[str, Any]) -> bool:
    """Whether a collection has an image leg that a filter does not shut out."""
    return where.get("kind", "image") == "image" and bool(collection.manifest.get("image_version"))


def join_images(
    collections: Sequence[Collection],
    queries: Sequence[str],
    found: Sequence[Sequence[Hit]],
    k: int,
    where: Mapping[str, Any],
    *,
    by_document: bool,
) -> list[list[Hit]]:
    """Add to text hits what the pixels of images say, and return the k best of both.

    A piece found both ways scores `1 - (1 - text) * (1 - 0.4 * pixels)`: never less than either. A
    collection whose dual encoder is missing raises `unavailable`.
    """
    holders = [collection for collection in collections if has_images(collection, where)]
    vectors = holders[0].embedder().embed(queries)
    joined = []
    for query, vector, hits in zip(queries, vectors, found, strict=True):
        by_piece = {(hit.collection, hit.chunk_id): hit for hit in hits}
        for collection in holders:
            for hit in _by_text(collection, query, vector, where):
                known = by_piece.get((hit.collection, hit.chunk_id))
                by_piece[hit.collection, hit.chunk_id] = _both(known, hit) if known else hit
        ranked = sorted(by_piece.values(), key=lambda hit: (-hit.score, hit.chunk_id))
        joined.append((_one_a_document(ranked) if by_document else ranked)[:k])
    return joined


def _one_a_document(ranked: Sequence[Hit]) -> list[Hit]:
    best: dict[tuple[str, str], Hit] = {}
    for hit in ranked:
        best.setdefault((hit.collection, hit.source), hit)
    return list(best.values())


def _both(text: Hit, pixels: Hit) -> Hit:
    # The vector of a camera's file name is near to nothing in particular: its score is noise.
    told = text.score if _WORD.search(_CAMERA.sub(" ", text.text)) else 0.0
    score = 1.0 - (1.0 - told) * (1.0 - pixels.score)
    parts = {**text.parts, **pixels.parts}
    locator = text.locator if text.locator.box else pixels.locator
    return replace(
        text,
        score=round(score, 6),
        parts=parts,
        locator=locator,
        metadata={**text.metadata, **pixels.metadata},
    )


def _by_text(collection: Collection, query: str, vector: Vector, where: Mapping[str, Any]) -> list[Hit]:
    scores = collection.images.by_text(vector, DEPTH, collection.allowed(where))
    return _hits(collection, scores, query, PIXEL_WEIGHT, vector)


def search_by_image(
    collections: Sequence[Collection], pixels: NDArray[np.uint8], k: int, where: Mapping[str, Any]
) -> list[Hit]:
    """Return the k indexed images most like an image, shape (height, width, 3), best first.

    Raises:
        VidenceError: `not_found` when the collections hold no image that was looked at; `unavailable`
            when the backbone cannot run here.
    """
    holders = [collection for collection in collections if has_images(collection, where)]
    if not holders:
        names = ", ".join(collection.name for collection in collections)
        raise not_found(
            f"No image is indexed by its pixels in {names}",
            help="Add some: `vidence index add FOLDER --collection NAME --kind image`. "
            "It needs the vision extra: pip install 'vidence[vision]'.",
        )
    features = holders[0].images.backbone.features(pixels)
    hits: list[Hit] = []
    for collection in holders:
        scores = collection.images.by_image(features, k, collection.allowed(where))
        hits += _hits(collection, scores, "", 1.0, collection.images.bridge.image(features))
    return sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id))[:k]


def _hits(
    collection: Collection, scores: Sequence[tuple[int, float]], query: str, weight: float, meant: Vector
) -> list[Hit]:
    names = collection.manifest.names([number for number, _ in scores])
    chunks = {chunk.n: chunk for chunk in collection.manifest.chunks(list(names.values()))}
    hashes = [str(chunk.locator.sha256) for chunk in chunks.values()]
    seen = collection.images.store.get(hashes)
    hits = []
    for number, score in scores:
        chunk = chunks.get(number)
        if chunk is not None and str(chunk.locator.sha256) in seen:
            features, size = seen[str(chunk.locator.sha256)]
            hits.append(_hit(collection, chunk, query, weight, score, features, size, meant))
    return hits


def _hit(
    collection: Collection,
    chunk: Chunk,
    query: str,
    weight: float,
    score: float,
    features: ImageFeatures,
    size: tuple[int, int],
    meant: Vector,
) -> Hit:
    place = int(collection.images.bridge.shown(features, meant).argmax())
    box = in_pixels(features.boxes[place], *size)
    return hit_of(
        chunk,
        collection.name,
        query,
        weight * score,
        {"pixels": score},
        locator=chunk.locator if chunk.locator.box else chunk.locator.model_copy(update={"box": box}),
        metadata={"resembles": image_classes()[int(features.classes[place])].name},
    )
