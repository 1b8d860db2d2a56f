"""The index of answers: which run of an owner answered what. The answers themselves are the runs' results."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from server.clock import iso_now
from server.storage.sql import Connection, SqlDatabase


@dataclass(frozen=True)
class Asked:
    """A question as the cache looks for it.

    Attributes:
        owner: Whose answers count.
        scope: Hash of what else the answer depends on (`server.cache.scope`).
        question: The question, letter by letter.
        sense: What it asks (`server.cache.sense`); empty where only its text tells.
    """

    owner: str
    scope: str
    question: str
    sense: str

    @property
    def exact(self) -> str:
        """Hash of the question: a key, however long it is."""
        return _hash(self.question)

    @property
    def meant(self) -> str:
        """Hash of the sense; empty where there is none."""
        return _hash(self.sense) if self.sense else ""


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Entry:
    """An answer in the cache: the run that found it, and how often it was given again."""

    run_id: str
    question: str
    kept_at: str
    expires_at: str
    hits: int


class CacheIndex:
    """The table of answers in the server's database.

    Args:
        database: The server's; all its workers share the cache.
        most: Answers kept of one owner; the least recently used go first.
    """

    def __init__(self, database: SqlDatabase, most: int) -> None:
        self._database = database
        self._most = most

    async def candidates(self, asked: Asked) -> list[tuple[str, str]]:
        """Return `(run id, question)` of answers to questions with this text or sense, the newest first."""
        same = "exact = ? OR (sense = ? AND sense <> '')"
        statement = (
            "SELECT run_id, question FROM answers WHERE owner = ? AND scope = ? AND expires_at > ?"
            f" AND ({same}) ORDER BY kept_at DESC LIMIT 8"
        )
        values = (asked.owner, asked.scope, iso_now(), asked.exact, asked.meant)
        rows = await self._database.read(lambda to: to.execute(statement, values).fetchall())
        return [(row[0], row[1]) for row in rows]

    async def put(self, asked: Asked, run_id: str, expires_at: str) -> None:
        """Keep that a run answered a question; an older answer to the same text goes."""
        now = iso_now()

        def work(to: Connection) -> None:
            key = (asked.owner, asked.scope, asked.exact)
            to.execute("DELETE FROM answers WHERE owner = ? AND scope = ? AND exact = ?", key)
            to.execute(
                "INSERT INTO answers"
                " (owner, scope, exact, sense, question, run_id, kept_at, used_at, expires_at, hits)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
                (*key, asked.meant, asked.question, run_id, now, now, expires_at),
            )
            to.execute(
                "DELETE FROM answers WHERE owner = ? AND run_id NOT IN"
                " (SELECT run_id FROM answers WHERE owner = ? ORDER BY used_at DESC, kept_at DESC LIMIT ?)",
                (asked.owner, asked.owner, self._most),
            )

        await self._database.write(work)

    async def used(self, owner: str, run_id: str) -> bool:
        """Note that an answer was given again; False when it is no longer kept."""
        statement = "UPDATE answers SET hits = hits + 1, used_at = ? WHERE owner = ? AND run_id = ?"
        values = (iso_now(), owner, run_id)
        return bool(await self._database.write(lambda to: to.execute(statement, values).rowcount))

    async def forget(self, owner: str, *run_ids: str) -> int:
        """Forget the answers of an owner's runs, or all of the owner's; return how many there were."""

        def work(to: Connection) -> int:
            if not run_ids:
                return to.execute("DELETE FROM answers WHERE owner = ?", (owner,)).rowcount
            statement = "DELETE FROM answers WHERE owner = ? AND run_id = ?"
            return sum(to.execute(statement, (owner, run_id)).rowcount for run_id in run_ids)

        return await self._database.write(work)

    async def forget_run(self, run_id: str) -> int:
        """Forget a run's answer whoever asked: for who tends the server, not for a caller."""
        statement = "DELETE FROM answers WHERE run_id = ?"
        return await self._database.write(lambda to: to.execute(statement, (run_id,)).rowcount)

    async def entries(self, owner: str, limit: int) -> tuple[int, list[Entry]]:
        """Return how many answers of an owner are kept, and the newest of them."""
        where = "WHERE owner = ? AND expires_at > ?"
        values = (owner, iso_now())
        statement = (
            f"SELECT run_id, question, kept_at, expires_at, hits FROM answers {where}"
            " ORDER BY kept_at DESC, run_id LIMIT ?"
        )

        def work(to: Connection) -> tuple[int, list[Entry]]:
            count = to.execute(f"SELECT count(*) FROM answers {where}", values).fetchone()[0]
            rows = to.execute(statement, (*values, limit)).fetchall()
            return int(count), [Entry(*tuple(row)) for row in rows]

        return await self._database.read(work)

    async def sweep(self) -> int:
        """Drop what is too old; return how many answers that were."""
        statement = "DELETE FROM answers WHERE expires_at <= ?"
        return await self._database.write(lambda to: to.execute(statement, (iso_now(),)).rowcount)
