"""Exact answers of the code leg: the pieces that define, call, extend or hold what a question names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal

from knowledge.code.cards import spoken
from knowledge.code.graph import Symbol
from knowledge.code.index import Found
from knowledge.code.leg import CodeLeg
from knowledge.code.query import CodeQuery
from knowledge.store.manifest import Chunk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Role = Literal["definition", "value", "arguments", "call", "head", "subclass", "file"]
_DEFINITIONS = 3
_CALLERS = 7
"""With the heads of the callers and their classes this stays under what is kept for an answer."""
_LISTED = 20
_FILES = 4
_BASES = 4
_OWNERS = frozenset({"class", "function", "method"})


@dataclass(frozen=True)
class CodeHit:
    """A piece that bears on a question by what it is, with what the index knows of it.

    `about` has the symbol's name, `qualified` name, kind and `line`; beside them `value` of a default,
    `parameters` of a signature, `caller` of a call, and so on, as the role says.
    """

    chunk: Chunk
    role: Role
    score: float
    about: dict[str, Any]


def look_up(leg: CodeLeg, query: CodeQuery) -> list[CodeHit]:
    """Return what the index says of the names of a question, best first; nothing for names that it lacks."""
    chosen = _chosen(leg, query)
    if not chosen:
        return []
    hits: list[CodeHit] = []
    if query.wish == "default":
        hits += _values(leg, query, chosen)
    elif query.wish == "callers":
        hits += _calls(leg, chosen[0])
    elif query.wish == "subclasses":
        hits += _subclasses(leg, chosen[0])
    elif query.wish == "arguments":
        hits += _arguments(leg, chosen)
    # Where only the line that names it counts, that line alone is the evidence: the words of a docstring
    # around a quote would be held against it.
    narrow = query.wish in ("place", "file", "bases")
    for place, item in enumerate(chosen[:_DEFINITIONS]):
        hits += _definition(leg, item, 0.99 - 0.02 * place, narrow=narrow)
    return hits


def find_files(
    leg: CodeLeg, query: CodeQuery, text: str, vector: NDArray[np.float32] | None
) -> list[CodeHit]:
    """Return, for each of the best files, the definition that bears most on the question."""
    ranker = leg.ranker()
    if ranker is None:
        return []
    hits = []
    wanted = {_stem(word) for word in (*query.hints, *query.maybe)}
    ranked = ranker.rank(text, vector, _FILES * 8)
    for source, score in sorted(ranked, key=lambda pair: _named_by(pair[0], wanted), reverse=True):
        symbols = [item for item in leg.index.symbols_of(source) if item.symbol.kind in _OWNERS]
        if not symbols:
            continue
        best = max(symbols, key=lambda item: (_overlap(item, wanted), item.symbol.kind == "class"))
        hits += [
            CodeHit(hit.chunk, "file", round(score, 4), hit.about)
            for hit in _definition(leg, best, score, narrow=True)
        ]
        if len(hits) == _FILES:
            break
    return hits


def _named_by(source: str, wanted: set[str]) -> tuple[int, float]:
    """How far a file's name says what is wanted, and how little else; equal files keep their order."""
    name = {_stem(word) for word in spoken(PurePath(source).stem).lower().split()}
    return len(name & wanted), len(name & wanted) / max(1, len(name))


def _chosen(leg: CodeLeg, query: CodeQuery) -> list[Found]:
    """Return the definitions that a question means, best first."""
    names = [*query.names, *(name for name in query.maybe if leg.index.definitions(name))]
    by_name = {name: leg.index.definitions(name) for name in names}
    found: list[Found] = []
    for name in names:
        # `flush` beside `DataStore` is the method of that class, where there is one.
        owners = [other for other in names if other != name and by_name[other]]
        owned = [item for item in by_name[name] if any(_inside(item, owner) for owner in owners)]
        found += sorted(owned or by_name[name], key=lambda item: _fit(item, query), reverse=True)
    first: dict[str, Found] = {}
    for item in found:
        first.setdefault(f"{item.source}\0{item.symbol.qualified}", item)
    owned_first = [item for item in first.values() if item.symbol.kind in _OWNERS]
    return owned_first + [item for item in first.values() if item.symbol.kind not in _OWNERS]


def _inside(item: Found, owner: str) -> bool:
    outer = item.symbol.qualified.rpartition(".")[0]
    return (
        outer == owner or outer.endswith("." + owner.rpartition(".")[2]) or outer == owner.rpartition(".")[2]
    )


def _fit(item: Found, query: CodeQuery) -> tuple[int, int]:
    """How well a definition's place agrees with the files and the other words of a question."""
    named = sum(item.doc_id.endswith(file) for file in query.files)
    return (named, _overlap(item, {_stem(word) for word in query.hints}))


def _overlap(item: Found, wanted: set[str]) -> int:
    around = f"{item.doc_id} {item.symbol.qualified}"
    return len(wanted & {_stem(word) for word in spoken(around).lower().split()})


def _stem(word: str) -> str:
    """Cut a word so that `tokenizer` and `tokenization` meet."""
    return re.sub(r"(?:ization|izers?|ing|s)$", "", word.lower())


def _definition(leg: CodeLeg, found: Found, score: float, *, narrow: bool = False) -> Iterator[CodeHit]:
    symbol = found.symbol
    first, last = (symbol.line, symbol.line) if narrow else (symbol.first, symbol.last)
    chunk = leg.lines_of(found.source, first, last)
    if chunk is not None:
        yield CodeHit(chunk, "definition", score, about_symbol(symbol))


def about_symbol(symbol: Symbol) -> dict[str, Any]:
    """Return what the index knows of a symbol, as plain values."""
    return {
        "name": symbol.name,
        "qualified": symbol.qualified,
        "symbol": symbol.kind,
        "line": symbol.line,
        "parameters": [[name, value] for name, value in symbol.parameters],
        "bases": list(symbol.bases),
    }


def _values(leg: CodeLeg, query: CodeQuery, chosen: Sequence[Found]) -> list[CodeHit]:
    """Return where a parameter or attribute that the question names gets its value."""
    hits: list[CodeHit] = []
    for item in chosen:
        if item.symbol.kind in _OWNERS:
            for name in (*query.names, *query.maybe):
                if name.rpartition(".")[2] != item.symbol.name:
                    hits += _value_in(leg, item, name.rpartition(".")[2], 0.995 - 0.02 * len(hits))
        elif item.symbol.parameters and not hits:
            hits += [_value(leg, item, item.symbol.name, item.symbol.parameters[0][1], 0.97)]
    return [hit for hit in hits if hit][:_DEFINITIONS]


def _value_in(leg: CodeLeg, owner: Found, name: str, score: float) -> list[CodeHit]:
    """Find a value by its name in a function's parameters, in a class, or in what the class extends."""
    if owner.symbol.kind != "class":
        given = dict(owner.symbol.parameters)
        return [_value(leg, owner, name, given[name], score)] if given.get(name) is not None else []
    seen: set[str] = set()
    line = [owner]
    while line and len(seen) < _BASES:
        item = line.pop(0)
        if item.dotted in seen:
            continue
        seen.add(item.dotted)
        members = {held.symbol.qualified: held for held in leg.index.symbols_of(item.source)}
        attribute = members.get(f"{item.symbol.qualified}.{name}")
        if attribute is not None and attribute.symbol.parameters:
            return [_value(leg, attribute, name, attribute.symbol.parameters[0][1], score)]
        start = members.get(f"{item.symbol.qualified}.__init__")
        if start is not None and dict(start.symbol.parameters).get(name) is not None:
            return [_value(leg, start, name, dict(start.symbol.parameters)[name], score)]
        line += [base for named in item.symbol.bases for base in leg.index.definitions(named)[:1]]
    return []


def _value(leg: CodeLeg, found: Found, name: str, value: str | None, score: float) -> CodeHit:
    symbol = found.symbol
    chunk = leg.lines_of(found.source, symbol.first, symbol.last)
    assert chunk is not None
    assert chunk.locator.lines is not None
    form = re.compile(rf"(?<![\w.]){re.escape(name)}\s*(?::[^=]*)?=(?!=)")
    for place, line in enumerate(chunk.text.split("\n")):
        if form.search(line):
            number = chunk.locator.lines[0] + place
            chunk = leg.lines_of(found.source, number, number) or chunk
            break
    return CodeHit(chunk, "value", score, {**about_symbol(symbol), "name": name, "value": value})


def _arguments(leg: CodeLeg, chosen: Sequence[Found]) -> list[CodeHit]:
    hits: list[CodeHit] = []
    for item in chosen[:_DEFINITIONS]:
        target = item
        if item.symbol.kind == "class":
            inner = f"{item.symbol.qualified}.__init__"
            own = [held for held in leg.index.symbols_of(item.source) if held.symbol.qualified == inner]
            target = own[0] if own else item
        if target.symbol.kind in ("function", "method"):
            hits += [
                CodeHit(hit.chunk, "arguments", hit.score, hit.about)
                for hit in _definition(leg, target, 0.995 - 0.02 * len(hits))
            ]
    return hits


def _calls(leg: CodeLeg, found: Found) -> list[CodeHit]:
    hits: list[CodeHit] = []
    seen: set[tuple[str, str]] = set()
    callers = leg.index.callers(found)
    sure = [caller for caller in callers if caller.sure]
    for caller in sure or callers:
        key = (caller.source, caller.caller)
        if key in seen or (caller.source == found.source and caller.caller == found.symbol.qualified):
            continue
        seen.add(key)
        piece = leg.lines_of(caller.source, caller.line, caller.line)
        if piece is None:
            continue
        about = {
            "name": found.symbol.name,
            "qualified": found.symbol.qualified,
            "caller": caller.caller,
            "line": caller.line,
            "sure": caller.sure,
            "callers": len({(item.source, item.caller) for item in sure or callers}),
        }
        hits.append(CodeHit(piece, "call", round(0.999 - 0.001 * len(hits), 4), about))
        if len(hits) == _CALLERS:
            break
    return hits + _heads(leg, hits)


def _heads(leg: CodeLeg, hits: Sequence[CodeHit]) -> list[CodeHit]:
    """Return the first lines of callers, and of the classes around them, to be quoted for their names."""
    found: dict[tuple[str, str], CodeHit] = {}
    for hit in hits:
        symbols = {item.symbol.qualified: item for item in leg.index.symbols_of(hit.chunk.source)}
        parts = str(hit.about["caller"]).split(".")
        for end in range(1, len(parts) + 1):
            item = symbols.get(".".join(parts[:end]))
            if item is None:
                continue
            chunk = leg.lines_of(item.source, item.symbol.line, item.symbol.line)
            if chunk is not None:
                about = about_symbol(item.symbol)
                found[item.source, item.symbol.qualified] = CodeHit(chunk, "head", 0.95, about)
    return list(found.values())


def _subclasses(leg: CodeLeg, found: Found) -> list[CodeHit]:
    hits: list[CodeHit] = []
    for item in leg.index.subclasses(found.symbol.name)[:_LISTED]:
        for hit in _definition(leg, item, round(0.999 - 0.001 * len(hits), 4), narrow=True):
            hits.append(CodeHit(hit.chunk, "subclass", hit.score, {**hit.about, "of": found.symbol.name}))
    return hits
