"""What people say around a question, in forms that carry no content. Every form is closed: no free words.

`agents.courtesy` is laxer: its lead-ins may say who asks and why, which an answer of the agent does not use
but which makes two questions differ.
"""

from __future__ import annotations

import re

_GREETING = re.compile(
    r"(?:hello|hi|hey|hi there|hello there|good (?:morning|afternoon|evening)|excuse me|sorry to bother you)"
    r"\s*[,.!]+\s+"
    r"|(?:ok|okay|so|well)\s*,\s+"
    r"|(?:(?:a )?quick question|i have a question|just a question)\s*[:,.]\s+",
    re.I,
)
_ASKED = r"(?P<rest>(?:who|whose|what|when|where|which|how many|how much|if|whether)\b.+)"
_LEADS = re.compile(
    r"(?:please,? |kindly )?"
    r"(?:(?:can|could|would|will) you (?:please |kindly )?)?(?:tell me|let me know) " + _ASKED + r"|"
    r"(?:do|would) you (?:happen to )?know " + _ASKED.replace("rest", "rest2") + r"|"
    r"i(?: would|['’]d) (?:like|love) to know " + _ASKED.replace("rest", "rest3") + r"|"
    r"i (?:want|need|wish) to know " + _ASKED.replace("rest", "rest4") + r"|"
    r"i(?: am|['’]m| was) (?:just )?wondering,? " + _ASKED.replace("rest", "rest5"),
    re.I,
)
_REQUEST = re.compile(
    r"(?:(?:can|could|would|will) you (?:please |kindly )?|please,? |kindly )"
    r"(?P<rest>(?:tell me|give me|list|describe|explain|summari[sz]e|calculate|compute)\b.+)",
    re.I,
)
_PLEASE = re.compile(
    r"please,? (?P<rest>(?:what|which|who|where|when|how many|how much|is there|are there)\b.+)", re.I
)
_CLOSING = re.compile(
    r"(?<=[?.])\s+(?:thanks|thank you|many thanks|cheers)(?: (?:so|very) much)?(?: in advance)?\s*[.!]*$"
    r"|,\s*(?:please|thanks|thank you)(?=[?.!]*$)",
    re.I,
)


def core_of(text: str) -> tuple[str, bool]:
    """Return a question without what is said around it, and whether it was led in (`tell me what it is`)."""
    core, before, led = text, "", False
    while core != before:
        before = core
        if match := _GREETING.match(core):
            core = core[match.end() :]
        core = _CLOSING.sub("", core)
        for form in (_LEADS, _REQUEST, _PLEASE):
            if match := form.fullmatch(core):
                core = next(rest for rest in match.groups() if rest)
                led = led or form is _LEADS
                break
    return core, led
