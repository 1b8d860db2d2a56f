"""A run that was killed goes on: the same answer, and no journalled call a second time."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def live(folder: Path, doomed: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.support.mortal", str(folder / "home"), "t1", doomed]
    return subprocess.run(
        [*command, str(folder / "calls")], cwd=ROOT, capture_output=True, text=True, check=False
    )


def answer(process: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert process.returncode == 0, process.stderr
    result: dict[str, Any] = json.loads(process.stdout)
    return {key: result[key] for key in ("status", "answer", "short_answer", "citations", "claims")}


def journalled_queries(path: Path) -> list[str]:
    if not path.exists():
        return []
    connection = sqlite3.connect(path)
    bodies = [row[0] for row in connection.execute("SELECT body FROM journal")]
    connection.close()
    return [re.findall(r"The answer to (.*?) is 42", body)[0] for body in bodies]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return answer(live(tmp_path_factory.mktemp("alive"), "-"))


@pytest.mark.parametrize("node", ["intake", "plan", "act", "assess", "draft", "verify", "judge", "respond"])
def test_a_run_killed_in_any_node_resumes_to_the_same_answer(
    tmp_path: Path, undisturbed: dict[str, Any], node: str
) -> None:
    (tmp_path / "home").mkdir()
    killed = live(tmp_path, node)
    assert killed.returncode == -signal.SIGKILL
    journalled = journalled_queries(tmp_path / "home" / "runs.db")
    assert answer(live(tmp_path, "-")) == undisturbed
    calls = Counter((tmp_path / "calls").read_text().split("\n")[:-1])
    assert {query: calls[query] for query in journalled} == dict.fromkeys(journalled, 1)
    if node != "act":
        # Only a call that was cut off before it was journalled may run again.
        assert set(calls.values()) == {1}


@pytest.mark.parametrize("checkpoint", ["3", "4", "6", "9"])
def test_a_run_killed_between_a_step_and_its_checkpoint_resumes_to_the_same_answer(
    tmp_path: Path, undisturbed: dict[str, Any], checkpoint: str
) -> None:
    (tmp_path / "home").mkdir()
    assert live(tmp_path, checkpoint).returncode == -signal.SIGKILL
    assert answer(live(tmp_path, "-")) == undisturbed
    assert set(Counter((tmp_path / "calls").read_text().split("\n")[:-1]).values()) == {1}


def test_a_finished_result_that_never_reached_the_disk_is_built_again(
    tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    (tmp_path / "home").mkdir()
    answer(live(tmp_path, "-"))
    connection = sqlite3.connect(tmp_path / "home" / "runs.db")
    with connection:
        assert connection.execute("DELETE FROM runs").rowcount == 1
    connection.close()
    assert answer(live(tmp_path, "-")) == undisturbed
    assert set(Counter((tmp_path / "calls").read_text().split("\n")[:-1]).values()) == {1}
