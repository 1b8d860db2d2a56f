"""The words of an answer while a model writes it, taken out of the JSON that it writes them in."""

from __future__ import annotations

from collections.abc import Callable

from pydantic_core import from_json

Say = Callable[[str], None]
"""Passes on words that nobody has checked yet."""
Withholds = Callable[[str], bool]
"""Whether a text holds what is never told."""
LOOK_BACK = 1_000
"""Characters before the next words that are looked at with them."""


class SpokenAnswer:
    """Passes on what the field `answer` of a growing JSON object says, whole words at a time.

    What would never be told is held back here already: from it on, nothing more is said. Words are passed on
    whole, so that an address or a key is known before it is said.

    Args:
        say: Is given the words.
        withholds: Asked of the next words, with some before them.
    """

    def __init__(self, say: Say, withholds: Withholds) -> None:
        self._say = say
        self._withholds = withholds
        self._heard = ""
        self._answer = ""
        self._said = 0

    def hear(self, piece: str) -> None:
        """Take the next piece of the model's reply."""
        self._heard += piece
        start = self._heard.find("{")
        if start < 0:
            return
        try:
            value = from_json(self._heard[start:], allow_partial="trailing-strings")
        except ValueError:
            return  # no JSON: the check of the whole reply will say so
        answer = value.get("answer") if value.get("can_answer") is not False else None
        if isinstance(answer, str):
            self._answer = answer
            self._say_until(max(answer.rfind(" "), answer.rfind("\n")) + 1)

    def finish(self) -> None:
        """Pass on the last word."""
        self._say_until(len(self._answer))

    def _say_until(self, end: int) -> None:
        if end <= self._said or self._withholds(self._answer[max(0, self._said - LOOK_BACK) : end]):
            return
        self._say(self._answer[self._said : end])
        self._said = end
