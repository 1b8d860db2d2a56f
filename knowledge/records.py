"""What moves between readers, the manifest and the legs of the index: plain frozen records."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from core.contracts import Locator
from core.errors import ErrorKind
from knowledge.snippets import snippet

PieceKind = Literal["passage", "code", "image"]
IndexKind = Literal["auto", "text", "image", "code"]
SearchMode = Literal["hybrid", "dense", "sparse"]
Scalar = str | int | float | bool
Where = Mapping[str, Scalar]
"""Equality filter over `kind`, `doc_id`, `source` and the scalar metadata of documents."""

Progress = Callable[[str, int, int], None]
"""Called with a stage, how much is done, and how much there is."""


@dataclass(frozen=True)
class Piece:
    """A span of a document: its exact text, what else to find it by, and where it stands."""

    text: str
    kind: PieceKind
    locator: Locator
    title: str = ""
    """The heading, definition or record title that is searched together with the text."""
    embed: str | None = None
    """What the vector is made of: the title and the text by default, another text, or an empty one for a
    piece that is found by its words and has no vector of its own but its document's first."""


@dataclass(frozen=True)
class SourceDocument:
    """A document as a reader gives it. `source` is unique in a collection, `doc_id` is for people."""

    source: str
    doc_id: str
    title: str
    sha256: str
    pieces: Callable[[], list[Piece]]
    """Reads the pieces; called only when the document is new or has changed."""
    licence: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    origin: str = ""
    """Where it comes from, such as the address that a file was fetched from."""
    reader: str = ""
    """What read it, with its version; by default the kind of file and Vidence's version."""


@dataclass(frozen=True)
class Lineage:
    """What an add says of everything in it; what a record or a reader says of itself goes before."""

    licence: str = ""
    origin: str = ""
    """Where it comes from."""


@dataclass(frozen=True)
class Known:
    """What the manifest has of a document that is added again."""

    d: int
    sha256: str
    licence: str
    origin: str


@dataclass(frozen=True)
class Prepared:
    """A document that is ready to be stored, with what was found out about it."""

    document: SourceDocument
    pieces: list[Piece]
    language: str = ""
    """ISO 639-1, or empty when its text is too short to tell."""
    quality: float = 1.0
    words: int = 0
    digest: str = ""
    """Hash of its words: equal for texts that differ in nothing but case, marks and spaces."""
    signature: bytes = b""
    """MinHash of its text, empty when that is too short."""
    prints: Mapping[str, bytes] = field(default_factory=dict)
    """Perceptual hashes of its images, by chunk id."""

    def row(self) -> tuple[Any, ...]:
        """Return the values of a row of the manifest, from `source` to `signature`."""
        doc = self.document
        return (
            doc.source,
            doc.doc_id,
            doc.title,
            doc.sha256,
            doc.licence,
            doc.origin,
            doc.reader,
            json.dumps(doc.metadata, ensure_ascii=False),
            self.language,
            self.quality,
            self.words,
            self.digest,
            self.signature,
        )


@dataclass(frozen=True)
class DuplicateGroup:
    """Documents or images that are the same, or nearly."""

    kind: Literal["exact", "near"]
    of: Literal["text", "image"]
    similarity: float
    """The lowest likeness of a member to the first: Jaccard over word shingles, or share of equal bits."""
    members: tuple[str, ...]
    """Sources, in the order in which they were added."""

    def to_json(self) -> dict[str, Any]:
        """Return the group as plain values."""
        return {**asdict(self), "members": list(self.members)}


@dataclass(frozen=True)
class FileFailure:
    """A file that could not be added, as a typed error; the rest is added all the same."""

    path: str
    kind: ErrorKind
    message: str
    help: str


@dataclass(frozen=True)
class AddReport:
    """What one `add` did, counted in documents."""

    collection: str
    added: int = 0
    unchanged: int = 0
    replaced: int = 0
    skipped: int = 0
    """Files of a folder whose type is not indexed."""
    failed: tuple[FileFailure, ...] = ()
    documents: int = 0
    """Documents in the collection afterwards."""
    chunks: int = 0
    """Chunks in the collection afterwards."""
    relabelled: int = 0
    """Unchanged documents whose licence or origin was changed."""
    resumed: int = 0
    """Documents that an interrupted add had read and this one made visible."""
    duplicates: tuple[DuplicateGroup, ...] = ()
    """Groups with a document of this add; all of them are indexed."""
    languages: dict[str, int] = field(default_factory=dict)
    """Added documents by language."""
    low_quality: tuple[str, ...] = ()
    """Sources of added documents whose quality is under 0.5."""

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            **asdict(self),
            "failed": [asdict(failure) for failure in self.failed],
            "duplicates": [group.to_json() for group in self.duplicates],
            "low_quality": list(self.low_quality),
        }


@dataclass(frozen=True)
class CollectionInfo:
    """What `index list` shows of a collection."""

    name: str
    documents: int
    chunks: int
    kinds: dict[str, int]
    embedder: str
    bytes: int
    snapshots: tuple[str, ...]
    synced: bool
    """False when an interrupted add left the legs behind the manifest; `verify --repair` mends it."""

    def to_json(self) -> dict[str, Any]:
        """Return the description as plain values."""
        return {**asdict(self), "snapshots": list(self.snapshots)}


@dataclass(frozen=True)
class VerifyReport:
    """Whether the legs of a collection agree with its manifest and its model with the settings."""

    collection: str
    ok: bool
    documents: int
    chunks: int
    missing_dense: int
    extra_dense: int
    missing_tokens: int
    extra_tokens: int
    sparse_ok: bool
    images_ok: bool
    """Whether the features of images are those of the image pieces."""
    model_ok: bool
    damaged: int
    """Chunks whose text no longer has the hash it was stored with."""
    repaired: bool
    digest: str = ""
    """Equal for collections that hold the same, however they came about; see `knowledge.upkeep.digest`."""
    generation: int = 0
    unfinished: bool = False
    """Whether an interrupted add has left what no reader sees yet; the next add, or a repair, shows it."""
    bytes: dict[str, int] = field(default_factory=dict)
    """On disk, by part."""

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Hit:
    """A found piece. `score` is in 0 to 1; `parts` says what each leg gave."""

    id: str
    """The document's id, with the piece's place (`manual.md#3`) when the document has several."""
    chunk_id: str
    score: float
    title: str
    text: str
    source: str
    doc_id: str
    locator: Locator
    kind: PieceKind
    collection: str
    query: str = ""
    parts: dict[str, float] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    """What did not go as the settings ask, such as an external reranker that failed."""

    @property
    def snippet(self) -> str:
        """The part of the text that bears most on the query; made when asked for: most hits are not shown."""
        return snippet(self.query, self.text)
