"""What the server's stores ask of a database: statements that SQLite and PostgreSQL both understand.

Marks are `?` or `:name`. Rows are read by place or by column. Instead of what only SQLite knows (`INSERT OR
IGNORE`, `json_each`, `rowid`) write what both know (`ON CONFLICT`, a list of marks, a column to order by).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

from core.errors import VidenceError

T = TypeVar("T")


class StoreAway(VidenceError):  # noqa: N818 - it is what happened, not a fault
    """The database cannot be reached; what was asked of it was not done, or nobody knows."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__("unavailable", message, help=help, retryable=True)


class Cursor(Protocol):
    """What a statement brought."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""
        ...

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows."""
        ...


class Connection(Protocol):
    """Runs statements within the transaction of whoever handed it out."""

    def execute(self, statement: str, values: Any = ..., /) -> Cursor:
        """Run a statement."""
        ...

    def executemany(self, statement: str, values: Iterable[Any], /) -> Cursor:
        """Run a statement for every item."""
        ...


Work = Callable[[Connection], T]


class SqlDatabase(Protocol):
    """A database with one writer at a time: what `write` runs sees all that anybody wrote before."""

    async def open(self) -> None:
        """Make or migrate the tables; raises `unavailable` when that cannot be done."""
        ...

    async def close(self) -> None:
        """Write what waits, then close."""
        ...

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction that is on disk when this returns; an exception undoes it alone."""
        ...

    async def read(self, work: Work[T]) -> T:
        """Run `work`, which only reads; it sees all that was committed."""
        ...

    @property
    def waiting(self) -> int:
        """How many pieces of work wait for the writer."""
        ...

    def check(self) -> None:
        """Raise `StoreAway` when nothing was heard of the database for a while."""
        ...

    def now(self) -> float:
        """Return seconds since 1970 by the clock that all workers of this database share."""
        ...


def marks(count: int) -> str:
    """Return a list of so many marks, at least one, for `IN`."""
    return ", ".join("?" * max(1, count))
