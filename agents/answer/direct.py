"""Answers that need no tool: arithmetic in the question, and what Vidence itself can do.

The evidence is the computation, or the list of abilities, so that these claims are checked like all others.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable

from core.contracts import Candidate, Citation, DraftClaim, Evidence

_CALCULATOR, _VERSION = "calculator", "1"
_MAX_SIZE = 1e15
_MAX_NODES = 60
_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_PHRASES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"([\d.]+)\s*(?:%|percent|per cent)\s+of\s+", re.I), r"\1/100*"),
    (re.compile(r"\bsquare root of\s+([\d.]+)", re.I), r"(\1)**0.5"),
    (re.compile(r"\b(?:multiplied by|times)\b|[×·]|(?<=\d)\s*x\s*(?=\d)", re.I), "*"),
    (re.compile(r"\bdivided by\b|[÷]|(?<=[\d)])\s*:\s*(?=[\d(])", re.I), "/"),
    (re.compile(r"\bplus\b", re.I), "+"),
    (re.compile(r"\bminus\b|[−–]", re.I), "-"),
    (re.compile(r"\bto the power of\b|\^", re.I), "**"),
    (re.compile(r"\bsquared\b|²", re.I), "**2"),
    (re.compile(r"\bcubed\b|³", re.I), "**3"),
    (re.compile(r"\bmod(?:ulo)?\b", re.I), "%"),
)
_FRAME = re.compile(
    r"^\s*(?:please\s+)?"
    r"(?:(?:what(?:'s| is| are)|how much (?:is|are)|calculate|compute|evaluate|work out|solve)\b)?\s*"
    r"(?:the (?:result|value) of)?\s*(?P<body>.+?)\s*(?:=\s*)?\??\s*$",
    re.I | re.S,
)
_ABILITY = re.compile(
    r"\bwhat (?:can|could|do) you (?:do|help|answer)\b|\bwho are you\b|\bwhat are you\b"
    r"|\bhow (?:can|could) you help\b|\bwhat are your (?:capabilities|abilities|features)\b",
    re.I,
)
_ABILITIES = (
    "I answer questions about images and documents and show the evidence: I read text on images, read values "
    "off bar, line and pie charts, look at pictures, search your collections of text, images and code, and "
    "search PubMed. I check every claim against its evidence and abstain when it is too thin."
)


def direct_answer(question: str) -> tuple[list[Evidence], list[Candidate]]:
    """Answer a question that carries its own answer; both lists are empty when it does not."""
    if _ABILITY.search(question):
        return _answered(_ABILITIES, _ABILITIES, "abilities", "text")
    match = _FRAME.match(question)
    expression = match["body"].strip() if match else ""
    value = evaluate(expression)
    if value is None:
        return [], []
    shown = _shown(value)
    return _answered(f"{expression} = {shown}", shown, _CALCULATOR, "number")


def evaluate(expression: str) -> float | None:
    """Return the value of an arithmetic expression in digits and words, or None when it is none.

    Only numbers and `+ - * / % **` with parentheses are understood; the text is parsed, never executed.
    A number alone is no computation.
    """
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", expression)
    for pattern, replacement in _PHRASES:
        text = pattern.sub(replacement, text)
    if len(text) > 200 or not re.fullmatch(r"[\d\s.+\-*/%()]+", text):
        return None
    try:
        tree = ast.parse(text.strip(), mode="eval")
        nodes = list(ast.walk(tree))
        if len(nodes) > _MAX_NODES or not any(isinstance(node, ast.BinOp) for node in nodes):
            return None
        value = _value(tree.body)
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError, MemoryError):
        return None
    return value if math.isfinite(value) and abs(value) <= _MAX_SIZE else None


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inner = _value(node.operand)
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        left, right = _value(node.left), _value(node.right)
        if isinstance(node.op, ast.Pow) and (abs(right) > 64 or (left < 0 and not right.is_integer())):
            raise ValueError("power out of range")
        return _BINARY[type(node.op)](left, right)
    raise ValueError("not arithmetic")


def _shown(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.10g}"


def _answered(content: str, short: str, source: str, kind: str) -> tuple[list[Evidence], list[Candidate]]:
    evidence = Evidence(
        kind="passage",
        source=source,
        content=content,
        score=1.0,
        trust="trusted",
        tool=source,
        tool_version=_VERSION,
    )
    candidate = Candidate(
        id=f"direct-{source}",
        route="extraction",
        answer=content,
        short_answer=short,
        answer_type="number" if kind == "number" else "text",
        claims=(DraftClaim(text=content, citations=(Citation.of(evidence),)),),
        score=1.0,
    )
    return [evidence], [candidate]
