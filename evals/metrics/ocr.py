"""How much of a page was read wrongly: character and word error rates, by page and over a corpus."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Errors:
    """Insertions, deletions and substitutions, and the length of the true text, in characters or words."""

    edits: int = 0
    length: int = 0

    def __add__(self, other: Errors) -> Errors:
        """Pool the errors of two pages."""
        return Errors(self.edits + other.edits, self.length + other.length)

    @property
    def rate(self) -> float | None:
        """Return edits over length, above 1 when much was invented; None without a true text."""
        return self.edits / self.length if self.length else None


def character_errors(prediction: str | None, gold: str, *, fold_case: bool = False) -> Errors:
    """Return the errors in characters after NFC, with runs of white space as one space."""
    said, wanted = _plain(prediction, fold_case), _plain(gold, fold_case)
    return Errors(_distance(said, wanted), len(wanted))


def word_errors(prediction: str | None, gold: str, *, fold_case: bool = False) -> Errors:
    """Return the errors in words, which are what stands between white space."""
    said, wanted = _plain(prediction, fold_case).split(), _plain(gold, fold_case).split()
    return Errors(_distance(said, wanted), len(wanted))


def cer(prediction: str | None, gold: str) -> float | None:
    """Return the character error rate of one page; None when its true text is empty."""
    return character_errors(prediction, gold).rate


def wer(prediction: str | None, gold: str) -> float | None:
    """Return the word error rate of one page; None when its true text is empty."""
    return word_errors(prediction, gold).rate


def corpus_cer(predictions: Sequence[str | None], golds: Sequence[str]) -> float | None:
    """Return all edits over all true characters, so that long pages weigh more; empty pages add their edits.

    Raises:
        ValueError: The lists differ in length.
    """
    pages = [character_errors(one, gold) for one, gold in zip(predictions, golds, strict=True)]
    return sum(pages, Errors()).rate


def corpus_wer(predictions: Sequence[str | None], golds: Sequence[str]) -> float | None:
    """Return all edits over all true words.

    Raises:
        ValueError: The lists differ in length.
    """
    pages = [word_errors(one, gold) for one, gold in zip(predictions, golds, strict=True)]
    return sum(pages, Errors()).rate


def _plain(text: str | None, fold_case: bool) -> str:
    plain = " ".join(unicodedata.normalize("NFC", text or "").split())
    return plain.casefold() if fold_case else plain


def _distance(one: str | Sequence[str], other: str | Sequence[str]) -> int:
    from rapidfuzz.distance import Levenshtein

    return int(Levenshtein.distance(one, other))
