"""Questions about symbols, commits, issues and documentation by rules. What has two answers is not asked."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import invalid_input, not_found
from finetune.synth.code.symbols import Symbol
from finetune.synth.made import Question

_SECTION = re.compile(
    r"^(Args|Arguments|Parameters|Returns|Yields|Raises|Examples?|Notes?|Attributes):\s*$", re.M
)
_ITEM = re.compile(r"^ {0,8}([\w.]+)(?: \([^)]*\))?:\s+(.+)$")
_LONGEST = 240
_FEWEST = 12


@dataclass(frozen=True)
class Source:
    """A piece of a project that can be asked about, and where it stands."""

    kind: str
    path: str
    lines: tuple[int, int] | None
    questions: tuple[Question, ...]
    url: str = ""
    commit: str = ""


def symbol_sources(symbols: Sequence[Symbol]) -> Iterator[Source]:
    """Yield what is asked about each symbol; names that are defined twice are not asked for by name alone."""
    times = Counter(symbol.qualified for symbol in symbols)
    for symbol in symbols:
        private = any(part.startswith("_") for part in symbol.qualified.split("."))
        if private or times[symbol.qualified] > 1:
            continue
        questions = tuple(about(symbol))
        if questions:
            yield Source("symbol", symbol.path, symbol.lines, questions)


def about(symbol: Symbol) -> Iterator[Question]:
    """Yield the questions about one symbol."""
    name, doc = symbol.qualified, sections(symbol.docstring)
    yield _ask("code_file", f"Which file defines `{name}`?", symbol.path)
    if symbol.bases:
        yield _ask("code_bases", f"What does the class `{name}` derive from?", ", ".join(symbol.bases))
    if doc.get("") and len(doc[""]) >= _FEWEST:
        verb = "is the class" if symbol.kind == "class" else "does"
        yield _ask(
            "code_purpose",
            f"What {verb} `{name}`{'' if symbol.kind == 'class' else ' do'}?",
            _sentence(doc[""]),
        )
    for parameter, value in symbol.defaults:
        if len(value) <= 60:
            yield _ask("code_default", f"What is the default of `{parameter}` in `{name}`?", value)
    real = [parameter for parameter in symbol.parameters if parameter not in ("self", "cls")]
    if symbol.kind != "class" and real:
        yield _ask("code_parameters", f"Which parameters does `{name}` take?", ", ".join(real))
    returns = re.match(r"Returns?\s+(.{12,})", doc.get("", ""), re.S)
    if doc.get("Returns") or (returns and symbol.kind != "class"):
        yield _ask(
            "code_returns",
            f"What does `{name}` return?",
            _sentence(doc.get("Returns") or (returns.group(1) if returns else "")),
        )
    if len(symbol.raises) == 1:
        yield _ask("code_raises", f"Which exception does `{name}` raise itself?", symbol.raises[0])
    for parameter, text in items(doc.get("Args", "")):
        if parameter in symbol.parameters and len(text) >= _FEWEST:
            yield _ask("code_argument", f"What is `{parameter}` of `{name}`?", _sentence(text))


def sections(docstring: str) -> dict[str, str]:
    """Split a Google-style docstring; the part before the first section has the name ""."""
    found: dict[str, str] = {}
    name, start = "", 0
    for match in [*_SECTION.finditer(docstring), None]:
        end = match.start() if match else len(docstring)
        found[name] = docstring[start:end].strip("\n")
        if match:
            name, start = (
                {"Arguments": "Args", "Parameters": "Args"}.get(match.group(1), match.group(1)),
                match.end(),
            )
    found[""] = found.get("", "").split("\n\n")[0].strip()
    return found


def items(text: str) -> Iterator[tuple[str, str]]:
    """Yield names and texts of an `Args:` section, continued lines joined."""
    name, said = "", ""
    for line in text.splitlines():
        match = _ITEM.match(line.removeprefix("    "))
        if match:
            if name:
                yield name, said
            name, said = match.group(1), match.group(2).strip()
        elif name and line.strip():
            said += " " + line.strip()
    if name:
        yield name, said


def commit_sources(commits: Sequence[Any]) -> Iterator[Source]:
    """Yield what is asked about commits (`knowledge.readers.git_history.Commit`): which files, which commit."""
    subjects = Counter(commit.subject for commit in commits)
    for commit in commits:
        if subjects[commit.subject] > 1 or len(commit.subject) < _FEWEST:
            continue
        questions = [_ask("commit_of", f"Which commit says: {commit.subject}?", commit.sha[:12])]
        if 1 <= len(commit.files) <= 5:
            files = ", ".join(commit.files)
            questions.append(
                _ask("commit_files", f"Which files did the commit “{commit.subject}” change?", files)
            )
        yield Source("commit", "", None, tuple(questions), commit=commit.sha)


def issue_sources(path: Path) -> Iterator[Source]:
    """Yield what is asked about issues and pull requests in a JSON export (REST API or `gh ... --json`)."""
    if not path.is_file():
        raise not_found(
            f"There is no export {path}",
            help="Export: gh issue list --json number,title,state,body,labels,url",
        )
    try:
        body = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise invalid_input(f"{path} is not JSON: {error.msg}", help="Export it again.") from error
    listed = body if isinstance(body, list) else next((v for v in body.values() if isinstance(v, list)), [])
    titles = Counter(str(item.get("title")) for item in listed if isinstance(item, dict))
    for item in listed:
        if (
            isinstance(item, dict)
            and isinstance(item.get("number"), int)
            and titles[str(item.get("title"))] == 1
        ):
            yield _issue(item)


def _issue(item: dict[str, Any]) -> Source:
    pull = bool({"pull_request", "merged_at", "mergedAt", "baseRefName"} & item.keys())
    what, title, number = "pull request" if pull else "issue", str(item["title"]).strip(), item["number"]
    found = [_ask(f"{what.split(maxsplit=1)[0]}_number", f"Which {what} is titled “{title}”?", f"#{number}")]
    found.append(_ask(f"{what.split(maxsplit=1)[0]}_title", f"What is {what} #{number} about?", title))
    state = (
        "merged" if item.get("merged_at") or item.get("mergedAt") else str(item.get("state") or "").lower()
    )
    if state:
        question = (
            f"Is {what} #{number} open, closed or merged?" if pull else f"Is {what} #{number} open or closed?"
        )
        found.append(_ask(f"{what.split(maxsplit=1)[0]}_state", question, state))
    labels: list[Any] = [
        label.get("name") if isinstance(label, dict) else label for label in item.get("labels") or []
    ]
    labels = [label for label in labels if isinstance(label, str)]
    if labels:
        found.append(
            _ask(
                f"{what.split(maxsplit=1)[0]}_labels",
                f"Which labels has {what} #{number}?",
                ", ".join(sorted(labels)),
            )
        )
    fixes = re.findall(
        r"\b(?:fix(?:es|ed)?|close[sd]?|resolve[sd]?)\s+#(\d+)", str(item.get("body") or ""), re.I
    )
    if pull and len(set(fixes)) == 1:
        found.append(_ask("pull_fixes", f"Which issue does pull request #{number} close?", f"#{fixes[0]}"))
    return Source(
        what.split(maxsplit=1)[0],
        "",
        None,
        tuple(found),
        url=str(item.get("html_url") or item.get("url") or ""),
    )


def docs_sources(text: str, path: str) -> Iterator[Source]:
    """Yield what is asked about the headed sections of a Markdown page: where something is, what a term means."""
    lines = text.splitlines()
    heads = [(n, line.lstrip("#").strip()) for n, line in enumerate(lines, 1) if re.match(r"#{1,4} \S", line)]
    names = Counter(title for _, title in heads)
    fenced = False
    for index, (start, title) in enumerate(heads):
        end = heads[index + 1][0] - 1 if index + 1 < len(heads) else len(lines)
        found = (
            [_ask("docs_section", f"Which page has a section “{title}”?", path)] if names[title] == 1 else []
        )
        for line in lines[start:end]:
            fenced ^= line.startswith("```")
            row = re.match(r"\|\s*`([\w.-]+)`\s*\|(.+)\|\s*$", line)
            if row and not fenced:
                cells = [cell.strip() for cell in row.group(2).split("|")]
                if len(cells[-1]) >= _FEWEST:
                    found.append(
                        _ask("docs_term", f"What does {path} say of `{row.group(1)}`?", _sentence(cells[-1]))
                    )
        if found:
            yield Source("docs", path, (start, end), tuple(found))


def _ask(kind: str, question: str, answer: str) -> Question:
    return Question(kind=kind, question=question, answers=(answer,))


def _sentence(text: str) -> str:
    """Return the first sentence, on one line."""
    plain = " ".join(text.split())
    end = re.search(r"(?<![eg.ic])\.\s", plain)
    return (plain[: end.start() + 1] if end else plain)[:_LONGEST]
