"""Questions over the source of a package, with their truth read from the syntax trees by another route.

    python -m benchmarks.code_questions [--source DIR] [--home DIR] [--per-kind N] [--show] [-o FILE]

Questions are drawn with a fixed seed from definitions whose name occurs once in the package: where something
is defined, a parameter's default, a class attribute's value, arguments, what it does, who calls it (lines
found by a text search, the caller by the syntax tree), and which file implements a model's tokenizer. They
are asked as `vidence ask --profile code --collection C` asks them. Right: the short answer says the truth;
cited: a citation names the file and its lines hold the line.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import random
import re
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import add_output_options, print_figures
from benchmarks.package_source import add_source_option, package_source
from core.contracts import RunResult
from core.settings import Settings
from knowledge.collections import Collections
from models.embeddings import open_embedder
from server.session import AskRequest, ask

_NAME = "package"
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Question:
    """A question with its truth: texts that the answer must hold, and the place to be cited."""

    kind: str
    text: str
    wanted: tuple[str, ...]
    file: str
    line: int


@dataclass(frozen=True)
class _Defined:
    file: str
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def trees(root: Path) -> dict[str, ast.Module]:
    """Return the syntax tree of every file by its path from the root."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found[path.relative_to(root).as_posix()] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def once_defined(parsed: dict[str, ast.Module]) -> list[_Defined]:
    """Return the public top-level definitions whose name no other definition of the package has."""
    every: Counter[str] = Counter()
    tops: list[_Defined] = []
    for file, tree in parsed.items():
        for node in ast.walk(tree):
            if isinstance(node, _Function | ast.ClassDef):
                every[node.name] += 1
        tops += [_Defined(file, node) for node in tree.body if isinstance(node, _Function | ast.ClassDef)]
    return [
        item
        for item in tops
        if every[item.node.name] == 1 and len(item.node.name) > 6 and item.node.name[0] != "_"
    ]


def questions(root: Path, per_kind: int, seed: int = 0) -> list[Question]:
    """Draw the questions."""
    parsed = trees(root)
    tops = once_defined(parsed)
    draw = random.Random(seed)
    draw.shuffle(tops)
    functions = [item for item in tops if isinstance(item.node, _Function) and "_" in item.node.name]
    makers = (
        _where(tops),
        _defaults(functions),
        _attributes(tops),
        _arguments(functions[::-1]),
        _told(functions[len(functions) // 2 :]),
        _callers(functions[len(functions) // 3 :], parsed, root),
        _files(sorted(parsed), draw),
    )
    found: list[Question] = []
    for maker in makers:
        found += [question for question, _ in zip(maker, range(per_kind), strict=False)]
    return found


def _where(tops: list[_Defined]) -> Iterator[Question]:
    for item in tops:
        yield Question(
            "where",
            f"Where is {item.node.name} defined?",
            (f"{item.file}:{item.node.lineno}",),
            item.file,
            item.node.lineno,
        )


def _defaults(functions: list[_Defined]) -> Iterator[Question]:
    for item in functions:
        assert isinstance(item.node, _Function)
        given = item.node.args
        for arg, value in zip(
            given.args[len(given.args) - len(given.defaults) :], given.defaults, strict=True
        ):
            if isinstance(value, ast.Constant) and value.value not in (None, ""):
                text = f"What is the default of {arg.arg} in {item.node.name}?"
                yield Question("default", text, (str(value.value),), item.file, arg.lineno)
                break


def _attributes(tops: list[_Defined]) -> Iterator[Question]:
    for item in tops:
        if not isinstance(item.node, ast.ClassDef):
            continue
        held = [
            node
            for node in item.node.body
            if isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(node.value, ast.Constant)
            and type(node.value.value) in (int, float)
        ]
        if held:
            node = held[len(held) // 2]
            assert isinstance(node.target, ast.Name)
            assert isinstance(node.value, ast.Constant)
            text = f"What is the default value of {node.target.id} in {item.node.name}?"
            yield Question("attribute", text, (str(node.value.value),), item.file, node.lineno)


def _arguments(functions: list[_Defined]) -> Iterator[Question]:
    for item in functions:
        assert isinstance(item.node, _Function)
        names = tuple(arg.arg for arg in [*item.node.args.args, *item.node.args.kwonlyargs])
        if 2 <= len(names) <= 6:
            yield Question(
                "arguments", f"What arguments does {item.node.name} take?", names, item.file, item.node.lineno
            )


def _told(functions: list[_Defined]) -> Iterator[Question]:
    for item in functions:
        doc = ast.get_docstring(item.node)
        lead = " ".join(doc.split())[:40] if doc else ""
        if len(lead) == 40 and "(" not in lead:
            yield Question("told", f"What does {item.node.name} do?", (lead,), item.file, item.node.lineno)


def _callers(functions: list[_Defined], parsed: dict[str, ast.Module], root: Path) -> Iterator[Question]:
    for item in functions:
        name = item.node.name
        form = re.compile(rf"(?<![\w.\"'`]){name}\(")
        places = [
            (file, number)
            for file in parsed
            for number, line in enumerate((root / file).read_text(encoding="utf-8").split("\n"), 1)
            if name in line and form.search(line) and not line.lstrip().startswith(("def ", "#", ">>>"))
        ]
        callers = {(file, _enclosing(parsed[file], number)) for file, number in places}
        callers = {pair for pair in callers if pair[1] != name}  # itself
        if 1 <= len(callers) <= 4 and all(caller for _, caller in callers):
            wanted = tuple(sorted({caller for _, caller in callers}))
            held = next(place for place in places if _enclosing(parsed[place[0]], place[1]) != name)
            yield Question("callers", f"What calls {name}?", wanted, *held)


def _enclosing(tree: ast.Module, line: int) -> str:
    """Return the name of the innermost function around a line."""
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, _Function) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    return max(around, key=lambda node: node.lineno).name if around else ""


def _files(files: list[str], draw: random.Random) -> Iterator[Question]:
    tokenizers = [file for file in files if re.fullmatch(r"models/(\w+)/tokenization_\1\.py", file)]
    draw.shuffle(tokenizers)
    for file in tokenizers:
        model = file.split("/")[1].replace("_", " ")
        yield Question("file", f"Which file implements the {model} tokenizer?", (file,), file, 0)


def judged(question: Question, result: RunResult) -> tuple[bool, bool]:
    """Return whether the short answer holds the truth, and whether the place is cited."""
    said = " ".join(result.short_answer.split()).replace("'", "").replace('"', "").lower()
    right = result.status == "done" and all(
        re.search(rf"(?<!\w){re.escape(text.lower())}(?!\w|\.\d)", said)
        if question.kind not in ("where", "told")
        else text.lower() in said
        for text in (" ".join(want.split()).replace("'", "").replace('"', "") for want in question.wanted)
    )
    cited = any(
        (item.locator.path or "").endswith(question.file)
        and (
            not question.line
            or (item.locator.lines and item.locator.lines[0] <= question.line <= item.locator.lines[1])
        )
        for item in result.citations
    )
    return bool(right), bool(cited)


async def run(settings: Settings, asked: list[Question], *, show: bool) -> dict[str, Any]:
    """Ask every question and count."""
    counts: dict[str, Counter[str]] = {}
    begun = time.perf_counter()
    for question in asked:
        request = AskRequest(question=question.text, profile="code", collections=(_NAME,))
        result = await ask(settings, request, lambda *_: None)
        right, cited = judged(question, result)
        kind = counts.setdefault(question.kind, Counter())
        kind.update({"asked": 1, "answered": result.status == "done", "right": right, "cited": cited})
        if show:
            mark = "ok " if right and cited else "   "
            wanted = f"{question.wanted} {question.file}:{question.line}"
            print(
                f"{mark} {question.text} | {result.short_answer[:120]} | {wanted} | cited {cited}", flush=True
            )
    total = sum(counts.values(), Counter())
    return {
        "all": dict(total),
        **{kind: dict(found) for kind, found in counts.items()},
        "s_a_question": round((time.perf_counter() - begun) / len(asked), 2),
    }


def main() -> None:
    """Index the source once, ask, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add_source_option(parser)
    parser.add_argument("--data", type=Path, help="not used: the truth is read from the source")
    parser.add_argument("--home", type=Path, default=Path(tempfile.gettempdir()) / "vidence-bench-code")
    parser.add_argument("--per-kind", type=int, default=6, help="questions of each of the seven kinds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", action="store_true", help="print every answer")
    add_output_options(parser)
    args = parser.parse_args()
    source = package_source(args.source)
    settings = Settings(home=args.home)
    embedder = open_embedder(settings)
    collections = Collections(settings.root / "collections", lambda: embedder)
    collections.add(_NAME, [source], kind="code")
    collections.close()
    result = asyncio.run(run(settings, questions(source, args.per_kind, args.seed), show=args.show))
    print_figures(result, args.output)


if __name__ == "__main__":
    main()
