"""What people said about answers: one rating a user and run, which may be edited, with what it was about.

The server's feedback route, `vidence feedback`, evals and `finetune.loop` share a store: `FeedbackStore`, or
the server's for more than one worker. For commands `server.storage.offline` opens what the settings name.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from core.contracts import Contract, ModelRef, RunResult, RunStatus
from core.errors import invalid_input
from core.sqlite_file import SqliteFile

Rating = Literal["up", "down"]
LOCAL_USER = "local"
MAX_TEXT = 4_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS feedback (
    run_id TEXT NOT NULL, user TEXT NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (run_id, user));
CREATE INDEX IF NOT EXISTS feedback_by_time ON feedback (at);
"""


class RatedRun(Contract):
    """What was rated: enough to learn from it after the run itself was deleted."""

    run_id: str
    question: str
    answer: str = ""
    short_answer: str = ""
    status: RunStatus = "done"
    profile: str = "general"
    confidence: float = 0.0
    images: tuple[str, ...] = Field((), description="Hashes in the image store.")
    collections: tuple[str, ...] = Field((), description="Where it was searched for.")
    evidence_ids: tuple[str, ...] = Field((), description="What the answer cited.")
    models: dict[str, ModelRef] = Field(default_factory=dict)
    prompts: dict[str, str] = Field(default_factory=dict)


class Feedback(Contract):
    """One user's word on one run. `at` is the time of the last edit, `first_at` of the first version."""

    run: RatedRun
    user: str = LOCAL_USER
    rating: Rating
    correction: str = Field("", max_length=MAX_TEXT, description="The right answer, as short as it can be.")
    comment: str = Field("", max_length=MAX_TEXT)
    at: str = ""
    first_at: str = ""
    edits: int = 0


def images_of(result: RunResult) -> tuple[str, ...]:
    """Return the hashes of the images that a run was asked about, in order, each once."""
    named = [str(item.args["image"]) for item in result.plan if item.args.get("image")]
    # Pictures that a search found are not what was asked about.
    seen = [item.locator.sha256 for item in result.evidence if item.kind in {"vlm", "ocr", "chart"}]
    return tuple(dict.fromkeys(sha for sha in [*named, *seen] if sha))


def collections_of(result: RunResult) -> tuple[str, ...]:
    """Return the collections that a run searched, in order, each once."""
    named = [str(name) for item in result.plan for name in item.args.get("collections") or ()]
    return tuple(dict.fromkeys(named))


def rated_run(result: RunResult) -> RatedRun:
    """Return what a rating of this run is tied to."""
    return RatedRun(
        run_id=result.run_id,
        question=result.question,
        answer=result.answer,
        short_answer=result.short_answer,
        status=result.status,
        profile=result.profile,
        confidence=result.confidence,
        images=images_of(result),
        collections=collections_of(result),
        evidence_ids=tuple(dict.fromkeys(item.evidence_id for item in result.citations)),
        models=result.models,
        prompts=result.prompts,
    )


def feedback_of(
    run: RatedRun,
    rating: Rating,
    *,
    user: str,
    correction: str,
    comment: str,
    at: str,
    known: Feedback | None,
) -> Feedback:
    """Return a rating as every store keeps it; `known` is the user's earlier one of this run.

    Raises:
        VidenceError: `invalid_input` for a text over 4,000 characters or a correction of a good answer.
    """
    correction, comment = correction.strip(), comment.strip()
    for name, text in (("correction", correction), ("comment", comment)):
        if len(text) > MAX_TEXT:
            raise invalid_input(f"The {name} has over {MAX_TEXT:,} characters", help="Shorten it.")
    if rating == "up" and correction and correction.casefold() != run.short_answer.casefold():
        raise invalid_input(
            "A correction goes with a bad rating", help="Give --rating down, or leave it out."
        )
    now = at or datetime.now(UTC).isoformat(timespec="milliseconds")
    return Feedback(
        run=run,
        user=user,
        rating=rating,
        correction=correction,
        comment=comment,
        at=now,
        first_at=known.first_at if known else now,
        edits=known.edits + 1 if known else 0,
    )


class Ratings(ABC):
    """Feedback, wherever it is kept. Its methods wait for a disk or a server; reading makes nothing."""

    def put(
        self,
        run: RatedRun,
        rating: Rating,
        *,
        user: str = LOCAL_USER,
        correction: str = "",
        comment: str = "",
        at: str = "",
    ) -> Feedback:
        """Keep a rating; the same user's earlier one of this run is replaced.

        Args:
            run: What is rated.
            rating: `up` or `down`.
            user: Who rates.
            correction: The right answer.
            comment: Anything else.
            at: When, in ISO 8601; now by default.

        Raises:
            VidenceError: `invalid_input` for a text over 4,000 characters or a correction of a good answer.
        """
        return self._edit(
            run.run_id,
            user,
            lambda known: feedback_of(
                run, rating, user=user, correction=correction, comment=comment, at=at, known=known
            ),
        )

    @abstractmethod
    def get(self, run_id: str, user: str = LOCAL_USER) -> Feedback | None:
        """Return a user's feedback on a run, or None."""

    @abstractmethod
    def delete(self, run_id: str, user: str = LOCAL_USER) -> bool:
        """Take a user's feedback back; True when there was one."""

    @abstractmethod
    def all(self, *, since: str = "") -> Iterator[Feedback]:
        """Yield feedback last edited at or after `since` (ISO 8601), the oldest first."""

    @abstractmethod
    def _edit(self, run_id: str, user: str, edit: Edit) -> Feedback:
        """Keep what `edit` makes of the user's earlier feedback on the run, in one transaction."""


Edit = Callable[[Feedback | None], Feedback]
OpenRatings = Callable[[], AbstractContextManager[Ratings]]
"""Opens ratings where they are needed, and closes them after."""


class FeedbackStore(SqliteFile, Ratings):
    """Feedback in one SQLite file; several processes may write."""

    @classmethod
    def under(cls, root: Path) -> FeedbackStore:
        """Return the store of a data folder."""
        return cls(root / "feedback.db")

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Make the table."""
        connection.executescript(_SCHEMA)

    def get(self, run_id: str, user: str = LOCAL_USER) -> Feedback | None:
        """Return a user's feedback on a run, or None."""
        if not self.path.is_file():
            return None
        with self.open() as connection:
            return _one(connection, run_id, user)

    def delete(self, run_id: str, user: str = LOCAL_USER) -> bool:
        """Take a user's feedback back; True when there was one."""
        if not self.path.is_file():
            return False
        with self.open() as connection, connection:
            done = connection.execute("DELETE FROM feedback WHERE run_id = ? AND user = ?", (run_id, user))
            return done.rowcount > 0

    def all(self, *, since: str = "") -> Iterator[Feedback]:
        """Yield feedback last edited at or after `since` (ISO 8601), the oldest first."""
        if not self.path.is_file():
            return
        with self.open() as connection:
            rows = connection.execute(
                "SELECT body FROM feedback WHERE at >= ? ORDER BY at, run_id, user", (since,)
            ).fetchall()
        for (body,) in rows:
            yield Feedback.model_validate_json(body)

    def _edit(self, run_id: str, user: str, edit: Edit) -> Feedback:
        with self.open() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            item = edit(_one(connection, run_id, user))
            connection.execute(
                "INSERT OR REPLACE INTO feedback (run_id, user, at, body) VALUES (?, ?, ?, ?)",
                (run_id, user, item.at, item.model_dump_json()),
            )
        return item


def _one(connection: sqlite3.Connection, run_id: str, user: str) -> Feedback | None:
    row = connection.execute(
        "SELECT body FROM feedback WHERE run_id = ? AND user = ?", (run_id, user)
    ).fetchone()
    return None if row is None else Feedback.model_validate_json(row[0])
