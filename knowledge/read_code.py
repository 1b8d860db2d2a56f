"""Source code as pieces: Python by definition with its docstring, other languages by blocks of lines."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path

from core.contracts import Locator
from knowledge.records import Piece

MAX_LINES = 80
"""A definition over this is cut, each part under the definition's name."""
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def code_pieces(path: Path, text: str, doc_id: str) -> list[Piece]:
    """Return the pieces of a source file, each with its path and lines (from 1, both ends included)."""
    lines = text.splitlines(keepends=True)
    spans = list(_python_spans(text, lines)) if path.suffix in {".py", ".pyi"} else []
    if not spans:
        spans = [(1, len(lines), "")]
    pieces = []
    for first, last, name in spans:
        for start, end in _blocks(lines, first, last):
            body = "".join(lines[start - 1 : end]).rstrip("\n")
            if body.strip():
                pieces.append(
                    Piece(
                        text=body,
                        kind="code",
                        locator=Locator(path=str(path), lines=(start, end), section=name or None),
                        title=f"{doc_id} {name}".strip(),
                    )
                )
    return pieces


def _python_spans(text: str, lines: list[str]) -> Iterator[tuple[int, int, str]]:
    """Yield (first line, last line, qualified name); what stands between definitions has no name."""
    try:
        with warnings.catch_warnings():
            # A file under index may hold invalid escapes; that is its author's concern.
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    yield from _between(tree.body, 1, len(lines), "")


def _between(body: list[ast.stmt], first: int, last: int, prefix: str) -> Iterator[tuple[int, int, str]]:
    cursor = first
    for node in body:
        if not isinstance(node, _Definition):
            continue
        start = min([node.lineno, *(item.lineno for item in node.decorator_list)])
        end = node.end_lineno or node.lineno
        if start > cursor:
            yield cursor, start - 1, prefix
        name = f"{prefix}.{node.name}" if prefix else node.name
        if isinstance(node, ast.ClassDef):
            yield from _between(node.body, start, end, name)
        else:
            yield start, end, name
        cursor = end + 1
    if cursor <= last:
        yield cursor, last, prefix


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
