"""The code leg: what a collection's source files define, call and are about, derived from its manifest.

It is brought along by every add, one changed file at a time; nothing is read from the files themselves, so
that what it says is of the content that was indexed.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from knowledge.code import files as code_files
from knowledge.code.files import FileEntry, FileRanker
from knowledge.code.graph import read_graph
from knowledge.code.index import CodeIndex
from knowledge.records import Progress
from knowledge.store.manifest import Chunk, Manifest

_FORMAT = "1"
_BATCH = 50


class CodeLeg:
    """Symbols and files of one collection. Whatever writes holds the collection's writer lock."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder = folder / "code"
        self._manifest = manifest
        self.index = CodeIndex(self._folder / "symbols.db")
        self._ranker: tuple[str, FileRanker] | None = None

    def close(self) -> None:
        """Let go of the files."""
        self.index.close()
        self._ranker = None

    def synced(self) -> bool:
        """Whether the leg is of the manifest's present code; a collection without code needs none."""
        sources = self._manifest.sources("code")
        return not sources or self._manifest.get("code_version") == _version(sources)

    def ranker(self) -> FileRanker | None:
        """Return the newest finished index over files, or None when there is none."""
        version = self._manifest.get("code_version")
        if not version:
            return None
        if self._ranker is None or self._ranker[0] != version:
            folder = self._folder / version
            if not (folder / "files.json").is_file():
                return None
            self._ranker = (version, FileRanker(folder))
        return self._ranker[1]

    def sync(self, progress: Progress | None = None) -> None:
        """Bring the leg to the manifest's content; an interrupted sync is simply done again."""
        sources = self._manifest.sources("code")
        held = self.index.held() if sources or self._folder.exists() else {}
        version = _version(sources)
        done = self._manifest.get("code_version") == version and (self._folder / version).is_dir()
        if done or not (sources or held):
            return
        self.index.drop(sorted(held.keys() - sources.keys()))
        changed = [source for source, (digest, _) in sources.items() if held.get(source) != digest]
        for start in range(0, len(changed), _BATCH):
            if progress:
                progress("definitions", start, len(changed))
            self._read(changed[start : start + _BATCH], sources)
        self.index.count_uses()
        self._build(version, progress)
        self._manifest.put(code_version=version)
        for old in self._folder.iterdir():
            # Readers that still map an older index keep its pages; only the names go.
            if old.is_dir() and old.name != version:
                shutil.rmtree(old, ignore_errors=True)

    def _read(self, part: Sequence[str], sources: dict[str, tuple[str, str]]) -> None:
        graphs = []
        for source in part:
            digest, doc_id = sources[source]
            graphs.append((source, digest, doc_id, read_graph(doc_id, self.text_of(source))))
        self.index.put(graphs)

    def text_of(self, source: str) -> str:
        """Return the text of a document, put together from its pieces; blank lines between them are kept."""
        return whole_text(self._manifest.pieces_of(source))

    def _build(self, version: str, progress: Progress | None) -> None:
        partial = self._folder / f"{version}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        vectors = self._manifest.first_vectors("code")
        files = self.index.files()
        entries = []
        for place, (source, doc_id, uses) in enumerate(files):
            if progress and place % _BATCH == 0:
                progress("files", place, len(files))
            pieces = self._manifest.pieces_of(source)
            names = " ".join(
                item.symbol.name for item in self.index.symbols_of(source) if item.symbol.kind != "attribute"
            )
            path = doc_id if pieces and pieces[0].locator.path else ""
            body = "\n".join(piece.text for piece in pieces)
            entries.append(FileEntry(source, path, body, names, uses, vectors.get(source)))
        code_files.build(partial, entries)
        shutil.rmtree(self._folder / version, ignore_errors=True)
        partial.rename(self._folder / version)

    def lines_of(self, source: str, first: int, last: int) -> Chunk | None:
        """Return the piece in which a line stands, cut to the lines asked for, with its exact text.

        The cut ends where the piece does: a long definition has several.
        """
        piece = self.piece_at(source, first)
        if piece is None or piece.locator.lines is None:
            return None
        return _cut(piece, first, min(last, piece.locator.lines[1]))

    def piece_at(self, source: str, line: int) -> Chunk | None:
        """Return the piece in which a line of a document stands."""
        for piece in self._manifest.pieces_of(source):
            if piece.locator.lines is not None and piece.locator.lines[0] <= line <= piece.locator.lines[1]:
                return piece
        return None


def whole_text(pieces: Sequence[Chunk]) -> str:
    """Return the text that pieces were cut from by their lines."""
    lines: list[str] = []
    for piece in pieces:
        if piece.locator.lines is None:
            lines += piece.text.split("\n")
            continue
        start = piece.locator.lines[0]
        lines += [""] * (start - 1 - len(lines))
        lines[start - 1 :] = piece.text.split("\n")
    return "\n".join(lines)


def _cut(piece: Chunk, first: int, last: int) -> Chunk:
    from dataclasses import replace

    assert piece.locator.lines is not None
    start = piece.locator.lines[0]
    if (first, last) == piece.locator.lines:
        return piece
    text = "\n".join(piece.text.split("\n")[first - start : last - start + 1])
    return replace(piece, text=text, locator=piece.locator.model_copy(update={"lines": (first, last)}))


def _version(sources: dict[str, tuple[str, str]]) -> str:
    """Return a name for a state of the code: the same files with the same content have the same."""
    digest = hashlib.sha256(_FORMAT.encode())
    for source, (content, _) in sorted(sources.items()):
        digest.update(f"\0{source}\0{content}".encode())
    return digest.hexdigest()[:16]
