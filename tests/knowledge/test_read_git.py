"""Commits as documents: what they hold, what they leave out, and that a new one is the only one added."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from core.errors import VidenceError
from knowledge.collections import Collections
from knowledge.readers.git_history import read_commits


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q")
    save(root, "pump.py", "def start():\n    return 1\n", "Start the pump\n\nIt was off\x1b until now.")
    save(root, "größe.txt", "x\n", "Say how large it is")
    return root


def git(root: Path, *args: str) -> str:
    about = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.invalid"]
    command = ["git", "-C", str(root), *about, *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def save(root: Path, name: str, text: str, message: str) -> None:
    (root / name).write_text(text)
    git(root, "add", "-A")
    git(root, "commit", "-qm", message)


def test_a_commit_has_its_subject_body_date_and_files_and_no_author(repository: Path) -> None:
    second, first = read_commits(repository / ".git")
    assert (first.subject, first.files) == ("Start the pump", ("pump.py",))
    assert first.body.startswith("It was off")
    assert second.files == ("größe.txt",), "names are not quoted"
    assert second.sha == git(repository, "rev-parse", "HEAD")
    assert "Somebody" not in first.text
    assert first.text.startswith(f"commit {first.sha}\ndate: 2")


def test_commits_are_found_by_what_they_say_and_cited_by_their_hash(
    repository: Path, collections: Collections
) -> None:
    report = collections.add("repo", [repository, repository / ".git"], kind="code")
    assert (report.added, report.failed) == (3, ())
    (hit,) = collections.search("repo", "start the pump", 1, where={"type": "commit"})
    assert hit.locator.commit == git(repository, "rev-parse", "HEAD~1")
    assert "pump.py" in hit.text
    save(repository, "pump.py", "def start():\n    return 2\n", "Start it faster")
    again = collections.add("repo", [repository / ".git"])
    assert (again.added, again.unchanged) == (1, 2)
    assert collections.verify("repo").ok


def test_a_checkout_without_commits_is_a_typed_failure(tmp_path: Path, collections: Collections) -> None:
    git(tmp_path, "init", "-q")
    with pytest.raises(VidenceError, match="No git history"):
        collections.add("repo", [tmp_path / ".git"])
