"""Cutting a text into the words that metrics compare, in any script."""

from __future__ import annotations

import re
import unicodedata

from core.text import UNSPACED

# Of scripts that are written without spaces each character stands alone.
_WORD = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")


def metric_words(text: str | None) -> list[str]:
    """Return the lower-case runs of letters, marks and digits; scripts without spaces give characters.

    On ASCII text these are the tokens of Google's rouge_score.
    """
    text = unicodedata.normalize("NFC", text or "").lower()
    if not text.isascii():
        text = "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in text)
        return _WORD.findall(text)
    return re.findall(r"[a-z0-9]+", text)
