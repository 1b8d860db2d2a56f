"""The history of a git checkout as documents: a commit's subject, body, date and files under its hash.

Named by its `.git` folder (or a bare repository): `vidence index add . .git --collection project`. Merges say
nothing of their own and are left out, and so are authors: a question about code is not one about people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from core.contracts import Locator
from core.errors import invalid_input
from knowledge.code.version import run_git
from knowledge.records import Piece, SourceDocument

MAX_COMMITS = 50_000
_BODY_CHARS = 4000
_FILES_SHOWN = 200
_EMBEDDED_CHARS = 300
_RECORD, _FIELD = "\x1e", "\x1f"
_SECONDS = 300


@dataclass(frozen=True)
class Commit:
    """A commit. `files` are paths from the root of the checkout; `date` is the author's, ISO 8601."""

    sha: str
    date: str
    subject: str
    body: str
    files: tuple[str, ...]

    @property
    def text(self) -> str:
        """The commit as it is indexed and quoted."""
        shown = list(self.files[:_FILES_SHOWN])
        if len(self.files) > len(shown):
            shown.append(f"and {len(self.files) - len(shown)} more")
        parts = [f"commit {self.sha}\ndate: {self.date}", self.subject, self.body[:_BODY_CHARS].strip()]
        return "\n\n".join(part for part in [*parts, "\n".join(shown)] if part)


def is_repository(path: Path) -> bool:
    """Whether a path is a checkout's `.git` or a bare repository."""
    return path.name == ".git" or (
        path.is_dir() and (path / "HEAD").is_file() and (path / "objects").is_dir()
    )


def commit_documents(path: Path) -> Iterator[SourceDocument]:
    """Yield a document for each commit that HEAD can reach, newest first.

    Raises:
        VidenceError: `invalid_input` when git finds no history there.
    """
    found = False
    for commit in read_commits(path):
        found = True
        text = commit.text
        yield SourceDocument(
            source=f"{path}@{commit.sha}",
            doc_id=commit.sha[:12],
            title=commit.subject,
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            pieces=partial(_pieces, commit),
            metadata={"type": "commit", "date": commit.date},
        )
    if not found:
        raise invalid_input(
            f"No git history can be read at {path}",
            help="Name the `.git` folder of a checkout with commits; git must be installed.",
        )


def read_commits(path: Path) -> Iterator[Commit]:
    """Yield the commits that HEAD can reach, newest first; nothing when git cannot read them."""
    root = path.parent if path.name == ".git" else path
    printed = run_git(
        root,
        "-c",
        "core.quotepath=off",
        "log",
        f"--max-count={MAX_COMMITS}",
        "--no-merges",
        "--name-only",
        f"--format={_RECORD}%H{_FIELD}%aI{_FIELD}%s{_FIELD}%b{_FIELD}",
        seconds=_SECONDS,
    )
    for record in printed.split(_RECORD)[1:]:
        sha, date, subject, body, files = record.split(_FIELD)
        names = tuple(line for line in files.split("\n") if line)
        yield Commit(sha, date, " ".join(subject.split()), body.strip(), names)


def _pieces(commit: Commit) -> list[Piece]:
    lead = f"{commit.subject}. {commit.body[:_EMBEDDED_CHARS]}".strip()
    return [
        Piece(
            text=commit.text,
            kind="code",
            locator=Locator(commit=commit.sha),
            title=commit.subject,
            embed=" ".join(lead.split()),
        )
    ]
