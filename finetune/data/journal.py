"""What a conversion has done so far, line by line, so that an interrupted one goes on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from core.errors import VidenceError

_FLUSH_EVERY = 200


class Journal:
    """A file of JSON lines beside the data set; the first line says what work it belongs to.

    Args:
        path: The file.
        work: What is being done, as plain values; a file of other work is begun anew.
    """

    def __init__(self, path: Path, work: dict[str, Any]) -> None:
        self.path = path
        self._work = json.loads(json.dumps(work))
        self._waiting: list[str] = []
        self.done = self._load()

    def _load(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        lines = list(_whole_lines(self.path))
        if not lines or lines[0] != self._work:
            return []
        return lines[1:]

    def __enter__(self) -> Journal:
        """Begin to write."""
        # What a kill cut off in the middle of a line goes; the whole lines stay.
        self._write("w", [self._work, *self.done])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what waits."""
        try:
            self.flush()
        except VidenceError:
            # The failure that is under way says more than a second one about the same disk.
            if error is None:
                raise

    def add(self, entry: dict[str, Any]) -> None:
        """Note one thing done; it is on disk after `flush`, which runs by itself now and then."""
        self._waiting.append(json.dumps(entry, ensure_ascii=False))
        if len(self._waiting) >= _FLUSH_EVERY:
            self.flush()

    def flush(self) -> None:
        """Write what waits; raises `unavailable` on a full disk, with what was finished kept."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._append(waiting)

    def remove(self) -> None:
        """Forget the work: it is finished."""
        self.path.unlink(missing_ok=True)

    def _write(self, mode: str, entries: list[dict[str, Any]]) -> None:
        self._append([json.dumps(entry, ensure_ascii=False) for entry in entries], mode)

    def _append(self, lines: list[str], mode: str = "a") -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open(mode, encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise VidenceError(
                "unavailable",
                f"{self.path} cannot be written: {error.strerror}",
                help="Free some space and run the command again: it goes on where it was.",
                retryable=True,
            ) from error


def _whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for raw in file:
            if not raw.endswith(b"\n"):
                return
            try:
                body = json.loads(raw)
            except ValueError:
                return
            if not isinstance(body, dict):
                return
            yield body
