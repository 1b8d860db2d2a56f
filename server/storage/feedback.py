"""Ratings in the server's database: what `core.feedback_store` keeps in a file, for more than one worker."""

from __future__ import annotations

from collections.abc import Iterator

from core.feedback_store import LOCAL_USER, Edit, Feedback, Ratings
from server.storage.grouped import GroupedDatabase
from server.storage.sql import Connection


class SharedFeedback(Ratings):
    """Its methods wait: call them in a thread.

    Args:
        database: Opened and closed by its owner.
    """

    def __init__(self, database: GroupedDatabase) -> None:
        self._database = database

    def get(self, run_id: str, user: str = LOCAL_USER) -> Feedback | None:
        """Return a user's feedback on a run, or None."""
        return self._database.read_here(lambda to: _one(to, run_id, user))

    def delete(self, run_id: str, user: str = LOCAL_USER) -> bool:
        """Take a user's feedback back; True when there was one."""
        statement = "DELETE FROM feedback WHERE run_id = ? AND owner = ?"
        return self._database.write_here(lambda to: to.execute(statement, (run_id, user)).rowcount) > 0

    def all(self, *, since: str = "") -> Iterator[Feedback]:
        """Yield feedback last edited at or after `since` (ISO 8601), the oldest first."""
        statement = "SELECT body FROM feedback WHERE at >= ? ORDER BY at, run_id, owner"
        for row in self._database.read_here(lambda to: to.execute(statement, (since,)).fetchall()):
            yield Feedback.model_validate_json(row["body"])

    def _edit(self, run_id: str, user: str, edit: Edit) -> Feedback:
        def work(to: Connection) -> Feedback:
            item = edit(_one(to, run_id, user))
            to.execute(
                "INSERT INTO feedback VALUES (?, ?, ?, ?)"
                " ON CONFLICT (run_id, owner) DO UPDATE SET at = excluded.at, body = excluded.body",
                (run_id, user, item.at, item.model_dump_json()),
            )
            return item

        return self._database.write_here(work)


def _one(to: Connection, run_id: str, user: str) -> Feedback | None:
    row = to.execute("SELECT body FROM feedback WHERE run_id = ? AND owner = ?", (run_id, user)).fetchone()
    return None if row is None else Feedback.model_validate_json(row["body"])
