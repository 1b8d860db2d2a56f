"""A circuit breaker that the processes of a machine share: what keeps failing is left alone for a while.

Closed, calls pass. After `failures` failed calls in a row it opens and every call is refused at once. When
the cool-down is over one call is let through as a probe (half open): its success closes the circuit, its
failure opens it for twice as long. (M. Nygard, Release It!, 2nd ed., ch. 5.)
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS circuits (
    name TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    opened INTEGER NOT NULL,
    until REAL NOT NULL,
    probing INTEGER NOT NULL
)
"""
_PROBE_S = 60.0
"""A probe that nothing was heard of, because its process died, makes room for another after this time."""


@dataclass(frozen=True)
class _State:
    failures: int = 0
    opened: int = 0
    """How often in a row the circuit has opened; 0 while it is closed."""
    until: float = 0.0
    """End of the cool-down, or of the time that a probe is given."""
    probing: bool = False


class CircuitBreaker:
    """The circuit of one service.

    Args:
        path: A SQLite file that all processes of the machine share.
        name: The service, for example its address.
        failures: Failed calls in a row that open the circuit.
        cool_s: Seconds until the first probe; doubled after each failed one.
        longest_s: The longest cool-down.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        *,
        failures: int = 5,
        cool_s: float = 5.0,
        longest_s: float = 300.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._name = name
        self._failures = failures
        self._cool_s = cool_s
        self._longest_s = longest_s
        self._clock = clock

    def ask(self) -> float:
        """Return 0 when a call may be made now, otherwise the seconds until the next probe.

        A caller that gets 0 has to report with `succeeded` or `failed`.
        """
        with self._state() as (connection, state):
            now = self._clock()
            if not state.opened:
                return 0.0
            # A clock that was set back must not keep the circuit open for ever.
            if now < state.until <= now + self._longest_s + _PROBE_S:
                return state.until - now
            self._put(connection, _State(state.failures, state.opened, now + _PROBE_S, probing=True))
            return 0.0

    def succeeded(self) -> None:
        """Close the circuit."""
        with self._state() as (connection, state):
            if state != _State():
                self._put(connection, _State())

    def failed(self) -> None:
        """Count a failed call; open the circuit after too many in a row, or when it was the probe."""
        with self._state() as (connection, state):
            if state.opened and not state.probing:
                return  # it was under way when the circuit opened
            failures = state.failures + 1
            if not state.opened and failures < self._failures:
                self._put(connection, _State(failures))
                return
            cool_s = min(self._cool_s * 2.0**state.opened, self._longest_s)
            self._put(connection, _State(failures, state.opened + 1, self._clock() + cool_s))

    @contextmanager
    def _state(self) -> Iterator[tuple[sqlite3.Connection, _State]]:
        """Yield the state inside a transaction that keeps other processes out."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=10, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(_SCHEMA)
            row = connection.execute(
                "SELECT failures, opened, until, probing FROM circuits WHERE name = ?", (self._name,)
            ).fetchone()
            yield connection, _State(row[0], row[1], row[2], probing=bool(row[3])) if row else _State()
            connection.execute("COMMIT")

    def _put(self, connection: sqlite3.Connection, state: _State) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO circuits (name, failures, opened, until, probing) VALUES (?, ?, ?, ?, ?)",
            (self._name, state.failures, state.opened, state.until, int(state.probing)),
        )
