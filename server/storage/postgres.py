"""PostgreSQL for the server's stores: the statements of SQLite, one writer at a time among all workers.

Every transaction that writes first takes one advisory lock. That makes PostgreSQL keep the promise that the
stores are written for (what a transaction looked at stays so until it commits), at a price that stays small
because each worker commits what waits together; events, which are most of what a run writes, go to Redis.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from core.errors import unavailable
from server.clock import unix_now
from server.storage.grouped import GroupedDatabase, Outcome, run_pieces
from server.storage.schema import for_postgres
from server.storage.sql import Connection, Cursor, StoreAway, Work

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

SCHEMA = "vidence"
"""The schema of our tables and LangGraph's: their names are common words."""
LOCK = 0x76_69_64_65
"""The advisory lock of whoever writes."""
PATIENCE_S = 10.0
"""How long statements wait for a server that is away, before what asked for them fails."""
SILENCE_S = 3.0
"""After so long without an answer to anything the server is taken to be away."""
CONNECT_S = 5
SESSION = (
    f"SET search_path TO {SCHEMA}",
    # A worker that fell asleep within a transaction holds the lock: the server ends it.
    "SET idle_in_transaction_session_timeout = '5s'",
    "SET lock_timeout = '20s'",
)
_MARKS = re.compile(r"'[^']*'|\?|:(\w+)")


class PostgresDatabase(GroupedDatabase):
    """A database, opened by `open`; any number of workers may have it open.

    Args:
        url: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`, or what else libpq takes.
        migrations: The scripts of SQLite, in order; translated, and run once.
    """

    def __init__(self, url: str, migrations: Sequence[str]) -> None:
        super().__init__()
        self._url = url
        self._migrations = migrations
        self._local = threading.local()
        self._held: list[psycopg.Connection[Any]] = []
        self._ahead_s = 0.0
        # Since when something was asked and nothing was answered.
        self._unheard_since: float | None = None

    def now(self) -> float:
        """Return seconds since 1970 by the server's clock, as it was at the last commit."""
        return unix_now() + self._ahead_s

    def check(self) -> None:
        """Raise `StoreAway` when the server was asked and has not answered for `SILENCE_S`."""
        since = self._unheard_since
        if since is not None and time.monotonic() - since > SILENCE_S:
            raise away(TimeoutError("it does not answer"))

    async def write(self, work: Work[T]) -> T:
        """Do what is promised, within `PATIENCE_S`; raises `StoreAway`."""
        piece: _Piece[T] = _Piece(work)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await super().write(piece)
        except TimeoutError as error:
            raise piece.given_up(error) from error

    async def read(self, work: Work[T]) -> T:
        """Do what is promised, within `PATIENCE_S`; raises `StoreAway`."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await super().read(work)
        except TimeoutError as error:
            raise away(error) from error

    async def aside(self, work: Work[T]) -> T:
        """Do what is promised without the lock of whoever writes: a statement is a transaction of its own."""
        return await self.read(work)

    def write_here(self, work: Work[T], within_s: float | None = PATIENCE_S) -> T:
        """Do what is promised; raises `StoreAway`."""
        piece: _Piece[T] = _Piece(work)
        try:
            return super().write_here(piece, within_s)
        except TimeoutError as error:
            raise piece.given_up(error) from error

    def read_here(self, work: Work[T], within_s: float | None = PATIENCE_S) -> T:
        """Do what is promised; raises `StoreAway`."""
        try:
            return super().read_here(work, within_s)
        except TimeoutError as error:
            raise away(error) from error

    def _prepare(self) -> None:
        import psycopg

        try:
            connection = connect(self._url)
        except psycopg.OperationalError as error:
            raise away(error) from error
        try:
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
                connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
                connection.execute("CREATE TABLE IF NOT EXISTS migrations (seen INTEGER PRIMARY KEY)")
                known = connection.execute("SELECT coalesce(max(seen), 0) FROM migrations").fetchone()
                for number, script in list(enumerate(self._migrations, start=1))[known[0] if known else 0 :]:
                    connection.execute(for_postgres(script))
                    connection.execute("INSERT INTO migrations VALUES (%s)", (number,))
        except psycopg.Error as error:
            raise unavailable(
                f"The tables cannot be made in PostgreSQL: {_first_line(error)}",
                help=f"Let the user of VIDENCE_SERVER_DATABASE_URL create the schema `{SCHEMA}`.",
                retryable=False,
            ) from error
        finally:
            connection.close()

    def _commit(self, work: Sequence[Work[Any]]) -> list[Outcome]:
        """Run a batch; again as a whole when the server went away before the commit."""
        return self._patiently(lambda connection: self._transaction(connection, work))

    def _transaction(self, connection: psycopg.Connection[Any], work: Sequence[Work[Any]]) -> list[Outcome]:
        import psycopg

        connection.execute("BEGIN")
        clock = "SELECT extract(epoch FROM clock_timestamp())::float8 FROM pg_advisory_xact_lock(%s)"
        found = connection.execute(clock, (LOCK,)).fetchone()
        assert found is not None
        self._ahead_s = found[0] - unix_now()
        outcomes = run_pieces(Translating(connection), work)
        try:
            connection.execute("COMMIT")
        except psycopg.Error as error:
            # It may have been kept or not, so that it must not be done again.
            raise away(error) from error
        return outcomes

    def _read(self, work: Work[T]) -> T:
        return self._patiently(lambda connection: work(Translating(connection)))

    def _patiently(self, use: Callable[[psycopg.Connection[Any]], T]) -> T:
        """Use this thread's connection, made anew when it broke, for as long as patience lasts."""
        import psycopg

        deadline = time.monotonic() + PATIENCE_S
        if self._unheard_since is None:
            self._unheard_since = time.monotonic()
        while True:
            try:
                found = use(self._connection())
            except psycopg.Error as error:
                # Of a session that it ended (one that slept) the server tells by an error of its own.
                broken = isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
                broken = self._drop() or broken
                if not broken:
                    raise
                if time.monotonic() > deadline:
                    raise away(error) from error
                time.sleep(0.2)
            except BaseException:
                self._drop()  # whatever it was, no transaction stays open
                raise
            else:
                self._unheard_since = None
                return found

    def _connection(self) -> psycopg.Connection[Any]:
        found: psycopg.Connection[Any] | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = connect(self._url)
            self._held.append(found)
        return found

    def _drop(self) -> bool:
        """Let go of this thread's connection; return whether it was broken."""
        found: psycopg.Connection[Any] | None = getattr(self._local, "connection", None)
        if found is None:
            return False
        broken = found.broken
        self._local.connection = None
        self._held.remove(found)
        found.close()
        return broken

    def _close(self) -> None:
        while self._held:
            self._held.pop().close()


def connect(url: str) -> psycopg.Connection[Any]:
    """Open a connection whose rows are read by place or by column."""
    import psycopg

    connection: psycopg.Connection[Any] = psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=CONNECT_S,
        tcp_user_timeout=10_000,
        application_name="vidence",
        row_factory=_rows,
        # Values are bound here: a statement costs one round trip, and marks need no types.
        cursor_factory=psycopg.ClientCursor,
    )
    for statement in SESSION:
        connection.execute(statement)
    return connection


class _Piece(Generic[T]):
    """A piece of work whose caller may give up before it is begun: then it is not done."""

    def __init__(self, work: Work[T]) -> None:
        self._work = work
        self._unwanted = False

    def __call__(self, to: Connection) -> T:
        """Do the work; the lock of whoever writes is held."""
        if self._unwanted:
            raise away(TimeoutError("nobody waits any more"))
        return self._work(to)

    def given_up(self, error: TimeoutError) -> StoreAway:
        """Note that nobody waits any more; return what the caller is told."""
        self._unwanted = True
        return away(error)


class Translating:
    """A connection that takes SQLite's marks and values."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Any = (), /) -> Cursor:
        """Run a statement."""
        return self._connection.execute(translated(statement), _values(values))

    def executemany(self, statement: str, values: Iterable[Any], /) -> Cursor:
        """Run a statement for every item."""
        cursor = self._connection.cursor()
        cursor.executemany(translated(statement), [_values(item) for item in values])
        return cursor


class Row(tuple[Any, ...]):
    """A row that is also read by column."""

    places: ClassVar[Mapping[str, int]] = {}

    def __getitem__(self, key: Any) -> Any:
        """Return a value by its place or its column."""
        return super().__getitem__(self.places[key] if isinstance(key, str) else key)

    def keys(self) -> Iterator[str]:
        """Return the columns."""
        return iter(self.places)


def away(error: Exception) -> StoreAway:
    """Return the error of a server that cannot be reached; it names no address, which may hold a password."""
    return StoreAway(
        f"PostgreSQL cannot be reached: {_first_line(error)}",
        help="Start it, or change VIDENCE_SERVER_DATABASE_URL; empty keeps everything in the data folder.",
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


@lru_cache(maxsize=512)
def translated(statement: str) -> bytes:
    """Return a statement with psycopg's marks."""

    def mark(found: re.Match[str]) -> str:
        if found[0].startswith("'"):
            return found[0]
        return f"%({found[1]})s" if found[1] else "%s"

    return _MARKS.sub(mark, statement.replace("%", "%%")).encode()


def _values(values: Any) -> Any:
    if isinstance(values, Mapping):
        return {name: _value(value) for name, value in values.items()}
    return tuple(_value(value) for value in values)


def _value(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)  # SQLite has no truth values, and the columns are numbers
    return text_of(value)


def text_of(value: Any) -> Any:
    """Return a value as PostgreSQL can keep it: its text has no zero character."""
    return value.replace("\x00", "\ufffd") if isinstance(value, str) else value


def _rows(cursor: Any) -> Callable[[Sequence[Any]], Row]:
    return _row_type(tuple(column.name for column in cursor.description or ()))


@lru_cache(maxsize=256)
def _row_type(names: tuple[str, ...]) -> type[Row]:
    return type("Row", (Row,), {"places": {name: place for place, name in enumerate(names)}})
