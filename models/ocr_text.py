"""Typographic repairs of recognised text: slips that follow from how the recogniser works. Pure."""

from __future__ import annotations

import re

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_CJK = re.compile(r"[぀-ヿ㐀-鿿가-힯]")
_GLUED_TIME = re.compile(r"(?<=[-/.](?:19|20)\d\d)(?=\d{1,2}:\d{2}(?!\d))")
_LOST_SEPARATOR = re.compile(r"(\d{2})[ .](\d{2})([-/])((?:19|20)?\d{2})")
_GLUED_PHONE = re.compile(r"(?<=\b(?:tel|fax)\.)(?=[\d+])", re.I)
_DOLLAR = re.compile(r"(?<![A-Za-z0-9])S(?=\d{1,3}(?:,\d{3})*\.\d{2}(?![\d.]))")


def tidy(text: str) -> str:
    """Repair a recognised line.

    Full-width forms in Latin text become plain; a date and a time that ran together are parted, and so
    are `TEL.` and its number; a line that is a date with one lost separator gets it back; an S glued to
    an amount is a dollar sign.
    """
    if not _CJK.search(text):
        text = text.translate(_FULL_WIDTH)
    text = _GLUED_TIME.sub(" ", text.strip())
    text = _GLUED_PHONE.sub(" ", text)
    text = _DOLLAR.sub("$", text)
    lost = _LOST_SEPARATOR.fullmatch(text)
    return f"{lost[1]}{lost[3]}{lost[2]}{lost[3]}{lost[4]}" if lost else text
