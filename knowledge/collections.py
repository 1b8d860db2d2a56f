"""All collections under one folder: find them by name, add to them, search them together."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.contracts import OcrLine
from core.errors import invalid_input, not_found
from knowledge import ingest, upkeep
from knowledge.code.leg import CodeLeg
from knowledge.collection import Collection
from knowledge.duplicates import find_duplicates
from knowledge.images.models import ImageModels
from knowledge.images.options import ImageOptions
from knowledge.images.search import DEPTH, has_images, join_images, search_by_image
from knowledge.images.written import ImageText
from knowledge.lineage import lineage as lineage_of
from knowledge.readers.context import ReadContext
from knowledge.records import (
    AddReport,
    CollectionInfo,
    DuplicateGroup,
    Hit,
    IndexKind,
    Lineage,
    Progress,
    SearchMode,
    VerifyReport,
    Where,
)
from knowledge.search import SearchPlan, search_collections

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.embeddings import Embedder
    from models.reranker import Reranker

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Collections:
    """The collections of one data folder. Every method blocks; async code calls them in a thread.

    Args:
        root: Folder with one folder a collection.
        embedder: Returns the embedding model; called when a vector is first needed.
        images: How images are indexed.
        reranker: An external model that orders what was found; by default the index does it itself.
        dense_url: Server that keeps the vectors; by default they are in the collection's folder.
        reading: What readers work with: the image store, the network, OCR.
    """

    def __init__(
        self,
        root: Path,
        embedder: Callable[[], Embedder],
        images: ImageOptions | None = None,
        reranker: Reranker | None = None,
        dense_url: str = "",
        reading: ReadContext | None = None,
    ) -> None:
        self._root = root
        self._dense_url = dense_url
        self._reranker = reranker
        self._reading = reading
        self._embedder = embedder
        self._images = ImageModels(root.parent / "cache" / "models", embedder, images)
        self._lock = threading.Lock()
        self._open: dict[str, Collection] = {}

    def close(self) -> None:
        """Let go of all files."""
        with self._lock:
            for collection in self._open.values():
                collection.close()
            self._open = {}

    def names(self) -> list[str]:
        """Return the names of the collections there are, in order."""
        if not self._root.is_dir():
            return []
        return sorted(path.parent.name for path in self._root.glob("*/manifest.db"))

    def describe(self) -> list[CollectionInfo]:
        """Describe every collection."""
        return [self._get(name).info() for name in self.names()]

    def kinds(self, name: str) -> tuple[str, ...]:
        """Return which kinds of piece (passage, code, image) a collection holds; raises `not_found`."""
        return tuple(sorted(self._get(name).manifest.counts()[2]))

    def version(self, name: str) -> str:
        """Return what changes whenever a search of the collection may find something else.

        Raises `not_found`.
        """
        manifest = self._get(name).manifest
        return f"{manifest.identity()}:{manifest.version}"

    def add(
        self,
        name: str,
        paths: Sequence[str | Path],
        *,
        kind: IndexKind = "auto",
        progress: Progress | None = None,
        lineage: Lineage | None = None,
    ) -> AddReport:
        """Add files and folders to a collection, which is made if it does not exist.

        Unchanged documents are left alone, changed ones replace their old pieces, documents whose files
        are gone stay. Raises like `knowledge.ingest.add`, and `unavailable` while another process writes.
        """
        new = name not in self.names()
        collection = self._get(name, create=True)
        try:
            with collection.writing():
                return ingest.add(collection, paths, kind, progress, self._reading, lineage)
        finally:
            if new and not collection.manifest.counts(pending=True)[0]:
                # A first add that failed leaves no empty collection behind.
                self._forget(name)

    def code(self, name: str) -> CodeLeg | None:
        """Return what is known of a collection's source code, or None when it has none or is behind.

        Raises `not_found` for an unknown name.
        """
        leg = self._get(name).code
        return leg if leg.ranker() is not None else None

    def search(
        self,
        names: str | Sequence[str],
        query: str,
        k: int = 10,
        *,
        mode: SearchMode = "hybrid",
        rerank: bool = True,
        where: Where | None = None,
        diversity: float = 0.0,
    ) -> list[Hit]:
        """Return the k best pieces of one or several collections, best first.

        Args:
            names: Collections to search together.
            query: The question or key words.
            k: How many pieces.
            mode: Both legs, vectors only or words only.
            rerank: Whether the fused order is re-ranked: by the external model if there is one, else, with
                both legs, by late interaction over token vectors.
            where: Equality filter.
            diversity: Share of unlikeness to what stands above, in 0 to 1; 0 asks for relevance alone.

        Raises:
            VidenceError: `not_found` for no or unknown collections; `invalid_input` for an empty query
                or another embedding model; `unavailable` without the model.
        """
        return self.search_many(
            names, [query], k, mode=mode, rerank=rerank, where=where, diversity=diversity
        )[0]

    def search_many(
        self,
        names: str | Sequence[str],
        queries: Sequence[str],
        k: int = 10,
        *,
        mode: SearchMode = "hybrid",
        rerank: bool = True,
        where: Where | None = None,
        by_document: bool = False,
        diversity: float = 0.0,
    ) -> list[list[Hit]]:
        """Search several queries at once, embedding them together; like `search` otherwise.

        With `by_document` only the best piece of each document is kept, so that k counts documents.
        """
        collections = self._named(names)
        if any(not query.strip() for query in queries):
            raise invalid_input("The query is empty", help="Say what to search for.")
        if k < 1:
            raise invalid_input(f"k must be 1 or more, not {k}", help="Use -k 10.")
        if not 0 <= diversity <= 1:
            raise invalid_input(f"diversity must be 0 to 1, not {diversity}", help="Use --diversity 0.3.")
        filter_ = dict(where or {})
        pixels = mode != "sparse" and any(has_images(item, filter_) for item in collections)
        plan = SearchPlan(
            mode=mode,
            rerank=rerank,
            reranker=self._reranker,
            diversity=diversity,
            where=filter_,
            by_document=by_document,
        )
        found = search_collections(collections, queries, max(k, DEPTH) if pixels else k, plan)
        return (
            join_images(collections, queries, found, k, filter_, by_document=by_document) if pixels else found
        )

    def search_image(
        self,
        names: str | Sequence[str],
        pixels: NDArray[np.uint8],
        k: int = 10,
        *,
        where: Where | None = None,
    ) -> list[Hit]:
        """Return the k indexed images most like an RGB image, shape (height, width, 3), best first.

        Raises:
            VidenceError: `not_found` for no or unknown collections, or when they hold no image;
                `unavailable` without the image backbone.
        """
        return search_by_image(self._named(names), pixels, k, dict(where or {}))

    def held_images(self) -> set[str]:
        """Return the hashes of all images that collections hold."""
        prints = (self._get(name).manifest.image_prints() for name in self.names())
        return {sha256 for rows in prints for _, sha256, _ in rows if sha256}

    def image_lines(self, sha256: str) -> list[OcrLine]:
        """Return the lines of text that were read from an image when it was indexed; none if it was not."""
        return ImageText(self._root.parent / "cache", self._images.options.read_text).known(sha256) or []

    def image_meaning(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what an image shows as a unit vector in the text embedder's space (the ConSE bridge).

        Raises:
            VidenceError: `unavailable` without the image backbone.
        """
        return self._images.meaning(pixels)

    def _named(self, names: str | Sequence[str]) -> list[Collection]:
        wanted = [names] if isinstance(names, str) else list(dict.fromkeys(names))
        if not wanted:
            known = ", ".join(self.names()) or "none yet"
            raise not_found(
                "No collection was named to search",
                help=f"Use --collection (there are: {known}), "
                "or make one: `vidence index add PATH --collection NAME`.",
            )
        return [self._get(name) for name in wanted]

    def verify(self, name: str, *, repair: bool = False) -> VerifyReport:
        """Check a collection's legs against its manifest; with `repair`, mend them."""
        collection = self._get(name)
        if not repair:
            return upkeep.verify(collection)
        with collection.writing():
            return upkeep.verify(collection, repair=True)

    def snapshot(self, name: str) -> str:
        """Keep a snapshot of a collection and return the snapshot's name."""
        collection = self._get(name)
        with collection.writing():
            return upkeep.snapshot(collection)

    def restore(self, name: str, snapshot: str = "", *, progress: Progress | None = None) -> str:
        """Take a collection back to a snapshot, by default the latest, and return the snapshot's name.

        Raises `not_found` for an unknown one.
        """
        collection = self._get(name)
        with collection.writing():
            return upkeep.restore(collection, snapshot, progress)

    def reembed(self, name: str, *, progress: Progress | None = None) -> int:
        """Make a collection's vectors anew with the model of the settings; return how many."""
        collection = self._get(name)
        with collection.writing():
            return upkeep.reembed(collection, progress)

    def duplicates(self, name: str) -> list[DuplicateGroup]:
        """Return the documents and images of a collection that are the same or nearly, in groups."""
        return find_duplicates(self._get(name).manifest)

    def lineage(self, name: str, item: str = "") -> list[dict[str, Any]]:
        """Return where a collection's documents come from, or one; raises `not_found`."""
        return lineage_of(self._get(name).manifest, item)

    def drop(self, name: str) -> None:
        """Delete a collection with its snapshots."""
        with self._get(name).writing():
            self._forget(name)

    def _forget(self, name: str) -> None:
        with self._lock:
            collection = self._open.pop(name, None)
            if collection is not None:
                collection.drop_remote()
                collection.close()
            shutil.rmtree(self._root / name, ignore_errors=True)

    def _get(self, name: str, *, create: bool = False) -> Collection:
        if not _NAME.fullmatch(name):
            raise invalid_input(
                f"Not a collection's name: `{name[:80]}`",
                help="Use up to 64 letters, digits, `-` and `_`, beginning with a letter or digit.",
            )
        if not create and not (self._root / name / "manifest.db").is_file():
            known = ", ".join(self.names()) or "none yet"
            raise not_found(
                f"No collection is called `{name}`",
                help=f"There are: {known}. Make it with `vidence index add PATH --collection {name}`.",
            )
        with self._lock:
            if name not in self._open:
                self._open[name] = Collection(
                    self._root / name, self._embedder, self._images, self._dense_url
                )
            return self._open[name]
