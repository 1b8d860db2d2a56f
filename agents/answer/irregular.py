# ruff: noqa: E501 - tables of words, one group to a line
"""English words that endings do not bring together: irregular verbs, and measures with their adjectives."""

from __future__ import annotations

_VERBS = (
    "arise arose arisen", "become became", "begin began begun", "bend bent", "bite bit bitten", "blow blew blown",
    "break broke broken", "bring brought", "build built", "burn burnt", "buy bought", "catch caught",
    "choose chose chosen", "come came", "deal dealt", "dig dug", "draw drew drawn", "drink drank drunk",
    "drive drove driven", "eat ate eaten", "fall fell fallen", "feed fed", "fight fought", "find found",
    "flee fled", "fly flew flown", "forbid forbade forbidden", "forget forgot forgotten", "freeze froze frozen",
    "give gave given", "go went gone", "grow grew grown", "hang hung", "hear heard", "hide hid hidden", "hold held",
    "keep kept", "know knew known", "lay laid", "lead led", "leave left", "lend lent", "lie lay lain", "light lit",
    "lose lost", "make made", "mean meant", "meet met", "pay paid", "ride rode ridden", "ring rang rung",
    "rise rose risen", "run ran", "say said", "see saw seen", "seek sought", "sell sold", "send sent",
    "shake shook shaken", "shine shone", "shoot shot", "show shown", "shrink shrank shrunk", "sing sang sung",
    "sink sank sunk", "sit sat", "sleep slept", "slide slid", "speak spoke spoken", "spend spent", "spin spun",
    "stand stood", "steal stole stolen", "stick stuck", "strike struck", "swear swore sworn", "sweep swept",
    "swim swam swum", "take took taken", "teach taught", "tear tore torn", "tell told", "think thought",
    "throw threw thrown", "understand understood", "wear wore worn", "win won", "wind wound", "write wrote written",
)  # fmt: skip
_MEASURES = (
    "weight weigh weighs weighed weighing heavy heavier heaviest", "height tall taller tallest",
    "length long longer longest", "depth deep deeper deepest", "width wide wider widest broad",
    "speed fast faster fastest quick", "age old older oldest", "price cost costs cheap cheaper cheapest expensive",
    "strength strong stronger strongest", "colour color coloured colored colours colors",
)  # fmt: skip


def _table() -> dict[str, str]:
    found: dict[str, str] = {}
    for group in (*_VERBS, *_MEASURES):
        first, *others = group.split()
        # Where a form belongs to two words (`lay`, `found`), the first one listed has it.
        for form in others:
            found.setdefault(form, first)
    for base in (group.split()[0] for group in _VERBS):
        found.pop(base, None)
    return found


BASE_FORMS = _table()
"""From a form to the word that stands for all of them."""
