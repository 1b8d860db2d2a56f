"""What a Python file defines, imports and calls, read from its syntax tree; the code is never executed.

A call is known by the name called. Where that name was imported, belongs to `self`, or is defined in the same
file, the call's target is resolved to a dotted path; types of other objects are not inferred.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal

from knowledge.code.cards import Definition, is_copied, is_generated
from knowledge.readers.source_code import first_line, parse, source_lines

SymbolKind = Literal["function", "method", "class", "constant", "attribute"]
_BUILTIN = frozenset(dir(builtins))
_VALUE_CHARS = 200


@dataclass(frozen=True)
class Symbol:
    """A definition. Lines count from 1; `line` has the name, `first` the first decorator."""

    name: str
    qualified: str
    kind: SymbolKind
    first: int
    line: int
    last: int
    parameters: tuple[tuple[str, str | None], ...] = ()
    """Name and default as written (None without one), `self` and `cls` left out."""
    bases: tuple[str, ...] = ()
    copied: bool = False


@dataclass(frozen=True)
class Call:
    """A call: the last part of the name, where it leads if that is known, who calls, and the line."""

    name: str
    target: str
    caller: str
    line: int


@dataclass
class FileGraph:
    """Everything that one file says of names."""

    module: str
    symbols: list[Symbol] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    imports: tuple[str, ...] = ()
    """Dotted paths of what is imported."""


def module_of(doc_id: str) -> str:
    """Return the dotted name of a file by its path: `a/b/__init__.py` is `a.b`."""
    parts = PurePath(doc_id).with_suffix("").parts
    return ".".join(parts[:-1] if parts and parts[-1] == "__init__" else parts)


def read_graph(doc_id: str, text: str) -> FileGraph:
    """Return the graph of a file; of one that is not Python, an empty one."""
    graph = FileGraph(module_of(doc_id))
    tree = parse(text)
    if tree is None:
        return graph
    graph.symbols = list(_symbols(tree.body, "", source_lines(text), is_generated(text)))
    package = PurePath(doc_id).parent.parts
    imported = _imported(tree, package)
    graph.imports = tuple(sorted(set(imported.values())))
    reader = _Calls(graph, imported)
    for node in tree.body:
        reader.visit(node)
    return graph


def _symbols(body: list[ast.stmt], prefix: str, lines: list[str], copied: bool) -> Iterator[Symbol]:
    for node in body:
        if isinstance(node, ast.If | ast.Try):
            # What is defined under a condition is defined all the same.
            inner = [*node.body, *node.orelse]
            yield from _symbols(inner, prefix, lines, copied)
        if not isinstance(node, Definition):
            yield from _assigned(node, prefix, lines, copied)
            continue
        qualified = f"{prefix}.{node.name}" if prefix else node.name
        first = first_line(node)
        copy = copied or is_copied(lines, first)
        last = node.end_lineno or node.lineno
        if isinstance(node, ast.ClassDef):
            bases = tuple(ast.unparse(base) for base in node.bases)
            yield Symbol(node.name, qualified, "class", first, node.lineno, last, (), bases, copy)
            yield from _symbols(node.body, qualified, lines, copy)
        else:
            kind: SymbolKind = "method" if prefix else "function"
            arguments = parameters(node, lines)
            yield Symbol(node.name, qualified, kind, first, node.lineno, last, arguments, (), copy)


def parameters(
    node: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]
) -> tuple[tuple[str, str | None], ...]:
    """Return the parameters with their defaults as written; `*` and `**` stay before their names."""
    given = node.args
    plain = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults))
    defaults += given.defaults
    found = [
        (item.arg, default) for item, default in zip(plain, defaults, strict=True)
        if item.arg not in {"self", "cls"}
    ]  # fmt: skip
    found += [(f"*{given.vararg.arg}", None)] if given.vararg else []
    found += [(item.arg, default) for item, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    found += [(f"**{given.kwarg.arg}", None)] if given.kwarg else []
    return tuple((name, None if value is None else _written(value, lines)) for name, value in found)


def _assigned(node: ast.stmt, prefix: str, lines: list[str], copied: bool) -> Iterator[Symbol]:
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign):
        targets = [node.target]
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    kind: SymbolKind = "attribute" if prefix else "constant"
    for target in targets:
        if isinstance(target, ast.Name):
            qualified = f"{prefix}.{target.id}" if prefix else target.id
            held = (("", _written(value, lines)),) if value is not None else ()
            last = node.end_lineno or node.lineno
            yield Symbol(target.id, qualified, kind, node.lineno, node.lineno, last, held, (), copied)


def _written(value: ast.expr, lines: list[str]) -> str:
    """Return an expression as it stands in the source; one over several lines on one line."""
    if value.lineno != value.end_lineno:
        return ast.unparse(value)[:_VALUE_CHARS]
    line = lines[value.lineno - 1].encode()  # the parser counts bytes
    return line[value.col_offset : value.end_col_offset].decode()[:_VALUE_CHARS]


def _imported(tree: ast.Module, package: tuple[str, ...]) -> dict[str, str]:
    """Return local name to dotted path; relative imports are taken from where the file stands."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                found[name.asname or name.name.split(".")[0]] = (
                    name.name if name.asname else name.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            base += node.module.split(".") if node.module else []
            for name in node.names:
                found[name.asname or name.name] = ".".join([*base, name.name])
    return found


class _Calls(ast.NodeVisitor):
    """Collects calls, and decorators as calls, with the definition that they stand in."""

    def __init__(self, graph: FileGraph, imported: dict[str, str]) -> None:
        self._graph = graph
        self._imported = imported
        self._own = {symbol.name for symbol in graph.symbols if "." not in symbol.qualified}
        self._trail: list[tuple[str, bool]] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._enter(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._enter(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._enter(node)

    def _enter(self, node: Definition) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._trail.append((node.name, isinstance(node, ast.ClassDef)))
        for child in ast.iter_child_nodes(node):
            if child not in node.decorator_list:
                self.visit(child)
        self._trail.pop()

    def visit_Call(self, node: ast.Call) -> None:
        self._note(node.func)
        self.generic_visit(node)

    def _note(self, func: ast.expr) -> None:
        dotted = _dotted(func)
        if not dotted:
            return
        name = dotted[-1]
        if len(dotted) == 1 and name in _BUILTIN and name not in self._own:
            return
        line = func.end_lineno or func.lineno
        target = self._target(dotted)
        # A name imported under another one is called by its own.
        called = target.rpartition(".")[2] if target else name
        self._graph.calls.append(Call(called, target, self._caller(), line))

    def _target(self, dotted: list[str]) -> str:
        """Return the dotted path of what is called, or an empty text when it cannot be known here."""
        head, *rest = dotted
        module = self._graph.module
        if head in {"self", "cls"} and len(rest) == 1:
            owner = self._class()
            return f"{module}.{owner}.{rest[0]}" if owner else ""
        if head in self._imported:
            return ".".join([self._imported[head], *rest])
        if head in self._own:
            return ".".join([module, head, *rest])
        return ""

    def _caller(self) -> str:
        return ".".join(name for name, _ in self._trail)

    def _class(self) -> str:
        depth = max((place for place, (_, is_class) in enumerate(self._trail) if is_class), default=-1)
        return ".".join(name for name, _ in self._trail[: depth + 1])


def _dotted(func: ast.expr) -> list[str]:
    """Return the parts of a called name; what hangs on another expression has "" as its head."""
    parts: list[str] = []
    while isinstance(func, ast.Attribute):
        parts.append(func.attr)
        func = func.value
    if isinstance(func, ast.Name):
        return [func.id, *reversed(parts)]
    return ["", *reversed(parts)] if parts else []
