"""Memory that large inputs took, given back to the system.

glibc keeps what was freed for what comes next; after one image of 100 million pixels that can be half a
gigabyte for as long as the process lives.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any


def give_back() -> None:
    """Return free memory to the system where the C library can (glibc); a few milliseconds, any thread."""
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):  # another C library
        return None
