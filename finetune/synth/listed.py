"""A maker of things that are listed beforehand: one item of the list, one item of the data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from finetune.synth.made import Made

Thing = TypeVar("Thing")


class ListMaker(Generic[Thing]):
    """Makes the item of a number from the thing at that place of a list."""

    def __init__(self, things: Sequence[Thing], make: Callable[[Thing], Made | None]) -> None:
        self._things, self._make = things, make

    def make(self, index: int) -> Made | None:
        """Make the item of a number."""
        return self._make(self._things[index])

    def close(self) -> None:
        """Nothing is open."""
