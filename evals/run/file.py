"""The run file: a header, a line for each finished sample, a summary. What a kill leaves is used again.

A line is written in one call as soon as its sample is finished. A kill can tear the last line only; it is
cut off when the file is opened again, and that sample counts as not finished.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import ValidationError

from core.errors import VidenceError, invalid_input, not_found
from evals.run.header import FORMAT, Header, changes
from evals.run.sample import Record
from evals.run.summary import Summary

_START = b'{"type":"header"'
_NAMED = 6
"""So many changes does an error name."""


@dataclass(frozen=True)
class Run:
    """A run file as read. `records` has each finished piece of work once: the last line about it."""

    path: Path
    header: Header
    records: tuple[Record, ...]
    summary: Summary | None = None


class RunFile:
    """A run file open for writing, by this process alone. Close it at the end."""

    def __init__(self, path: Path, header: Header) -> None:
        """Make the file, or go on with one that has the same header.

        Raises:
            VidenceError: `invalid_input` when it belongs to another run (what changed is named) or is no run
                file; `unavailable` when another process has it or it cannot be written.
        """
        self.path = path
        self._lock = FileLock(path.with_name(path.name + ".lock"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise VidenceError(
                "unavailable",
                f"Another process is writing {path}",
                help="Wait for it, or give another -o FILE.",
            ) from error
        except OSError as error:
            raise _cannot_write(path, error) from error
        try:
            run = self._begin(header)
        except BaseException:
            self._lock.release()
            raise
        self.header, self.records, self.summary = run.header, run.records, run.summary

    def _begin(self, header: Header) -> Run:
        if _cut_torn_line(self.path):
            run = read_run(self.path)
            changed = changes(run.header, header)
            if changed:
                more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
                raise invalid_input(
                    f"{self.path} is of another run; changed: {'; '.join(changed[:_NAMED])}{more}",
                    help="Give another -o FILE; finished samples are only used again by the same run.",
                )
            self._file = self.path.open("ab", buffering=0)
            return run
        try:
            self._file = self.path.open("wb", buffering=0)
        except OSError as error:
            raise _cannot_write(self.path, error) from error
        self._write(header.model_dump(mode="json"))
        return Run(self.path, header, ())

    def append(self, line: Record | Summary) -> None:
        """Write a line; after a kill it is there. Raises `unavailable` when the disk is full."""
        self._write(line.model_dump(mode="json"))

    def close(self) -> None:
        """Bring everything to the disk and let others write."""
        if not self._file.closed:
            os.fsync(self._file.fileno())
            self._file.close()
        self._lock.release()

    def _write(self, body: dict[str, Any]) -> None:
        # ASCII only: a lone surrogate in a sample must not tear the file.
        data = json.dumps(body, separators=(",", ":")).encode("ascii") + b"\n"
        try:
            written = self._file.write(data)
        except OSError as error:
            raise _cannot_write(self.path, error) from error
        if written != len(data):
            raise VidenceError(
                "unavailable", f"{self.path}: the disk is full", help="Free some space and start again."
            )


def read_run(path: Path) -> Run:
    """Read a run file, however its JSON is spaced; a torn last line is left out.

    Raises:
        VidenceError: `not_found`, or `invalid_input` naming the line that is wrong.
    """
    if not path.is_file():
        raise not_found(f"There is no run file at {path}", help="Make one: vidence eval run SUITE -o FILE")
    *whole, last = path.read_bytes().split(b"\n")
    if _object(last) is not None:
        whole.append(last)  # somebody else's program wrote no line feed at the end
    if not whole or not _is_header(whole[0]):
        raise _no_run_file(path)
    header: Header | None = None
    summary: Summary | None = None
    records: dict[tuple[str, str, int], Record] = {}
    for number, line in enumerate(whole, start=1):
        try:
            body = json.loads(line)
            if number == 1:
                header = Header.model_validate(body)
            elif body["type"] == "summary":
                summary = Summary.model_validate(body)
            else:
                record = Record.model_validate(body)
                records.pop(record.key, None)
                records[record.key] = record
                summary = None
        except (ValueError, TypeError, KeyError, ValidationError) as error:
            raise invalid_input(
                f"{path}, line {number}, is not of a run file of format {FORMAT}{_where(error)}",
                help="The file was changed or comes from another version: run again into a new file.",
            ) from error
    if header is None:
        raise _no_run_file(path)
    return Run(path, header, tuple(sorted(records.values(), key=lambda record: record.key)), summary)


def read_finished(path: Path) -> Run:
    """Read the file of a run that came to its end; raises like `read_run`, and `invalid_input` for others."""
    run = read_run(path)
    if run.summary is None or not run.summary.complete:
        raise invalid_input(f"{path} is not finished", help="The command that began it goes on.")
    return run


def _cut_torn_line(path: Path) -> bool:
    """Cut off what follows the last whole line; return whether a whole line is left."""
    if not path.exists():
        return False
    if not path.is_file():
        raise _no_run_file(path)
    with path.open("rb+") as file:
        data = file.read()
        whole = data.rfind(b"\n") + 1
        torn = data.startswith(_START) or _START.startswith(data)
        if not (_is_header(data.split(b"\n", 1)[0]) if whole else torn):
            raise _no_run_file(path)
        if whole != len(data):
            file.truncate(whole)
    return whole > 0


def _object(line: bytes) -> dict[str, Any] | None:
    """Return a whole line's JSON object, or None for anything else."""
    try:
        body = json.loads(line)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _is_header(line: bytes) -> bool:
    return (_object(line) or {}).get("type") == "header"


def _where(error: Exception) -> str:
    """Return which field of a line is wrong, if that is known."""
    if not isinstance(error, ValidationError):
        return ""
    first = error.errors()[0]
    return f" ({'.'.join(map(str, first['loc']))}: {first['msg']})"


def _no_run_file(path: Path) -> VidenceError:
    return invalid_input(f"{path} is not a run file", help="Make one: vidence eval run SUITE -o FILE")


def _cannot_write(path: Path, error: OSError) -> VidenceError:
    return VidenceError(
        "unavailable",
        f"{path} cannot be written: {error.strerror or error}",
        help="Free some space or give another -o FILE; finished samples are kept.",
    )
