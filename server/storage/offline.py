"""What was answered and rated, for commands: in the data folder, or in PostgreSQL where the settings say so.

A server may run meanwhile. Nothing is made or written by reading.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from core.contracts import RunResult
from core.feedback_store import FeedbackStore, Ratings
from core.images import ImageStore
from core.run_store import SqliteRunStore
from core.settings import Settings
from server.storage.sql import Work

if TYPE_CHECKING:
    from server.storage.grouped import GroupedDatabase
    from server.storage.image_files import ImageFiles

T = TypeVar("T")
PAGE = 500


class Results(Protocol):
    """Where results of runs lie."""

    def result(self, run_id: str) -> str | None:
        """Return a finished result as JSON, or None."""
        ...

    def finished(self, *, after: int = ...) -> list[tuple[int, str, str]]:
        """Return results as `(place, run id, JSON)`, the oldest first; `after` is the last place read."""
        ...


class Reads(Protocol):
    """Runs a piece of work that only reads the server's database."""

    def __call__(self, work: Work[T], /) -> T:
        """Return what the work found."""
        ...


class ServerResults:
    """The results of a server's runs, also of those that the answer cache answered."""

    def __init__(self, read: Reads) -> None:
        self._read = read

    def result(self, run_id: str) -> str | None:
        """Return a finished result as JSON, or None."""
        statement = "SELECT body FROM results WHERE run_id = ?"
        row = self._read(lambda to: to.execute(statement, (run_id,)).fetchone())
        return None if row is None else str(row[0])

    def finished(self, *, after: int = 0) -> list[tuple[int, str, str]]:
        """Return results as `(place, run id, JSON)`, the oldest first; `after` is the last place read."""
        statement = (
            "SELECT runs.place, runs.run_id, results.body FROM runs JOIN results"
            " ON results.run_id = runs.run_id WHERE runs.place > ? ORDER BY runs.place LIMIT ?"
        )
        rows = self._read(lambda to: to.execute(statement, (after, PAGE)).fetchall())
        return [(row[0], row[1], row[2]) for row in rows]


class FinishedRuns:
    """Finished runs of several places, each once.

    Args:
        places: Where to look, in this order.
    """

    def __init__(self, places: Sequence[Results]) -> None:
        self._places = places

    def result(self, run_id: str) -> RunResult | None:
        """Return a finished run, or None."""
        for place in self._places:
            if (body := place.result(run_id)) is not None:
                return RunResult.model_validate_json(body)
        return None

    def all(self) -> Iterator[RunResult]:
        """Yield the finished runs, the oldest of each place first."""
        seen: set[str] = set()
        for place in self._places:
            after = 0
            while found := place.finished(after=after):
                after = found[-1][0]
                for _, run_id, body in found:
                    if run_id not in seen:
                        seen.add(run_id)
                        yield RunResult.model_validate_json(body)


@dataclass(frozen=True)
class Past:
    """What was answered, and what people said about it; `files` are the images that workers share, if any."""

    ratings: Ratings
    runs: FinishedRuns
    files: ImageFiles | None = None

    def bring_images(self, hashes: Iterable[str]) -> None:
        """Write images that the data folder lacks into it, where PostgreSQL has them."""
        if self.files is not None:
            asyncio.run(self.files.bring(list(hashes)))  # read before the loop, which nothing may block


@contextmanager
def open_past(settings: Settings) -> Iterator[Past]:
    """Open what the settings name: PostgreSQL, else the files of the data folder.

    Runs of `vidence ask` lie in the data folder in either case, and those that a server answered from its
    cache in the server's database alone: both places are looked through.

    Raises:
        VidenceError: `unavailable` where PostgreSQL or its client is not there, `invalid_input` for another
            address.
    """
    with ExitStack() as stack:
        places: list[Results] = []
        if (own := settings.root / "runs.db").is_file():
            places.append(stack.enter_context(closing(SqliteRunStore(own))))
        if settings.server_database_url:
            from server.storage.feedback import SharedFeedback
            from server.storage.image_files import ImageFiles

            database = stack.enter_context(_opened(settings))
            places.append(ServerResults(database.read_here))
            files = ImageFiles(ImageStore.of(settings), database)
            yield Past(SharedFeedback(database), FinishedRuns(places), files)
        else:
            places += stack.enter_context(_server_file(settings.root / "server.db"))
            ratings = stack.enter_context(closing(FeedbackStore.under(settings.root)))
            yield Past(ratings, FinishedRuns(places))


@contextmanager
def open_ratings(settings: Settings, *, images: bool = False) -> Iterator[Ratings]:
    """Open the ratings alone, with `images` once the images that they are about are in the data folder.

    Raises:
        VidenceError: What `open_past` raises.
    """
    with open_past(settings) as past:
        if images:
            past.bring_images(sha256 for item in past.ratings.all() for sha256 in item.run.images)
        yield past.ratings


@contextmanager
def _opened(settings: Settings) -> Iterator[GroupedDatabase]:
    from server.storage.stores import open_database  # not for every command: it brings all of the server's

    database = open_database(settings)
    asyncio.run(database.open())
    try:
        yield database
    finally:
        asyncio.run(database.close())


@contextmanager
def _server_file(path: Path) -> Iterator[list[ServerResults]]:
    """Yield the results of the data folder's server, if there was one."""
    if not path.is_file():
        yield []
        return
    # Not read-only: such a connection would leave the files of the write-ahead log behind.
    with closing(
        sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=30.0)
    ) as connection:
        connection.execute("PRAGMA query_only=ON")

        def read(work: Work[T], /) -> T:
            return work(connection)

        made = connection.execute("PRAGMA user_version").fetchone()[0]
        yield [ServerResults(read)] if made else []
