"""Questions about an indexed package, from the tool to checked answers that cite lines."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from agents.answer.base import AnswerTask
from agents.answer.code import CodeExtractor
from agents.checks import check_candidate
from agents.question import parse_question
from core.contracts import Evidence
from core.settings import Settings
from knowledge.collections import Collections
from tests.support.hash_embedder import HashEmbedder
from tools.base import ToolContext
from tools.search_code import SearchCode

FILES = {
    "__init__.py": "",
    "valves.py": (
        '"""Valves."""\n\nfrom .units import to_bar\n\nLIMIT = 12\n\n\n'
        "def open_valve(name, *, pressure=2.5, tolerance=1e-5, **rest):\n"
        '    """Open a valve slowly. Returns the pressure in bar."""\n    return to_bar(pressure)\n\n\n'
        "class BaseValve:\n    wheel_size: int = 4\n\n    def turn(self):\n"
        "        return open_valve('x')\n\n\n"
        "class GateValve(BaseValve):\n    pass\n"
    ),
    "units.py": (
        '"""Units."""\n\n\ndef to_bar(value):\n    """Convert a pressure to bar."""\n    return value / 1e5\n'
    ),
    "tokenization_pump.py": (
        '"""Words of a pump."""\n\n\nclass PumpTokenizer:\n    """Cuts a log of a pump into tokens."""\n'
    ),
}


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    package = tmp_path / "plant"
    package.mkdir()
    (tmp_path / "plant-1.4.dist-info").mkdir()
    for name, text in FILES.items():
        (package / name).write_text(text)
    collections = Collections(tmp_path / "collections", HashEmbedder)
    collections.add("plant", [package], kind="code")
    models = SimpleNamespace(embedder=HashEmbedder)
    return ToolContext(Settings(home=tmp_path), SimpleNamespace(), models, collections)


async def found(context: ToolContext, question: str) -> list[Evidence]:
    args = SearchCode.arguments(query=question, collections=["plant"], k=5)
    return list((await SearchCode().run(args, context)).evidence)


@pytest.mark.parametrize(
    ("question", "short", "file", "line"),
    [
        ("Where is open_valve defined?", "valves.py:8", "valves.py", 8),
        ("What calls to_bar?", "open_valve", "valves.py", 10),
        ("What calls open_valve?", "BaseValve.turn", "valves.py", 17),
        ("What is the default of pressure in open_valve?", "2.5", "valves.py", 8),
        ("What is the default of tolerance in open_valve?", "1e-5", "valves.py", 8),
        ("What is the default of wheel_size in GateValve?", "4", "valves.py", 14),
        ("What is the value of LIMIT?", "12", "valves.py", 5),
        (
            "What arguments does open_valve take, with their defaults?",
            "name, pressure=2.5, tolerance=1e-5, **rest",
            "valves.py",
            8,
        ),
        ("What does to_bar do?", "Convert a pressure to bar.", "units.py", 5),
        ("Which classes inherit from BaseValve?", "GateValve", "valves.py", 20),
        ("What is the base class of GateValve?", "BaseValve", "valves.py", 20),
        ("Which file implements the pump tokenizer?", "tokenization_pump.py", "tokenization_pump.py", 4),
        ("In which file is GateValve defined?", "valves.py", "valves.py", 20),
    ],
)
async def test_the_answer_stands_and_cites_its_lines(context, question, short, file, line) -> None:
    evidence = await found(context, question)
    best = CodeExtractor().propose(AnswerTask(parse_question(question), evidence))[0]
    checked = check_candidate(best, {item.id: item for item in evidence})
    assert best.short_answer.endswith(short)
    assert checked.survives, checked.reasons
    citation = best.claims[0].citations[0]
    assert citation.source.endswith(file)
    assert citation.locator.lines[0] <= line <= citation.locator.lines[1]
    assert "plant==1.4" in best.answer or citation.locator.commit == "plant==1.4"


async def test_a_name_that_the_code_lacks_is_not_answered(context) -> None:
    for question in ("Where is close_valve defined?", "What calls close_valve?"):
        evidence = await found(context, question)
        assert CodeExtractor().propose(AnswerTask(parse_question(question), evidence)) == []


def test_the_commit_that_changed_something_is_cited_by_its_hash(context, tmp_path: Path) -> None:
    def git(*args: str) -> str:
        about = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
        command = ["git", "-C", str(tmp_path / "plant"), *about, *args]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "Lower the limit of the valves to twelve")
    context.collections.add("plant", [tmp_path / "plant" / ".git"])
    evidence = asyncio.run(found(context, "Which commit changed the limit of the valves?"))
    best = CodeExtractor().propose(
        AnswerTask(parse_question("Which commit changed the limit of the valves?"), evidence)
    )[0]
    checked = check_candidate(best, {item.id: item for item in evidence})
    assert best.short_answer == git("rev-parse", "HEAD")
    assert checked.survives, checked.reasons
