"""Reading pickles that hold plain data and nothing else.

A pickle can name any function to be called while it is read. PathVQA and others publish lists of
dictionaries as pickles, which need no function at all: this unpickler refuses every name, so that nothing
can be called (Python's documentation, "Restricting Globals").
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

from core.errors import VidenceError

_PLAIN = {("builtins", name) for name in ("set", "frozenset", "complex", "bytearray")}


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _PLAIN:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to objects outside itself")


def load_plain(path: Path) -> Any:
    """Return what a pickle of plain values holds.

    Raises:
        VidenceError: `blocked` when the pickle names a class or function, `invalid_input` when broken.
    """
    try:
        return _Plain(io.BytesIO(path.read_bytes()), encoding="utf-8").load()
    except pickle.UnpicklingError as error:
        if "it names" in str(error) or "it refers" in str(error):
            raise VidenceError(
                "blocked",
                f"{path.name} is not read: {error}, and a pickle that names code can run it",
                help="Convert it to JSON or parquet where you trust it, and give that file.",
            ) from error
        raise _broken(path, error) from error
    except (
        EOFError,
        ValueError,
        IndexError,
        KeyError,
        TypeError,
        AttributeError,
        MemoryError,
        OSError,
    ) as error:
        raise _broken(path, error) from error


def _broken(path: Path, error: Exception) -> VidenceError:
    return VidenceError(
        "invalid_input", f"{path.name} is not a whole pickle: {error}", help="Download it again."
    )
