"""Answers from source code: where something is defined, what it does, what a default is; with path and lines.

The code is parsed where it is Python and whole, and matched by pattern elsewhere; it is never executed.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from dataclasses import dataclass
from typing import ClassVar

from agents.answer.base import AnswerTask
from agents.answer.code_found import found_answers
from agents.answer.relevance import bag
from core.contracts import Candidate, Citation, DraftClaim, Evidence
from core.text import sentences
from knowledge.code.query import code_names, is_identifier, read_query

_WHERE = re.compile(r"\bwhere\b|\b(?:which|what) (?:file|module|line|path)\b|\bdefined?\b|\bimplement", re.I)
_DEFAULT = re.compile(r"\bdefaults?\b|\b(?:what is|what's) the value\b|\bequal to\b|\bset to\b", re.I)
_DOES = re.compile(r"\bwhat (?:does|do|is)\b|\bpurpose\b|\bdescribe\b|\bexplain\b|\bhow does\b", re.I)
_RETURNS = re.compile(r"\breturns?\b", re.I)
_RAISES = re.compile(r"\braises?\b|\bexceptions?\b|\berrors?\b", re.I)
_ARGUMENTS = re.compile(r"\b(?:arguments?|parameters?|signature|takes?)\b", re.I)
_DEFINITION = r"^[ \t]*(?:async\s+def|def|class|function|func|fn|interface|struct|type)\s+{name}\b.*$"
_ASSIGNMENT = (
    r"^[ \t]*(?:self\.|const\s+|let\s+|var\s+)?{name}\s*(?::\s*[^=\n]+?)?=\s*(?P<value>[^\n#]+?)\s*(?:#.*)?$"
)
_PARAMETER = (
    r"[(,\s]{name}\s*(?::\s*[^=,()\n]+(?:\[[^\]]*\])?[^=,()\n]*)?=\s*(?P<value>[^,()\n]+(?:\([^()]*\))?)"
)


@dataclass(frozen=True)
class _Match:
    """A line of code that answers, with the answer and how well it fits."""

    line: str
    short: str
    text: str
    score: float


class CodeExtractor:
    """Answers from evidence of kind `code`."""

    name: ClassVar[str] = "code"

    def propose(self, task: AnswerTask) -> list[Candidate]:
        """Return answers that cite path and lines, best first; none when the named thing is not there."""
        pieces = [item for item in task.evidence if item.kind == "code"]
        if not pieces:
            return []
        question = task.question.stem
        names = code_names(question)
        query = read_query(question)
        known = found_answers(query, pieces, task.subquestion_id)
        indexed = any("about" in item.metadata for item in pieces)
        if indexed and not known and query.wish in ("callers", "subclasses", "bases", "commit"):
            return []  # the index knows the name and nothing that was asked of it
        if query.wish in ("told", "returns", "raises"):
            # The index says which definition is meant; its docstring says the rest.
            meant = [item for item in pieces if item.metadata.get("role") == "definition"]
            pieces = meant or pieces
        found = [(match, item) for item in pieces for match in _matches(item, names, question)]
        if not found and not any(is_identifier(name) for name in names):
            found = [(match, item) for item in pieces for match in _described(item, question)]
        found.sort(key=lambda pair: -pair[0].score)
        return known + [_candidate(match, item, task.subquestion_id) for match, item in found[:5]]


def _matches(item: Evidence, names: list[str], question: str) -> list[_Match]:
    found: list[_Match] = []
    # Dotted names count by their last part; the owner only has to be somewhere around.
    for place, full in enumerate(names):
        owner, _, name = full.rpartition(".")
        surroundings = f"{item.content} {item.locator.section or ''} {item.source}"
        trust = (0.95 - 0.1 * place) * (1.0 if not owner or owner.split(".")[-1] in surroundings else 0.5)
        others = [other.rpartition(".")[2] for other in names if other != full]
        near = sum(other in surroundings for other in others)
        trust *= 1.0 if near == len(others) else 0.7
        found += _named_matches(item, name, question, trust)
    return found


def _named_matches(item: Evidence, name: str, question: str, trust: float) -> list[_Match]:
    defined = re.search(_DEFINITION.format(name=re.escape(name)), item.content, re.M)
    assigned = _assigned(item.content, name)
    found: list[_Match] = []
    if _DEFAULT.search(question):
        found += [_Match(m.line, m.short, m.text, trust * m.score) for m in assigned]
    elif _WHERE.search(question) and (defined or assigned):
        line = defined.group().strip() if defined else assigned[0].line
        found.append(_Match(line, place_of(item, line), line, trust * (1.0 if defined else 0.85)))
    elif defined:
        found += _told(item, name, defined.group().strip(), question, trust)
    return found


def _assigned(content: str, name: str) -> list[_Match]:
    found = []
    for form, score in ((_ASSIGNMENT, 1.0), (_PARAMETER, 0.9)):
        for match in re.finditer(form.format(name=re.escape(name)), content, re.M):
            value = match["value"].strip().rstrip(",").strip()
            line = _line_at(content, match.start("value"))
            default = re.match(r"Field\(\s*(?:default\s*=\s*)?([^,()]+(?:\([^()]*\))?)", value + ")")
            short = default.group(1).strip() if default else value
            found.append(_Match(line, short, line, score))
        if found:
            return found
    return found


def _line_at(content: str, place: int) -> str:
    start = content.rfind("\n", 0, place) + 1
    end = content.find("\n", place)
    return content[start : end if end >= 0 else len(content)].strip()


def _told(item: Evidence, name: str, line: str, question: str, trust: float) -> list[_Match]:
    """Return what the docstring tells: its first sentence, or the part that is asked for."""
    doc = docstring(item.content, name)
    if _ARGUMENTS.search(question) and "(" in line:
        return [_Match(line, line.rstrip(":"), line, trust * 0.9)]
    if not doc:
        return [_Match(line, line, line, trust * 0.4)] if _DOES.search(question) else []
    told = sentences(doc)
    wanted = _RAISES if _RAISES.search(question) else _RETURNS if _RETURNS.search(question) else None
    chosen = next((part for part in told if wanted and wanted.search(part)), told[0])
    exact = _as_written(chosen, item.content)
    return [_Match(exact, " ".join(exact.split()), " ".join(exact.split()), trust * 0.95)] if exact else []


def docstring(content: str, name: str) -> str:
    """Return the docstring of a definition inside a piece of Python, or an empty text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # indexed code may hold invalid escapes
            tree = ast.parse(textwrap.dedent(content))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        cut = re.search(
            rf'(?:def|class)\s+{re.escape(name)}\b[^"\']*?:\s*\n\s*(?:"""|\'\'\')(.+?)(?:"""|\'\'\'|\Z)',
            content,
            re.S,
        )
        return cut.group(1).strip() if cut else ""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name:
            return ast.get_docstring(node) or ""
    return ""


def _as_written(sentence: str, content: str) -> str:
    """Return a sentence as it stands in the content, line breaks and indents included."""
    pattern = r"\s+".join(re.escape(word) for word in sentence.split())
    match = re.search(pattern, content)
    return match.group() if match else ""


def _described(item: Evidence, question: str) -> list[_Match]:
    """Find the definition whose docstring or name bears on a question that names no identifier."""
    asked = bag(
        re.sub(
            r"\b(?:where|which|function|class|method|file|module|code|defined|implemented)\b", " ", question
        )
    )
    if not asked:
        return []
    found = []
    for match in re.finditer(r"^[ \t]*(?:async\s+def|def|class)\s+(\w+).*$", item.content, re.M):
        doc = docstring(item.content, match.group(1))
        share = len(asked & (bag(doc) | bag(match.group(1).replace("_", " ")))) / len(asked)
        if share < 0.5:
            continue
        line = match.group().strip()
        if _WHERE.search(question) or not doc:
            found.append(_Match(line, place_of(item, line), line, 0.75 * share))
        else:
            found.append(_Match(line, match.group(1), line, 0.75 * share))
    return found


def place_of(item: Evidence, line: str) -> str:
    """Return `path:line` of a line of a piece of code."""
    path = item.locator.path or item.source
    if item.locator.lines is None:
        return path
    offset = next((i for i, text in enumerate(item.content.splitlines()) if text.strip() == line), 0)
    return f"{path}:{item.locator.lines[0] + offset}"


def _candidate(match: _Match, item: Evidence, need: str) -> Candidate:
    where = place_of(item, match.line.splitlines()[0].strip())
    return Candidate(
        id="code",
        route="extraction",
        subquestion_id=need,
        answer=f"{match.text} ({where})",
        short_answer=match.short,
        answer_type="text",
        claims=(DraftClaim(text=match.text, citations=(Citation.of(item, match.line),)),),
        score=round(min(1.0, match.score), 4),
    )
