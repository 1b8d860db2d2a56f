"""Evidence and the journal of tool calls in the server's database, where every worker finds them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from core.contracts import Evidence, ToolResult
from server.clock import iso_now
from server.storage.sql import Connection, SqlDatabase, marks

RECENT = 2_000
"""Pieces of evidence kept in memory: nodes read them back several times, and they never change."""


class SqlRunStore:
    """Keeps the promises of `core.run_store.RunStore`.

    Args:
        database: Opened and closed by its owner.
    """

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database
        self._recent: OrderedDict[tuple[str, str], Evidence] = OrderedDict()

    def begin(self, run_id: str) -> None:
        """Do nothing: a look into the journal is one read."""

    async def put_evidence(self, run_id: str, items: Iterable[Evidence]) -> None:
        """Keep evidence under its run."""
        kept = list(items)
        await self._database.write(lambda to: _put_evidence(to, run_id, kept))
        self._remember(run_id, kept)

    async def get_evidence(self, run_id: str, ids: Sequence[str]) -> list[Evidence]:
        """Return known evidence in the order of `ids`."""
        known = {id_: self._recent[run_id, id_] for id_ in ids if (run_id, id_) in self._recent}
        lacking = [id_ for id_ in dict.fromkeys(ids) if id_ not in known]
        if lacking:
            statement = f"SELECT id, body FROM evidence WHERE run_id = ? AND id IN ({marks(len(lacking))})"
            rows = await self._database.read(lambda to: to.execute(statement, (run_id, *lacking)).fetchall())
            known |= {row["id"]: Evidence.model_validate_json(row["body"]) for row in rows}
            self._remember(run_id, [known[id_] for id_ in lacking if id_ in known])
        return [known[id_] for id_ in ids if id_ in known]

    async def journal_get(self, run_id: str, key: str) -> ToolResult | None:
        """Return a journalled result or None."""
        statement = "SELECT body FROM journal WHERE run_id = ? AND key = ?"
        row = await self._database.read(lambda to: to.execute(statement, (run_id, key)).fetchone())
        return None if row is None else ToolResult.model_validate_json(row["body"])

    async def journal_put(self, run_id: str, key: str, tool: str, result: ToolResult) -> None:
        """Write a result and its evidence in one transaction."""
        values = (run_id, key, tool, result.model_dump_json(), iso_now())
        statement = "INSERT INTO journal VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"

        def work(to: Connection) -> None:
            _put_evidence(to, run_id, result.evidence)
            to.execute(statement, values)

        await self._database.write(work)
        self._remember(run_id, result.evidence)

    async def put_result(self, run_id: str, thread_id: str, body: str) -> None:
        """Do nothing: the ledger keeps it with the run's end, and the last checkpoint holds it too."""

    def forget(self, run_id: str) -> None:
        """Drop what is in memory; the rows go with the thread, in its transaction (`server.runs.threads`)."""
        for key in [key for key in list(self._recent) if key[0] == run_id]:
            self._recent.pop(key, None)

    def _remember(self, run_id: str, items: Iterable[Evidence]) -> None:
        for item in items:
            self._recent[run_id, item.id] = item
        while len(self._recent) > RECENT:
            self._recent.popitem(last=False)


def _put_evidence(to: Connection, run_id: str, items: Iterable[Evidence]) -> None:
    rows = [(run_id, item.id, item.model_dump_json()) for item in items]
    if rows:
        to.executemany("INSERT INTO evidence VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows)
