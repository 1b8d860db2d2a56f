"""What the syntax trees of a Python code base say: definitions, parameters, defaults, raises, docstrings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SKIPPED = {".git", ".venv", "venv", "node_modules", "__pycache__", "build", "dist", ".tox", "site-packages"}
_MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class Symbol:
    """A function, method or class. `lines` are its first and last line; `defaults` are written as in the source."""

    name: str
    qualified: str
    kind: str
    path: str
    lines: tuple[int, int]
    docstring: str
    parameters: tuple[str, ...]
    defaults: tuple[tuple[str, str], ...]
    raises: tuple[str, ...]
    bases: tuple[str, ...]
    source: str


def python_files(root: Path) -> list[Path]:
    """Return the Python files below a folder in order, without environments and builds."""
    if root.is_file():
        return [root]
    found = (path for path in sorted(root.rglob("*.py")) if not _SKIPPED & set(path.relative_to(root).parts))
    return [path for path in found if path.stat().st_size <= _MAX_BYTES]


def symbols_of(text: str, path: str) -> Iterator[Symbol]:
    """Yield the symbols of a file; raises SyntaxError for what is no Python."""
    tree = ast.parse(text)
    yield from _walk(tree, text, path, "")


def _walk(node: ast.AST, text: str, path: str, prefix: str) -> Iterator[Symbol]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            qualified = f"{prefix}{child.name}"
            yield _symbol(child, text, path, qualified, "method" if prefix else "function")
            if isinstance(child, ast.ClassDef):
                yield from _walk(child, text, path, f"{qualified}.")


def _symbol(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
    text: str,
    path: str,
    qualified: str,
    kind: str,
) -> Symbol:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    last = node.end_lineno or node.lineno
    parameters: tuple[str, ...] = ()
    defaults: tuple[tuple[str, str], ...] = ()
    raises: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    if isinstance(node, ast.ClassDef):
        kind, bases = "class", tuple(ast.unparse(base) for base in node.bases)
    else:
        parameters, defaults = _parameters(node.args)
        raises = tuple(dict.fromkeys(_raised(node)))
    return Symbol(
        name=node.name, qualified=qualified, kind=kind, path=path, lines=(first, last), docstring=ast.get_docstring(node) or "",
        parameters=parameters, defaults=defaults, raises=raises, bases=bases, source="\n".join(text.splitlines()[first - 1 : last]),
    )  # fmt: skip


def _parameters(args: ast.arguments) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    plain = [*args.posonlyargs, *args.args]
    names = [arg.arg for arg in (*plain, *args.kwonlyargs)]
    pairs = [*zip(plain[len(plain) - len(args.defaults) :], args.defaults, strict=True)]
    pairs += [
        (arg, value)
        for arg, value in zip(args.kwonlyargs, args.kw_defaults, strict=True)
        if value is not None
    ]
    return tuple(names), tuple((arg.arg, ast.unparse(value)) for arg, value in pairs)


def _raised(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(child, ast.Raise) and child.exc is not None:
            called = child.exc.func if isinstance(child.exc, ast.Call) else child.exc
            if (
                isinstance(called, ast.Name | ast.Attribute)
                and ast.unparse(called).split(".")[-1][:1].isupper()
            ):
                yield ast.unparse(called)
        yield from _raised(child)
