"""Self-instruct about code (Wang et al. 2023): a chat model asks, and the syntax tree must confirm the answer."""

from __future__ import annotations

import ast
from typing import Literal

from pydantic import BaseModel, Field

from finetune.synth.chat.caller import ChatCaller
from finetune.synth.code.symbols import Symbol
from finetune.synth.made import Question

_PROMPT = """You see a Python function. Write up to four questions about it with short answers, and name what each asks for:
default (of parameter `subject`), raises (an exception it raises itself), calls (a function it calls), returns_literal (a constant that
it returns), parameter_count, is_async (yes or no). Vary the words; name the function in every question."""
_MAX_CHARS = 6000


class CodeQuestion(BaseModel):
    """A question of the model with what it asks for."""

    op: Literal["default", "raises", "calls", "returns_literal", "parameter_count", "is_async"]
    subject: str = ""
    question: str = Field(min_length=8, max_length=300)
    answer: str = Field(min_length=1, max_length=150)


class CodeQuestions(BaseModel):
    """What the model is asked for."""

    questions: list[CodeQuestion] = Field(max_length=8)


def instruct(symbol: Symbol, caller: ChatCaller) -> list[Question]:
    """Return the model's questions about a function that its syntax tree confirms."""
    if symbol.kind == "class" or len(symbol.source) > _MAX_CHARS:
        return []
    asked = [
        {"role": "system", "content": _PROMPT},
        {"role": "user", "content": f"{symbol.path}\n{symbol.source}"},
    ]
    reply = caller.ask(asked, CodeQuestions)
    return [
        Question(kind=f"code_{item.op}", question=item.question, answers=(item.answer.strip().strip("`"),))
        for item in reply.questions
        if symbol.name in item.question and confirmed(item, symbol)
    ]


def confirmed(item: CodeQuestion, symbol: Symbol) -> bool:  # noqa: PLR0911 - one an operation
    """Whether the syntax tree gives the model's answer."""
    said = item.answer.strip().strip("`")
    node = _function(symbol)
    if node is None:
        return False
    if item.op == "default":
        return _same(said, dict(symbol.defaults).get(item.subject))
    if item.op == "raises":
        return said in symbol.raises
    if item.op == "calls":
        return said.removesuffix("()") in _calls(node)
    if item.op == "returns_literal":
        constants = {
            ast.unparse(n.value)
            for n in ast.walk(node)
            if isinstance(n, ast.Return) and isinstance(n.value, ast.Constant)
        }
        return len(constants) == 1 and _same(said, constants.pop())
    if item.op == "parameter_count":
        return said == str(len([name for name in symbol.parameters if name not in ("self", "cls")]))
    return said.lower() == ("yes" if isinstance(node, ast.AsyncFunctionDef) else "no")


def _function(symbol: Symbol) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    import textwrap

    body = ast.parse(textwrap.dedent(symbol.source)).body
    return body[0] if body and isinstance(body[0], ast.FunctionDef | ast.AsyncFunctionDef) else None


def _calls(node: ast.AST) -> set[str]:
    called = [ast.unparse(child.func) for child in ast.walk(node) if isinstance(child, ast.Call)]
    return {*called, *(name.split(".")[-1] for name in called)}


def _same(said: str, truth: str | None) -> bool:
    return truth is not None and said.strip("'\"") == truth.strip("'\"")
