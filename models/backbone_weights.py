"""Reading a published PyTorch checkpoint into numpy without torch, and without running what it pickles.

The file format is the one torch wrote before version 1.6: four pickles (a magic number, the protocol, facts
of the machine, the tensors by name), the list of storage keys, then each storage as its length and its bytes.
Only the four names that such a file needs can be unpickled.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from core.errors import VidenceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAGIC = 0x1950A86A20F9469CFC6C
_STORAGES = {"FloatStorage": "<f4", "LongStorage": "<i8"}
_LONGEST = 64_000_000
"""Elements a storage may claim; a damaged file must not ask for all of the memory."""


@dataclass(frozen=True)
class _Lazy:
    """A tensor whose storage has not been read yet; strides are in elements."""

    key: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Restricted(pickle.Unpickler):
    """Knows ordered dictionaries and tensors; anything else in the file is refused."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.types: dict[str, str] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _STORAGES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")

    def persistent_load(self, pid: Any) -> str:
        _, storage, key, *_ = pid
        self.types[str(key)] = _STORAGES[storage]
        return str(key)


def _tensor(key: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> _Lazy:
    return _Lazy(key, offset, tuple(shape), tuple(strides))


def read_checkpoint(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return the tensors of a checkpoint by name, contiguous.

    Raises:
        VidenceError: `internal` when the file is damaged or holds anything but tensors.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except (pickle.UnpicklingError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise VidenceError(
            "internal", f"The weights in {path.name} cannot be read: {error}", help="Run `make setup` again."
        ) from error


def _read(file: BinaryIO) -> dict[str, NDArray[np.float32]]:
    import numpy as np

    load: Callable[[], Any] = lambda: _Restricted(file).load()  # noqa: E731 - each part is a pickle of its own
    if load() != _MAGIC:
        raise ValueError("not a checkpoint of this format")
    load(), load()
    reader = _Restricted(file)
    tensors: dict[str, _Lazy] = reader.load()
    storages: dict[str, NDArray[Any]] = {}
    for key in load():
        (length,) = np.frombuffer(file.read(8), dtype="<i8")
        if not 0 <= length <= _LONGEST:
            raise ValueError(f"a storage of {length} elements")
        kind = np.dtype(reader.types[str(key)])
        storages[str(key)] = np.frombuffer(file.read(int(length) * kind.itemsize), dtype=kind)
        if len(storages[str(key)]) != length:
            raise EOFError("the file ends early")
    return {name: _array(lazy, storages[lazy.key]) for name, lazy in tensors.items()}


def _array(lazy: _Lazy, storage: NDArray[Any]) -> NDArray[np.float32]:
    import numpy as np

    last = lazy.offset + sum((size - 1) * step for size, step in zip(lazy.shape, lazy.strides, strict=True))
    if lazy.offset < 0 or min(lazy.strides, default=0) < 0 or last >= len(storage):
        raise ValueError("a tensor reaches beyond its storage")
    # Weights that came from TensorFlow are stored channels last: the strides say so.
    view = np.lib.stride_tricks.as_strided(
        storage[lazy.offset :], lazy.shape, [step * storage.itemsize for step in lazy.strides]
    )
    return np.ascontiguousarray(view, dtype=np.float32)
