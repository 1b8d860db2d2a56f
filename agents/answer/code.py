"""Answers from code: where something is defined, what it does, what a parameter's default is."""

from __future__ import annotations

import ast
import re
import textwrap
from typing import ClassVar

from agents.answer.base import AnswerTask
from core.contracts import Candidate, Citation, DraftClaim, Evidence
from core.text import content_words, sentences

_WHERE = re.compile(r"\b(?:where|which file|what file|in which (?:file|module))\b", re.I)
_DEFAULT = re.compile(r"\bdefault(?: value)?\b", re.I)
_DEFINITION = re.compile(r"^\s*(?:async\s+def|def|class)\s+(\w+)", re.M)
_IDENTIFIER = re.compile(r"`([^`]+)`|\b(\w+(?:_\w+)+|[A-Z][a-z0-9]+(?:[A-Z]\w*)+|\w+(?=\(\)))")


class CodeExtractor:
    """Cites path and lines of the definition that a question names."""

    name: ClassVar[str] = "code"

    def propose(self, task: AnswerTask) -> list[Candidate]:
        """Return candidates from code evidence; none when no definition bears on the question."""
        code = [item for item in task.evidence if item.kind == "code"]
        stem = task.question.stem
        asked = [first or second for first, second in _IDENTIFIER.findall(stem)]
        found = [
            candidate for item in code if (candidate := self._candidate(item, stem, asked, task)) is not None
        ]
        return sorted(found, key=lambda candidate: -candidate.score)

    def _candidate(self, item: Evidence, stem: str, asked: list[str], task: AnswerTask) -> Candidate | None:
        defined = _DEFINITION.findall(item.content)
        if _DEFAULT.search(stem) and asked:
            found = _default_line(item.content, asked)
            return _answer(item, *found, 0.85, task) if found else None
        named = [name for name in asked if name.split(".")[-1] in defined]
        bearing = 0.9 if named else _bearing(stem, item) if not asked else 0.0
        if bearing < 0.3 or not defined:
            return None
        name = named[0].split(".")[-1] if named else defined[0]
        line = next(
            row for row in item.content.splitlines() if re.search(rf"\b(?:def|class)\s+{name}\b", row)
        )
        place = _place(item)
        if _WHERE.search(stem):
            return _answer(
                item, f"`{name}` is defined in {place}: {line.strip()}", place, line, bearing, task
            )
        summary = _first_sentence(item.content)
        if not summary:
            return None
        return _answer(item, summary, summary, summary, bearing * 0.85, task)


def _answer(item: Evidence, answer: str, short: str, quote: str, score: float, task: AnswerTask) -> Candidate:
    return Candidate(
        id="",
        route="extraction",
        subquestion_id=task.subquestion_id,
        answer=answer,
        short_answer=short,
        claims=(DraftClaim(text=quote.strip(), citations=(Citation.of(item, quote.strip()),)),),
        score=score,
    )


def _place(item: Evidence) -> str:
    where = item.locator
    lines = f":{where.lines[0]}-{where.lines[1]}" if where.lines else ""
    return f"{where.path or item.source}{lines}"


def _bearing(stem: str, item: Evidence) -> float:
    wanted = set(content_words(stem))
    title = set(re.split(r"[\W_]+", f"{item.metadata.get('title', '')} {item.content[:400]}".lower()))
    return 0.7 * len(wanted & title) / len(wanted) if wanted else 0.0


def _first_sentence(source: str) -> str:
    try:
        tree = ast.parse(textwrap.dedent(source))
    except SyntaxError:
        return ""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            text = ast.get_docstring(node, clean=False) or ""
            return sentences(text.strip())[0] if text.strip() else ""
    return ""


def _default_line(source: str, asked: list[str]) -> tuple[str, str, str] | None:
    """Return the answer, the value and the line that gives a named parameter or field its default."""
    for name in asked:
        pattern = rf"\b{re.escape(name)}\b\s*(?::[^=,)]+?)?=\s*([^,)\n#]+)"
        for line in source.splitlines():
            match = re.search(pattern, line)
            if match:
                value = match[1].strip().rstrip(":")
                return f"The default of `{name}` is {value}.", value, line
    return None
