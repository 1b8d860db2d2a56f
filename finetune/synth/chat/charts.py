"""A chat model writes plotting code and questions for a table; both are checked before they are kept."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from random import Random
from typing import Literal

from pydantic import BaseModel, Field

from core.errors import VidenceError, invalid_input
from finetune.synth.charts import split_of
from finetune.synth.chat.caller import ChatCaller
from finetune.synth.made import Made, Question
from finetune.synth.sandbox.client import Sandbox
from finetune.synth.tables import Table, made_table, ranks_clear, trend_of

VERSION = "chat-charts-1"
_PROMPT = """You write matplotlib code and questions for training a chart reader.
Rules for the code: only `import matplotlib.pyplot as plt` and `import numpy as np`; no functions, no files, no random
numbers; every number and name of the table literally in the code; one figure of at most 5 x 4 inches at dpi 100.
Rules for the questions: 3 to 6, each with its answer and the operation that gives it:
highest (answer: the category where `series` is highest), lowest, value (of `category` in `series`), count (number of
categories), compare (yes if `category` is higher than `other` in `series`, else no), trend (up, down, flat or mixed, of
`series` from left to right)."""


class ChatQuestion(BaseModel):
    """A question with the operation that its answer is recomputed by."""

    question: str = Field(min_length=5, max_length=300)
    answer: str = Field(min_length=1, max_length=100)
    op: Literal["highest", "lowest", "value", "count", "compare", "trend"]
    series: str = ""
    category: str = ""
    other: str = ""


class ChatChart(BaseModel):
    """What the model is asked for."""

    code: str = Field(min_length=20, max_length=8000)
    questions: list[ChatQuestion] = Field(min_length=1, max_length=10)


class ChatChartMaker:
    """Makes charts whose code and questions a chat model wrote.

    Args:
        caller: The model.
        seed: Which tables.
        cache: Where matplotlib keeps its list of fonts.
        shares: How many of ten are for train, dev and test.
    """

    def __init__(
        self, caller: ChatCaller, seed: int, cache: Path, *, shares: tuple[float, float, float] = (8, 1, 1)
    ) -> None:
        self._caller, self._seed, self._shares = caller, seed, shares
        self._sandbox = Sandbox(cache)

    def make(self, index: int) -> Made:
        """Ask for one chart; raises `VidenceError` when the code or every question is wrong."""
        random = Random(f"{VERSION}:{self._seed}:{index}")
        split = split_of(self._seed, index, self._shares)
        table = made_table(random, split, categories=random.randint(3, 7), series=random.randint(1, 3))
        kind = random.choice(
            ("vertical bar", "horizontal bar", "line", "pie" if len(table.series) == 1 else "grouped bar")
        )
        ask = f"Table: {json.dumps(_plain(table))}\nDraw it as a {kind} chart, in a style of your own."
        reply = self._caller.ask(
            [{"role": "system", "content": _PROMPT}, {"role": "user", "content": ask}], ChatChart
        )
        check_data(reply.code, table)
        picture = self._sandbox.draw(reply.code)
        questions = tuple(kept for kept in (checked(question, table) for question in reply.questions) if kept)
        if not questions:
            raise invalid_input(
                "No question of the model agrees with the table", help="Use a stronger model."
            )
        return Made(
            png=picture.png,
            group=f"table:{table.id}",
            split=split,
            questions=questions,
            source="synth-charts-chat",
            metadata={
                "chart": kind,
                "table": table.id,
                "theme": f"chat-{index}",
                "asked": len(reply.questions),
                "index": index,
            },
        )

    def close(self) -> None:
        """End the drawing process."""
        self._sandbox.close()


def check_data(code: str, table: Table) -> None:
    """Raise `invalid_input` unless every number and name of the table stands in the code."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError) as error:
        raise invalid_input(f"The code is not Python: {error}") from error
    constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    numbers = {float(value) for value in constants if isinstance(value, int | float)}
    missing = [value for row in table.values for value in row if float(value) not in numbers]
    names = [name for name in table.categories if name not in constants]
    if missing or names:
        raise invalid_input("The code does not hold the table's data", help="Use a stronger model.")


def checked(asked: ChatQuestion, table: Table) -> Question | None:
    """Return the question when the table gives the same answer; None otherwise, and where people could differ."""
    try:
        truth = answer_of(asked, table)
    except (ValueError, VidenceError):
        return None
    if truth is None or not _same(asked.answer, truth):
        return None
    balance = f"chat {asked.op}" if asked.op in ("compare", "trend", "count") else ""
    kind = {
        "highest": "highest_label",
        "lowest": "lowest_label",
        "compare": "comparison",
        "count": "mark_count",
    }.get(asked.op, asked.op)
    return Question(
        kind=kind, question=asked.question, answers=(truth,), balance=balance, reading=asked.op != "trend"
    )


def answer_of(asked: ChatQuestion, table: Table) -> str | None:
    """Recompute an answer from the table; None where it is not clear; raises ValueError for unknown names."""
    if asked.op == "count":
        return str(len(table.categories))
    row = table.values[table.series.index(asked.series) if asked.series else 0]
    if not asked.series and len(table.series) > 1:
        return None
    if asked.op in ("highest", "lowest"):
        clear = ranks_clear(row, gap=0.02)[0 if asked.op == "highest" else 1]
        best = max(row) if asked.op == "highest" else min(row)
        return table.categories[row.index(best)] if clear else None
    if asked.op == "trend":
        return trend_of(row)
    value = row[table.categories.index(asked.category)]
    if asked.op == "value":
        return f"{value:g}"
    other = row[table.categories.index(asked.other)]
    return None if value == other else "yes" if value > other else "no"


def _same(said: str, truth: str) -> bool:
    said = said.strip().rstrip(".").lower()
    try:
        return abs(float(said.replace(",", "")) - float(truth)) < 1e-9
    except ValueError:
        return said == truth.lower()


def _plain(table: Table) -> dict[str, object]:
    series = {name: list(row) for name, row in zip(table.series, table.values, strict=True)}
    return {
        "title": table.title,
        "x": table.x,
        "y": table.y,
        "categories": list(table.categories),
        "series": series,
    }
