"""Which changes of an image leave a row's answer true. In doubt: not allowed."""

from __future__ import annotations

from typing import Literal

from finetune.augment import words
from finetune.data.rows import TrainRow

Change = Literal[
    "brightness",
    "gamma",
    "noise",
    "blur",
    "compression",
    "colour",
    "mirror",
    "flip",
    "quarter_turn",
    "tilt",
    "pad",
    "crop",
]
PIXEL: tuple[Change, ...] = ("brightness", "gamma", "noise", "blur", "compression", "colour")
SPATIAL: tuple[Change, ...] = ("mirror", "flip", "quarter_turn", "tilt", "pad", "crop")
CHANGES: tuple[Change, ...] = (*PIXEL, *SPATIAL)
_LOOSE_KINDS = {"caption", "open", "description"}
"""Answers that may speak of anything in the image: nothing that could be seen may go or turn."""
_WORDLESS: set[Change] = {"noise", "compression"}


def allowed(row: TrainRow, *, follows: str = "") -> frozenset[Change]:
    """Return the changes after which the row's answer is still right.

    Args:
        row: The row; rows without an image allow none.
        follows: `boxes` or `place` when the answer is written anew from the boxes after a change, so that
            it may speak of sides; "" when it stays as it is.
    """
    if row.image is None:
        return frozenset()
    if not words.is_english(row):
        # Nobody knows whether it asks for sides, colours or text.
        return frozenset(_pixel(row) & _WORDLESS)
    return frozenset(_pixel(row) | _spatial(row, follows))


def _pixel(row: TrainRow) -> set[Change]:
    said = words.words_of(row)
    free: set[Change] = set(PIXEL)
    if words.QUALITY.search(said) or "quality" in row.kind:
        return set()
    if words.BRIGHT.search(said):
        free -= {"brightness", "gamma", "noise", "colour"}
    if words.COLOUR.search(said) or "colo" in row.kind or row.kind in _LOOSE_KINDS:
        # Strong light turns yellow to white; a colour stays the same word only when nothing touches it.
        free -= {"colour", "brightness", "gamma"}
    if words.is_medical(row):
        free -= {"colour", "blur"}
    if words.has_text(row):
        free -= {"blur"}
    return free


def _spatial(row: TrainRow, follows: str) -> set[Change]:
    said = row.question if follows else words.words_of(row)
    free: set[Change] = set(SPATIAL)
    text, medical = words.has_text(row), words.is_medical(row)
    if not follows and row.kind in ("grounding", "place", "where"):
        return set()
    if text or medical or row.kind in _LOOSE_KINDS:
        free -= {"mirror", "flip", "quarter_turn", "tilt"}
    sides = words.SIDES.search(_without_where(said) if follows else said)
    if sides or "position" in row.kind:
        free -= {"mirror", "flip", "quarter_turn", "crop", "tilt"}
    if words.UPRIGHT.search(said):
        free -= {"flip", "quarter_turn", "tilt", "crop"}
    if row.boxes:
        free -= {"tilt"}  # the upright box of a tilted box is not the box of the thing
    # A crop can cut away what an answer counts, denies or names: only where the answer is its boxes alone.
    if follows != "boxes" or words.EXTENT.search(said) or words.SIZE.search(said) or not row.boxes:
        free -= {"crop"}
    if words.SIZE.search(said) or (words.FRAME.search(said) and not follows):
        free -= {"pad"}
    return free


def _without_where(question: str) -> str:
    return question.replace("Where", "").replace("where", "")
