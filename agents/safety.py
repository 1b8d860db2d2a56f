"""The filter before a run: requests to do harm are blocked, questions about harm are not."""

from __future__ import annotations

import re

_HARM = re.compile(
    r"\bhow (?:do|can|could|would|should|to)\b.{0,40}\b(?:"
    r"(?:hide|conceal|smuggle|sneak|get)\b.{0,60}\b(?:past|through|from)\b.{0,30}"
    r"\b(?:x-?ray|scanner|security|customs|checkpoint|inspection)"
    r"|(?:build|make|assemble|construct)\b.{0,20}\b(?:bomb|explosive|pipe bomb|nerve agent|bioweapon)"
    r")\b",
    re.I | re.S,
)


def blocked_reason(question: str) -> str:
    """Return why a request is blocked, or an empty string."""
    if _HARM.search(question):
        return "The question asks for help to get past an inspection or to build a weapon"
    return ""
