"""Definitions, calls and imports of a collection's code in one SQLite file, derived from its manifest."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.sqlite_file import SqliteFile
from knowledge.code.graph import Call, FileGraph, Symbol, SymbolKind

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    source TEXT PRIMARY KEY, sha256 TEXT NOT NULL, doc_id TEXT NOT NULL, module TEXT NOT NULL,
    uses INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS symbols (
    source TEXT NOT NULL REFERENCES files (source) ON DELETE CASCADE, name TEXT NOT NULL COLLATE NOCASE,
    qualified TEXT NOT NULL, kind TEXT NOT NULL, first INTEGER NOT NULL, line INTEGER NOT NULL,
    last INTEGER NOT NULL, parameters TEXT NOT NULL, bases TEXT NOT NULL, copied INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS calls (
    source TEXT NOT NULL REFERENCES files (source) ON DELETE CASCADE, name TEXT NOT NULL,
    target TEXT NOT NULL, caller TEXT NOT NULL, line INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS imports (
    source TEXT NOT NULL REFERENCES files (source) ON DELETE CASCADE, target TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS symbols_by_name ON symbols (name);
CREATE INDEX IF NOT EXISTS symbols_by_source ON symbols (source);
CREATE INDEX IF NOT EXISTS calls_by_name ON calls (name);
CREATE INDEX IF NOT EXISTS calls_by_source ON calls (source);
CREATE INDEX IF NOT EXISTS imports_by_source ON imports (source);
"""
_ORDER = ("class", "function", "method", "constant", "attribute")
_SYMBOL = (
    "SELECT s.name, s.qualified, s.kind, s.first, s.line, s.last, s.parameters, s.bases, s.copied, "
    "f.source, f.doc_id, f.module, f.uses FROM symbols s JOIN files f ON f.source = s.source"
)


@dataclass(frozen=True)
class Found:
    """A symbol with the file it stands in. `uses` counts the files that import from that file."""

    symbol: Symbol
    source: str
    doc_id: str
    module: str
    uses: int

    @property
    def dotted(self) -> str:
        """The symbol's full dotted path."""
        return f"{self.module}.{self.symbol.qualified}"


@dataclass(frozen=True)
class Caller:
    """A place that calls something: who (empty at the top of a file), in which file, at which line."""

    caller: str
    source: str
    doc_id: str
    line: int
    sure: bool
    """Whether the call was resolved to the definition; otherwise only the name agrees."""


class CodeIndex(SqliteFile):
    """The tables of one collection. Safe to share between threads; one process writes at a time."""

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables."""
        connection.executescript(_SCHEMA)

    def held(self) -> dict[str, str]:
        """Return the hash that each file was read at, by source."""
        with self.open() as connection:
            return dict(connection.execute("SELECT source, sha256 FROM files").fetchall())

    def drop(self, sources: Iterable[str]) -> None:
        """Take files out."""
        with self.open() as connection, connection:
            connection.executemany("DELETE FROM files WHERE source = ?", [(source,) for source in sources])

    def put(self, files: Sequence[tuple[str, str, str, FileGraph]]) -> None:
        """Store (source, hash, document id, graph) of files in one transaction, replacing old ones."""
        with self.open() as connection, connection:
            for source, digest, doc_id, graph in files:
                connection.execute("DELETE FROM files WHERE source = ?", (source,))
                connection.execute(
                    "INSERT INTO files (source, sha256, doc_id, module) VALUES (?, ?, ?, ?)",
                    (source, digest, doc_id, graph.module),
                )
                connection.executemany(
                    "INSERT INTO symbols VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [_symbol_row(source, symbol) for symbol in graph.symbols],
                )
                connection.executemany(
                    "INSERT INTO calls VALUES (?, ?, ?, ?, ?)",
                    [_call_row(source, call) for call in graph.calls],
                )
                connection.executemany(
                    "INSERT INTO imports VALUES (?, ?)", [(source, target) for target in graph.imports]
                )

    def count_uses(self) -> None:
        """Count for each file how many others import from it."""
        with self.open() as connection, connection:
            modules = dict(connection.execute("SELECT module, source FROM files").fetchall())
            users: dict[str, set[str]] = {}
            for user, target in connection.execute("SELECT source, target FROM imports"):
                used = _module_in(target, modules)
                if used and used != user:
                    users.setdefault(used, set()).add(user)
            connection.execute("UPDATE files SET uses = 0 WHERE uses > 0")
            connection.executemany(
                "UPDATE files SET uses = ? WHERE source = ?",
                [(len(by), source) for source, by in users.items()],
            )

    def files(self) -> list[tuple[str, str, int]]:
        """Return (source, document id, uses) of every file."""
        with self.open() as connection:
            return connection.execute("SELECT source, doc_id, uses FROM files").fetchall()

    def definitions(self, name: str) -> list[Found]:
        """Return the definitions of a name, originals before copies and most imported files first.

        A dotted name (`Owner.name`, `module.name`) must end the definition's full path. Case counts only
        when it tells definitions apart.
        """
        last = name.rpartition(".")[2]
        with self.open() as connection:
            rows = connection.execute(f"{_SYMBOL} WHERE s.name = ?", (last,)).fetchall()
        found = [_found(row) for row in rows]
        found = [item for item in found if _ends(item.dotted, name)] if "." in name else found
        exact = [item for item in found if item.symbol.name == last]
        return sorted(
            exact or found,
            key=lambda item: (
                item.symbol.copied,
                _ORDER.index(item.symbol.kind),
                -item.uses,
                item.doc_id.count("/"),
                item.doc_id,
                item.symbol.line,
            ),
        )

    def symbols_of(self, source: str) -> list[Found]:
        """Return what a file defines, in order."""
        with self.open() as connection:
            rows = connection.execute(f"{_SYMBOL} WHERE s.source = ? ORDER BY s.line", (source,)).fetchall()
        return [_found(row) for row in rows]

    def subclasses(self, name: str) -> list[Found]:
        """Return the classes that name a class among their bases."""
        last = name.rpartition(".")[2]
        with self.open() as connection:
            rows = connection.execute(
                f"{_SYMBOL} WHERE s.kind = 'class' AND s.bases LIKE ? ORDER BY f.doc_id, s.line",
                (f"%{last}%",),
            ).fetchall()
        found = [_found(row) for row in rows]
        return [item for item in found if any(_ends(base, last) for base in item.symbol.bases)]

    def callers(self, found: Found) -> list[Caller]:
        """Return who calls a definition: resolved calls first, then those that share only its name.

        A call that was resolved to another definition is left out. A call by name alone counts for methods,
        whose objects' types are not known here.
        """
        symbol = found.symbol
        with self.open() as connection:
            rows = connection.execute(
                "SELECT c.caller, c.source, f.doc_id, c.line, c.target FROM calls c "
                "JOIN files f ON f.source = c.source WHERE c.name = ? ORDER BY f.doc_id, c.line",
                (symbol.name,),
            ).fetchall()
        callers = []
        for caller, source, doc_id, line, target in rows:
            sure = bool(target) and leads_to(target, found)
            if sure or (not target and symbol.kind == "method"):
                callers.append(Caller(caller, source, doc_id, line, sure))
        return sorted(callers, key=lambda item: not item.sure)


def leads_to(target: str, found: Found) -> bool:
    """Whether a resolved target means a definition.

    A name may be imported from a package above the module that defines it (`utils.logging` for
    `utils.logs.logging`), and a path may begin with the package's own name, which document ids lack.
    """
    dotted, qualified = found.dotted, found.symbol.qualified
    if target == dotted:
        return True
    if not _ends(target, qualified):
        return False
    place = target[: -len(qualified)].rstrip(".")
    candidates = {place, place.partition(".")[2]} if "." in place else {place}
    return any(not item or found.module == item or found.module.startswith(item + ".") for item in candidates)


def _ends(dotted: str, name: str) -> bool:
    folded, wanted = dotted.lower(), name.lower()
    return folded == wanted or folded.endswith("." + wanted)


def _module_in(target: str, modules: dict[str, str]) -> str | None:
    """Return the source of the module that an import leads to."""
    for path in (target, target.rpartition(".")[0]):
        for name in (path, path.partition(".")[2]):
            if name and name in modules:
                return modules[name]
    return None


def _symbol_row(source: str, symbol: Symbol) -> tuple[object, ...]:
    return (
        source,
        symbol.name,
        symbol.qualified,
        symbol.kind,
        symbol.first,
        symbol.line,
        symbol.last,
        json.dumps(symbol.parameters),
        json.dumps(symbol.bases),
        int(symbol.copied),
    )


def _call_row(source: str, call: Call) -> tuple[object, ...]:
    return source, call.name, call.target, call.caller, call.line


def _found(row: tuple[str, str, SymbolKind, int, int, int, str, str, int, str, str, str, int]) -> Found:
    name, qualified, kind, first, line, last, parameters, bases, copied, source, doc_id, module, uses = row
    given = tuple((str(key), value) for key, value in json.loads(parameters))
    symbol = Symbol(name, qualified, kind, first, line, last, given, tuple(json.loads(bases)), bool(copied))
    return Found(symbol, source, doc_id, module, uses)
