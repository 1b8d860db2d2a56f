"""What the system refuses, as typed errors: a full disk is no bug, whoever met it first."""

from __future__ import annotations

import errno
import sqlite3

from core.errors import VidenceError, unavailable

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR}
_SPACE = (
    "Free some space, or name another folder by VIDENCE_HOME, and run the command again; what was finished "
    "is kept."
)
_RIGHTS = "Check who may write there, or name another data folder by VIDENCE_HOME."
_BY_SQLITE = (
    ("disk is full", "The disk is full", _SPACE),
    ("disk i/o error", "The disk cannot be read or written", _SPACE),
    ("readonly", "The data folder cannot be written", _RIGHTS),
    ("unable to open", "A file of the data folder cannot be opened", _RIGHTS),
    ("locked", "Another process holds the data folder", "Wait for it to end, then run the command again."),
    ("malformed", "A file of the data folder is damaged", "Restore it from a copy, or move it away."),
    ("not a database", "A file of the data folder is damaged", "Restore it from a copy, or move it away."),
)


def system_error(error: BaseException) -> VidenceError | None:
    """Return what the system refused as a typed error, or None for a failure that is ours."""
    if isinstance(error, MemoryError):
        return unavailable("There is not enough memory", help="Close other programs, or do less at once.")
    if isinstance(error, sqlite3.DatabaseError):
        said = str(error).lower()
        found = next(((what, help) for part, what, help in _BY_SQLITE if part in said), None)
        return unavailable(f"{found[0]} ({error})", help=found[1]) if found else None
    if not isinstance(error, OSError):
        return None
    place = f": {error.filename}" if error.filename else ""
    if error.errno in _FULL:
        return unavailable(f"The disk is full{place}", help=_SPACE)
    if error.errno in _REFUSED:
        return unavailable(f"The system does not allow it{place} ({error.strerror})", help=_RIGHTS)
    return None
