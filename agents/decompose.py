"""Splitting a question into parts in code: several questions, comparisons, and bridges over an unnamed thing.

A part may wait for another one: `{q1}` in its words stands for that one's answer. What no rule understands is
left whole: one good search beats two bad ones. The kinds of hop follow HotpotQA (Yang et al. 2018, section 2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from agents.question_words import WH

MAX_PARTS = 4
_MAX_CHARS = 600
"""Longer texts are pasted material rather than a question; patterns over them cost time and mislead."""


@dataclass(frozen=True)
class Part:
    """A part of a question. `stands_for` is the phrase that its answer replaces in a later part."""

    id: str
    question: str
    depends_on: tuple[str, ...] = ()
    stands_for: str = ""


_ROLES = (
    "director|author|writer|founder|inventor|architect|composer|singer|lyricist|creator|producer|captain|owner"
    "|designer|engineer|painter|publisher|manufacturer|maker|developer|president|chairman|chairwoman|manager|head"
    "|leader|ceo|mayor|coach|wife|husband|father|mother|son|daughter|spouse|capital|star|narrator|editor|sponsor"
    "|supplier|winner|successor|predecessor|headquarters|birthplace"
)
_THINGS = (
    "person|man|woman|film|movie|book|novel|song|album|band|team|club|company|firm|city|town|village|country|state"
    "|region|school|university|institute|building|bridge|river|player|actor|actress|artist|author|director|singer"
    "|writer|engineer|scientist|drug|substance|material|machine|device|model|department|plant|factory|office|product"
    "|supplier|report|document|study|law|rule|show|series|game|ship|station|chemical|solvent|alloy|inventor|founder"
    "|composer|architect|chairman|chairwoman|manager|employee|customer|module|class|function|protein|gene|enzyme"
)
_TAIL = (
    r"(?:(?: (?:is|was|are|were))? (?:born|founded|opened|built|located|situated|based|made|published|released|established|appointed|buried"
    r"|educated|raised|die|live|work|study|play|teach|grow up|come from|go to school|originate|retire|move to"
    r"|belong to|speak|call home|win|write|direct|produce|record|drive|like|approved|replaced)\b| when\b)"
)
_CLAUSE_START = re.compile(
    rf"\bthe (?:\w+ )?(?P<head>{_THINGS}) (?P<link>who|that|which|in which|at which|where) ", re.I
)
_CLAUSE = re.compile(rf"(?P<clause>[^,?:]+?)(?P<rest>{_TAIL}[^?]*|,[^?]*|)\??$", re.I)
_PLACE_CLAUSE = re.compile(r"(?P<subject>.+) (?P<aux>is|was|are|were) (?P<verb>\w+)$", re.I)
_ROLE = re.compile(
    rf"(?P<phrase>\bthe (?:\w+ )?(?P<head>{_ROLES}) of (?P<clause>[^,?:]+?))(?P<rest>{_TAIL}[^?]*|,[^?]*|)\??$",
    re.I,
)
_ASKS_FOR_IT = re.compile(
    r"^(?:who|what|which(?: \w+)?)(?:'s| is| was| are| were)$"
    r"|^(?:(?:tell|give|show) me|name|what(?:'s| is| was) the name of|find|list)$",
    re.I,
)
_WH = rf"(?:{WH}|in (?:what|which)|on (?:what|which)|at (?:what|which)|by whom)"
_AUX_PRONOUN = r"(?:is|was|does|did|are|were|has|have|can|will) (?:it|they|he|she|that)"
_AND_QUESTION = re.compile(
    rf"(?:,\s*|\s+|\?\s*)(?:and|but|also|then)\s+(?:also\s+)?(?=(?:{_WH}|{_AUX_PRONOUN})\b)", re.I
)
_AND_NOUNS = re.compile(
    r"^(?:(?:please )?(?:give me|tell me|state|name|list)|what (?:is|are|was|were)) (?:both )?"
    r"(?P<a>the [^,?]+?),? and (?P<b>(?:the|its|their|his|her) [^,?]+)$",
    re.I,
)
_AND_TELL = re.compile(r",?\s+and\s+(?:then\s+)?(?:tell me|say|name|give me|state)\s+(?:also\s+)?", re.I)
_SENTENCE = re.compile(r"\?\s+(?=\S)")
_PRONOUN = re.compile(
    r"\b(?P<own>its|their|his|her)\b|\b(?P<it>it|they|them|he|she|him|that one|the (?:larger|bigger|older|higher"
    r"|cheaper|faster|latter|winning|better) one"
    rf"|(?:that|this) (?:{_THINGS}|{_ROLES}|one|year|warehouse|branch))\b",
    re.I,
)
_NAMES_A_THING = re.compile(
    r"(?:who|which|what (?:company|city|country|film|book|team|person|town|state))\b", re.I
)
_PLACEHOLDER = re.compile(r"\{(q\d+)\}")
_TOPIC_NOUN = r"(?P<topic>the (?:[\w-]+ ?){1,4}?)(?=,|\?|$| and | have | need | be | used | of )"
_TOPICS = tuple(
    re.compile(rf"\b(?:{before}) {_TOPIC_NOUN}", re.I)
    for before in ("of|for", "does|do|did", "on|in|is|was|are")
)
"""Where a first question names its topic, surest place first: "the limit of the pump" is about the pump."""
_NAME = r"(?:the |a |an )?[\w'’.&/()-]+(?: [\w'’.&/()-]+){0,5}?"
_WHICH_OR = re.compile(
    rf"^(?P<head>which(?: of (?:the|our|these) \w+(?: \w+)?| \w+(?: \w+)?)?|who|what)[,:]? (?:(?P<a1>{_NAME}),? or (?P<b1>{_NAME}), )?"
    rf"(?P<verb>is|was|has|had|have|are|were|came|comes|costs?|weighs?|lasts?|opened|sold|employs?|allows?|uses|\w+ed|\w+s) "
    rf"(?P<body>[^?]*?)(?:[,:;]? (?:- )?(?P<a2>{_NAME}),? or (?P<b2>{_NAME}))?\??$",
    re.I,
)
_AUX_OR = re.compile(
    rf"^(?P<aux>does|do|did|has|have|had|is|was|are|were) (?P<a>{_NAME}) or (?P<b>{_NAME}) "
    rf"(?P<body>(?:(?!the |or )\w+ )?(?:the )?(?:more|fewer|less|\w+er)\b[^?]*)\??$",
    re.I,
)
_THAN = re.compile(
    rf"^(?P<aux>is|was|are|were) (?P<attribute>the [\w ]+?) (?P<by>of|for|in) (?P<a>{_NAME}) "
    rf"(?:\w+er|more \w+|different|less \w+) (?:than|from) (?:the one |that )?(?P=by) (?P<b>{_NAME})\??$",
    re.I,
)
_COMPARE_OF = re.compile(
    rf"^(?:please )?(?:compare|contrast|what (?:is|was) the difference in) (?:the )?(?P<attribute>[\w ]+?) "
    rf"(?P<by>of|for|in|between) (?P<a>{_NAME}) (?:and|with|to) (?P<b>{_NAME})[.?]?$",
    re.I,
)
_MORE_THAN = re.compile(
    rf"^(?:how much|by how much|how many (?P<unit>\w+)) (?:(?:is|was|are|were) )?(?P<measure>\w+er) (?:is |was |are |were )?"
    rf"(?P<a>{_NAME}) than (?P<b>{_NAME})\??$"
    rf"|^by how much (?:is|was|are|were) (?P<a3>{_NAME}) (?P<measure3>\w+er) than (?P<b3>{_NAME})\??$"
    rf"|^how many (?:more|fewer) (?P<what>[\w -]+?) (?P<aux>do|does|did|has|have|had|can|is|was) (?P<a2>{_NAME})"
    rf"(?: (?P<verb>[a-z]+))? than (?P<b2>{_NAME})(?: (?:do|does|did|has|have|had|can))?\??$",
    re.I,
)
_HAPPENED = re.compile(
    r"(?:(?:is|was|were|are) )?(?:(?P<out>(?:came|come) out)|(?P<done>born|\w+ed|built|won|made|sold)) "
    r"(?:first|earlier|later|last|before|after)\b",
    re.I,
)
_MEASURES = {
    "older": "How old is", "younger": "How old is", "taller": "How tall is", "longer": "How long is",
    "shorter": "How long is", "larger": "How large is", "bigger": "How big is", "smaller": "How large is",
    "heavier": "How heavy is", "lighter": "How heavy is", "faster": "How fast is", "slower": "How fast is",
    "cheaper": "What is the price of", "cheapest": "What is the price of", "wider": "How wide is",
    "deeper": "How deep is", "higher": "How high is", "lower": "How high is", "hotter": "How hot is",
    "earlier": "When was", "first": "When was", "later": "When was", "newer": "When was",
}  # fmt: skip


def compared_names(question: str) -> tuple[str, str] | None:
    """Return the two names that a question compares, or None."""
    names, parts = _compared(re.sub(r"\s+", " ", question).strip().rstrip("."))
    return names if parts else None


def decompose(question: str) -> list[Part]:
    """Return the parts of a question in order, or an empty list when it is best left whole."""
    return list(_decompose(question))


@lru_cache(maxsize=64)  # the router and the planner both ask
def _decompose(question: str) -> tuple[Part, ...]:
    text = re.sub(r"\s+", " ", question).strip().rstrip(".")
    if len(text) > _MAX_CHARS:
        return ()
    for split in (_conjunction, _comparison, _bridge):
        parts = split(text)
        if len(parts) > 1:
            return tuple(parts[:MAX_PARTS])
    return ()


def _conjunction(text: str) -> list[Part]:
    nouns = _AND_NOUNS.match(text.strip(" ?"))
    if nouns and " between " not in text and not _AND_QUESTION.search(text):
        pieces = [f"what is {nouns['a']}", f"what is {nouns['b']}"]
    else:
        pieces = [piece for part in _SENTENCE.split(text) for piece in _AND_QUESTION.split(part)]
        pieces = [part.strip(" ,.?") for piece in pieces for part in _AND_TELL.split(piece)]
        pieces = [re.sub(r"^(?:and|but|also|then) ", "", piece, flags=re.I) for piece in pieces if piece]
    if len(pieces) < 2 or any(len(piece.split()) < 2 for piece in pieces):
        return []
    names, compared = _compared(f"{pieces[0]}?")
    if compared:
        # What is asked of the winner is asked of both: which one wins is known only at the end.
        questions = [part.question for part in compared]
        questions += [_about(piece, name) for piece in pieces[1:] for name in names]
        unique = dict.fromkeys(questions)
        return [Part(f"q{number}", words) for number, words in enumerate(unique, 1)]
    parts = [Part("q1", _asked(pieces[0]))]
    for piece in pieces[1:]:
        parts.append(_resolved(piece, parts))
    return parts


def _about(piece: str, name: str) -> str:
    return _asked(_PRONOUN.sub(lambda found: name + ("'s" if found["own"] else ""), piece, count=1))


def _resolved(piece: str, before: list[Part]) -> Part:
    """Give a later piece what its pronoun stands for: the first answer, or the topic of the first piece."""
    id_ = f"q{len(before) + 1}"
    match = _PRONOUN.search(piece)
    first = before[0].question
    if match is None:
        return Part(id_, _asked(piece))
    if _NAMES_A_THING.match(first) and not re.match(r"it|its|they|their", match.group(), re.I):
        return Part(id_, _about(piece, "{q1}"), ("q1",))
    topic = next((found for pattern in _TOPICS if (found := pattern.search(first))), None)
    if topic is not None:
        return Part(id_, _about(piece, topic["topic"].strip()))
    if _NAMES_A_THING.match(first):
        return Part(id_, _about(piece, "{q1}"), ("q1",))
    return Part(id_, _asked(piece))


def _bridge(text: str) -> list[Part]:
    parts: list[Part] = []
    rest = text
    while len(parts) < MAX_PARTS - 1:
        found = _split_bridge(rest)
        if found is None:
            break
        inner, phrase, outer = found
        id_ = f"q{len(parts) + 1}"
        parts.append(Part(id_, inner, _waits_for(inner), phrase))
        rest = outer.replace("{}", f"{{{id_}}}")
    return [*parts, Part(f"q{len(parts) + 1}", rest, _waits_for(rest))] if parts else []


def _waits_for(words: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(words)))


def _split_bridge(text: str) -> tuple[str, str, str] | None:
    """Return (question for the innermost unnamed thing, its phrase, the rest with `{}` in its place)."""
    starts = list(_CLAUSE_START.finditer(text))
    if starts:
        start = starts[-1]
        match = _CLAUSE.match(text, start.end())
        if match is None:
            return None
        if start["link"].lower() in ("where", "in which", "at which"):
            match = re.compile(r"(?P<clause>[^,?:]+)(?P<rest>[^?]*)").match(text, start.end()) or match
        begin, end = start.start(), match.end("clause")
        inner = _clause_question(start["head"], start["link"].lower(), match["clause"].strip())
    else:
        match = _ROLE.search(text)
        if match is None:
            return None
        begin, end = match.start(), match.end("phrase")
        what = match["head"].lower() in ("capital", "headquarters", "birthplace")
        inner = f"{'What' if what else 'Who'} is {match['phrase']}?"
    prefix, rest = text[:begin].strip(" ,:"), match["rest"].strip()
    if not rest and (not prefix or _ASKS_FOR_IT.match(prefix)):
        return None
    if not prefix:
        return None
    return inner, text[begin:end], _asked(text[:begin] + "{}" + text[end:])


def _clause_question(head: str, link: str, clause: str) -> str:
    if link in ("in which", "at which", "where"):
        place = _PLACE_CLAUSE.match(clause)
        start = f"In which {head}" if link == "where" else f"{link.capitalize()} {head}"
        if place:
            return f"{start} {place['aux']} {place['subject']} {place['verb']}?"
        return f"{start} {clause}?"
    if link == "who" or head.lower() in ("person", "man", "woman"):
        return f"Who {clause}?"
    return f"Which {head} {clause}?"


def _comparison(text: str) -> list[Part]:
    return _compared(text)[1]


def _compared(text: str) -> tuple[tuple[str, str], list[Part]]:
    """Return the two names that a question compares and the question to ask of each."""
    match = _WHICH_OR.match(text)
    if match and (match["a1"] or match["a2"]):
        names = _whole_names(match["a1"] or match["a2"], match["b1"] or match["b2"])
        return names, _measured(names, match["verb"], match["body"].strip(" ,:;"))
    match = _AUX_OR.match(text)
    if match:
        names = _whole_names(match["a"], match["b"])
        return names, _measured(names, match["aux"], match["body"])
    match = _MORE_THAN.match(text)
    if match:
        return _difference(match)
    for pattern in (_THAN, _COMPARE_OF):
        match = pattern.match(text)
        if match:
            names = _whole_names(match["a"], match["b"])
            attribute = match["attribute"].removeprefix("the ").strip()
            by = "of" if match["by"] == "between" else match["by"]
            return names, _two(f"What is the {attribute} {by} {{}}?", names)
    return ("", ""), []


def _difference(match: re.Match[str]) -> tuple[tuple[str, str], list[Part]]:
    """Ask for both sides of a difference; `compose` subtracts."""
    names = (match["a"] or match["a2"] or match["a3"], match["b"] or match["b2"] or match["b3"])
    if match["what"]:
        verb = f" {match['verb']}" if match["verb"] else ""
        return names, _two(f"How many {match['what']} {match['aux'].lower()} {{}}{verb}?", names)
    measure = _MEASURES.get((match["measure"] or match["measure3"]).lower())
    if measure is None or not measure.startswith("How"):
        return ("", ""), []
    return names, _two(f"{measure} {{}}?", names)


def _whole_names(first: str, second: str) -> tuple[str, str]:
    """Spell out "that of B" after "the length of A", and drop what only repeats the attribute."""
    head, found, _ = first.partition(" of ")
    if found and re.match(r"(?:that|the one) of ", second, re.I):
        return first, f"{head} of {second.split(' of ', 1)[1]}"
    return first, re.sub(r"^(?:that|those|the one) (?:of|for|in) ", "", second, flags=re.I)


def _measured(names: tuple[str, str], verb: str, body: str) -> list[Part]:
    """Ask for each name what the comparison compares."""
    body = re.sub(
        r"^(?:have|has|had|the)\s+", "", re.sub(r"^(?:have|has|had)\s+", "", body, flags=re.I), flags=re.I
    )
    counted = re.match(
        r"(?:more|fewer|the most|the fewest|(?:larger|higher|greater|smaller|lower) number of) (.+)$",
        body,
        re.I,
    )
    done = re.match(r"(?P<verb>[a-z]+) (?:more|fewer|less) (?P<what>[^?]+)$", body)
    if done and verb.lower() in ("do", "does", "did"):
        return _two(f"How many {done['what']} {verb.lower()} {{}} {done['verb']}?", names)
    if counted and verb.lower() in ("has", "had", "have", "does", "do", "did"):
        return _two(f"How many {counted[1]} does {{}} have?", names)
    valued = re.match(
        r"(?:\w+er|more|less|better|worse|highest|lowest|largest|smallest) (\w+(?: \w+){0,4})$", body, re.I
    )
    if valued:
        return _two(f"What is the {valued[1]} of {{}}?", names)
    happened = _HAPPENED.match(f"{verb} {body}")
    if happened:
        return _two(f"When was {{}} {'released' if happened['out'] else happened['done']}?", names)
    adjective = re.match(r"(?:the )?(\w+)\b", body)
    if adjective and adjective[1].lower() in _MEASURES:
        return _two(f"{_MEASURES[adjective[1].lower()]} {{}}?", names)
    return []


def _two(form: str, names: tuple[str, str]) -> list[Part]:
    first, second = (name.strip(" ,") for name in names)
    return [Part("q1", form.replace("{}", first)), Part("q2", form.replace("{}", second))]


def _asked(piece: str) -> str:
    clean = piece.strip(" ,.?")
    clean = re.sub(
        r"^(?:tell me|give me|say|state|name|please)\s+(?:the |both )?(?=\w)", _as_what, clean, flags=re.I
    )
    return clean[:1].upper() + clean[1:] + "?"


def _as_what(match: re.Match[str]) -> str:
    rest = match.string[match.end() :]
    return "" if re.match(_WH, rest, re.I) else "what is the "
