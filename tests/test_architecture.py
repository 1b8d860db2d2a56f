"""The house rules that a machine can check."""

from __future__ import annotations

import ast
import importlib.util
import tomllib
from pathlib import Path

import pytest

from core.settings import Settings
from server.cli.doctor import ROOMS

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "core": set(),
    "models": {"core"},
    "knowledge": {"models", "core"},
    "tools": {"knowledge", "models", "core"},
    "agents": {"knowledge", "models", "core"},
    "graph": {"agents", "tools", "knowledge", "models", "core"},
    "evals": {"graph", "agents", "tools", "knowledge", "models", "core"},
    "finetune": {"evals", "graph", "agents", "tools", "knowledge", "models", "core"},
    "server": {"finetune", "evals", "graph", "agents", "tools", "knowledge", "models", "core"},
}


def imported_rooms(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names & {*MAY_IMPORT, "tests", "benchmarks"}


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_imports_between_rooms_point_one_way(room: str) -> None:
    for path in (ROOT / room).rglob("*.py"):
        upwards = imported_rooms(path) - MAY_IMPORT[room] - {room}
        assert not upwards, f"{path.relative_to(ROOT)} imports {sorted(upwards)}"


def test_the_wheel_lists_every_room_and_no_tests() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(listed) == sorted(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_resolves_inside_the_project(room: str) -> None:
    spec = importlib.util.find_spec(room)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(ROOT)


def test_only_the_edge_reads_the_environment() -> None:
    allowed = {"core/settings.py", "server/cli/main.py", "graph/app.py"}
    for room in MAY_IMPORT:
        for path in (ROOT / room).rglob("*.py"):
            name = str(path.relative_to(ROOT))
            if name not in allowed:
                text = path.read_text()
                assert "os.environ" not in text, name
                assert "os.getenv" not in text, name


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    missing = [name for name in Settings.model_fields if f"| `{name}` |" not in text]
    assert not missing
