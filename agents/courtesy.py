# ruff: noqa: E501 - patterns, one group to a line
"""What people write around a question: greetings, thanks, why they ask. It asks nothing and names nothing.

Left in, its words would be looked for in the evidence, and a question that evidence answers would seem half
covered. Only forms that carry no content are known, so that a title like `Zinc: is it useful?` stays whole.
"""

from __future__ import annotations

import re

from agents.question_words import AUXILIARIES, WH

_LONGEST = 600
"""Longer texts are pasted material; what is polite in them is not for us to judge."""
_GREETING = re.compile(
    r"\s*(?:hello|hi|hey|greetings|good (?:morning|afternoon|evening|day)|dear (?:all|team|sir|madam|colleagues?))"
    r"(?: there| all| everyone| team| again)?\s*[!,.]+\s+"
    r"|\s*(?:i (?:have|had)|i['’]ve(?: got)?|just|here is) (?:a|one|another)(?: \w+)? question\s*[.:,!]+\s+"
    r"|\s*(?:excuse me|sorry to bother you|please help(?: me| us)?)\s*[.,:!]+\s+",
    re.I,
)
_ASKING = rf"(?:{WH}|{AUXILIARIES}|can|may|must)\b"
_LEAD = re.compile(
    rf"[^:?\n]{{0,60}}\b(?:tell (?:me|us)|(?:needs?|wants?|would like|like|love) to (?:know|ask)|help (?:me|us)|"
    rf"answer)\b[^:?\n]{{0,40}}:\s+(?={_ASKING})"
    rf"|\s*(?:please )?(?:could|can|would) you (?:please |kindly )?tell (?:me|us),?\s+(?={_ASKING})",
    re.I,
)
_CLOSING = re.compile(
    r"(?<=[.?!])\s+(?:(?:many )?thanks|thank you|cheers)(?: (?:so|very) much)?(?: in advance| again)?\s*[.!]*\s*$"
    r"|(?<=[.?!])\s+please (?:answer|reply|respond)(?: me)?"
    r"(?: briefly| shortly| quickly| in short| in (?:one|a) (?:word|sentence|few words))?\s*[.!]*\s*$",
    re.I,
)


def without_courtesy(text: str) -> str:
    """Return a question without greetings, thanks and lead-ins; as it is when nothing else would be left."""
    if len(text) > _LONGEST:
        return text
    core, before = text, ""
    while core != before:
        before = core
        for pattern in (_GREETING, _LEAD):
            if match := pattern.match(core):
                core = core[match.end() :]
        core = _CLOSING.sub("", core)
    core = core.strip()
    if not core or core == text.strip():
        return text
    return core[:1].upper() + core[1:]
