"""One file that threads share, and lists that are longer than SQLite binds at once."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.sqlite_file import BOUND_AT_ONCE, SqliteFile, select_in


class Counts(SqliteFile):
    """Numbers with their parity."""

    prepared = 0

    def prepare(self, connection: sqlite3.Connection) -> None:
        self.prepared += 1
        connection.execute("CREATE TABLE IF NOT EXISTS counts (n INTEGER PRIMARY KEY, odd INTEGER)")


@pytest.fixture
def counts(tmp_path: Path) -> Counts:
    file = Counts(tmp_path / "new" / "counts.db")
    with file.open() as connection, connection:
        connection.executemany("INSERT INTO counts VALUES (?, ?)", [(n, n % 2) for n in range(3000)])
    return file


@pytest.mark.parametrize(
    "many", [0, 1, BOUND_AT_ONCE - 1, BOUND_AT_ONCE, BOUND_AT_ONCE + 1, 2 * BOUND_AT_ONCE]
)
def test_a_list_of_any_length_is_found(counts: Counts, many: int) -> None:
    with counts.open() as connection:
        rows = select_in(connection, "SELECT n, odd FROM counts WHERE n IN", list(range(many)))
    assert sorted(rows) == [(n, n % 2) for n in range(many)]


def test_more_values_than_sqlite_binds_are_found_with_the_values_before_the_list(counts: Counts) -> None:
    with counts.open() as connection:
        connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, BOUND_AT_ONCE + 1)
        rows = select_in(connection, "SELECT n FROM counts WHERE odd = ? AND n IN", range(5000), 1)
    assert sorted(row[0] for row in rows) == list(range(1, 3000, 2))


def test_values_are_bound_not_written_into_the_statement(counts: Counts) -> None:
    with counts.open() as connection:
        assert select_in(connection, "SELECT n FROM counts WHERE n IN", ["1); DROP TABLE counts --"]) == []
        assert len(select_in(connection, "SELECT n FROM counts WHERE n IN", [1])) == 1


def test_a_closed_file_opens_again_and_threads_share_one_connection(counts: Counts) -> None:
    counts.close()

    def read(n: int) -> int:
        with counts.open() as connection:
            return int(connection.execute("SELECT odd FROM counts WHERE n = ?", (n,)).fetchone()[0])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(read, range(100))) == [n % 2 for n in range(100)]
    assert counts.prepared == 2
    counts.close()
