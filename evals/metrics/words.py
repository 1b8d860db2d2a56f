"""Cutting a text into the words that metrics compare, in any script."""

from __future__ import annotations

import re
import unicodedata

# Thai, Lao, Burmese, Khmer, kana and Chinese characters: written without spaces, so each stands alone.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")


def metric_words(text: str | None) -> list[str]:
    """Return the lower-case runs of letters, marks and digits; scripts without spaces give characters.

    On ASCII text these are the tokens of Google's rouge_score.
    """
    text = unicodedata.normalize("NFC", text or "").lower()
    if not text.isascii():
        text = "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in text)
        return _WORD.findall(text)
    return re.findall(r"[a-z0-9]+", text)
