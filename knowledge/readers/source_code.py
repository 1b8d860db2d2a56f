"""Source code as pieces: Python by definition with its docstring, other languages by blocks of lines."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.contracts import Locator
from knowledge.code.cards import Definition, definition_card, file_card, is_copied, is_generated
from knowledge.code.version import version_of
from knowledge.records import Piece

MAX_LINES = 80
"""A definition over this is cut, each part under the definition's name."""
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True)
class _Span:
    """Lines from `first` to `last`, both included; `node` is set where the definition begins."""

    first: int
    last: int
    name: str
    node: Definition | None = None


def code_pieces(path: Path, text: str, doc_id: str) -> list[Piece]:
    """Return the pieces of a source file, each with its path and lines (from 1, both ends included).

    The first piece carries the vector of the whole file. Definitions at the top and those with a docstring
    have their own, unless they are copies; `knowledge.code.cards` says of what. In other languages than
    Python every block has one.
    """
    lines = source_lines(text)
    python = path.suffix in {".py", ".pyi"}
    tree = parse(text) if python else None
    spans = list(_between(tree.body, 1, len(lines), "")) if tree else []
    copied_file = is_generated(text)
    version = version_of(path)
    card: str | None = file_card(doc_id, tree)
    pieces = []
    for span in spans or [_Span(1, len(lines), "")]:
        own = _own_card(span, lines) if python and not copied_file else ("" if python else None)
        for start, end in _blocks(lines, span.first, span.last):
            body = "".join(lines[start - 1 : end]).rstrip("\n")
            if not body.strip():
                continue
            pieces.append(
                Piece(
                    text=body,
                    kind="code",
                    locator=Locator(
                        path=str(path), lines=(start, end), section=span.name or None, commit=version
                    ),
                    title=f"{doc_id} {span.name}".strip(),
                    embed=own if card is None else card,
                )
            )
            card = None
            own = "" if python else None
    return pieces


def source_lines(text: str) -> list[str]:
    """Return the lines of a source with their ends, cut where Python's parser does: not at form feeds."""
    return _LINE.findall(text)


def parse(text: str) -> ast.Module | None:
    """Return the syntax tree of a Python text, or None when it is not Python."""
    try:
        with warnings.catch_warnings():
            # A file under index may hold invalid escapes; that is its author's concern.
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _own_card(span: _Span, lines: list[str]) -> str:
    node = span.node
    if node is None or is_copied(lines, span.first):
        return ""
    if "." in span.name and ast.get_docstring(node) is None:
        return ""
    return definition_card(span.name, node)


def _between(
    body: list[ast.stmt], first: int, last: int, prefix: str, owner: Definition | None = None
) -> Iterator[_Span]:
    """Yield the definitions of a body and what stands between them, which has the owner's name."""
    cursor = first
    for node in body:
        if not isinstance(node, Definition):
            continue
        start = first_line(node)
        end = node.end_lineno or node.lineno
        if start > cursor:
            yield _Span(cursor, start - 1, prefix, owner)
            owner = None
        name = f"{prefix}.{node.name}" if prefix else node.name
        if isinstance(node, ast.ClassDef):
            yield from _between(node.body, start, end, name, node)
        else:
            yield _Span(start, end, name, node)
        cursor = end + 1
    if cursor <= last:
        yield _Span(cursor, last, prefix, owner)


def first_line(node: Definition) -> int:
    """Return the line where a definition begins, with its decorators."""
    return min([node.lineno, *(item.lineno for item in node.decorator_list)])


def _blocks(lines: list[str], first: int, last: int) -> Iterator[tuple[int, int]]:
    """Cut a span of lines into blocks, at a blank line where there is one in the last third."""
    while last - first + 1 > MAX_LINES:
        end = first + MAX_LINES - 1
        blanks = [
            number for number in range(first + 2 * MAX_LINES // 3, end) if not lines[number - 1].strip()
        ]
        end = blanks[-1] if blanks else end
        yield first, end
        first = end + 1
    yield first, last
