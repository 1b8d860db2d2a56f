# ruff: noqa: E501 - tables of words and patterns, one group to a line
"""Does the claim say yes where its source says no, up where it says down, surely where it says perhaps?

Negation is compared clause by clause (after NegEx, Chapman et al. 2001: a cue's scope ends at `but` and the
like), antonyms as sequences, so that `left above right` is not `right above left`.
"""

from __future__ import annotations

import re

from agents.check.overlap import stem, stems
from core.text import has_negation, words

_NUMBER_SIGN = re.compile(
    r"\b(?:(?:invoice|inv|doc|bill|tel|fax|phone|gst|vat|tax|reg|registration|id|card|account|acc|a/c|ref|co|order|ord"
    r"|member|serial|model|part|item|room|unit|lot|licen[cs]e|contact)\s*\.?\s*)no\b\.?"
    r"|\bno\b\s*(?:[:#]|\.\s*(?=[\d:#(])|\.?\s*(?=\d|[A-Z]*\d))",
    re.I,
)
_MORE_NEGATION = re.compile(
    r"\b(?:rule[sd]? out|exclud(?:e|es|ed|ing)|refut(?:e|es|ed)|den(?:y|ied)|contrary to|false that|unlikely"
    r"|hardly|barely|scarcely|disprov(?:e|es|ed|en)|instead of|rather than|far from|nothing|nobody|nowhere)\b",
    re.I,
)
_CLAUSE = re.compile(
    r"[;:|\n]|,?\s+\b(?:but|however|although|though|while|whereas|except|yet|because|despite)\b", re.I
)
_HEDGE = re.compile(
    r"\b(?:might|could|possibly|perhaps|maybe|unclear|uncertain|unknown whether|whether|suspected|hypothesi[sz]ed?"
    r"|allegedly|reportedly|supposedly|potentially|probably)\b|\bmay\b(?![^\S\n]+\d)|\?\s*$",
    re.M,
)
"""A `may` before a number is a month, but not across a line break: the number begins something else."""
_MAY_HEDGE = re.compile(rf"{_HEDGE.pattern}|\bmay\b|\?")
"""What a hedge in some clause looks like in the whole, where a date may follow a `may`."""
_PAIRS = (
    ("increase rise rose risen grow grew grown growth gain climb surge up upward elevate accelerate",
     "decrease decline fall fell fallen drop reduce reduction shrink shrank down downward lower slow slowed loss"),
    ("high higher highest more most greater greatest large larger largest above over max maximum top",
     "low lower lowest less least fewer fewest small smaller smallest below under min minimum bottom"),
    ("left leftmost", "right rightmost"),
    ("positive", "negative"),
    ("benign", "malignant"),
    ("better best improve improvement", "worse worst worsen deteriorate"),
    ("before earlier prior precede", "after later follow subsequent"),
    ("favor support approve agree favorable", "oppose disapprove disagree unfavorable against"),
    ("allow permit enable accept legal", "forbid prohibit disable deny reject refuse illegal ban"),
    ("present presence detected", "absent absence undetected"),
    ("pass passed succeed success", "fail failed failure"),
    ("true correct", "false incorrect wrong"),
    ("open", "closed"), ("first", "last"), ("start begin began", "end finish stop"), ("inside", "outside"),
    ("add", "remove"), ("include inclusive including", "exclude exclusive excluding"),
    ("satisfied", "dissatisfied"), ("effective", "ineffective"), ("same", "different"), ("safe", "unsafe dangerous"),
    ("majority", "minority"), ("male men man boy", "female women woman girl"), ("buy bought", "sell sold"),
    ("win won winner", "lose lost loser"), ("upper superior", "inferior"), ("anterior", "posterior"),
    ("acute", "chronic"), ("strong stronger strengthen", "weak weaker weaken"), ("hot", "cold"), ("old older", "young younger"),
    ("import", "export"), ("debit", "credit"), ("alive survive survival", "dead died death mortality"),
)  # fmt: skip
_POLES: tuple[tuple[frozenset[str], frozenset[str]], ...] = tuple(
    (frozenset(map(stem, one.split())), frozenset(map(stem, other.split()))) for one, other in _PAIRS
)
_POLAR = frozenset().union(*(one | other for one, other in _POLES))
_MILD = frozenset(
    map(
        stem,
        "up down over under above below more most less first last top bottom start end before after".split(),
    )
)
"""Words too common to be demanded of a source that says nothing about direction."""
_PREFIXES = ("un", "in", "im", "ir", "il", "non", "dis", "ab", "mis", "anti")


def negations(text: str) -> int:
    """Count the negation cues of a text; `No. 12` and `Invoice no` are numbers, not negations."""
    rest = _NUMBER_SIGN.sub(" ", text)
    count = len(_MORE_NEGATION.findall(rest))
    while has_negation(rest):
        shorter = _drop_first_cue(rest)
        if shorter == rest:
            return count + 1
        rest, count = shorter, count + 1
    return count


def _drop_first_cue(text: str) -> str:
    """Cut a text after its first negation cue: the shortest prefix that negates ends with the cue."""
    for match in re.finditer(r"\S+", text):
        if has_negation(text[: match.end()] + " "):
            return text[match.end() :]
    return text


def polarity_faults(claim: str, context: str) -> list[str]:
    """Return where a claim and the sentences it rests on disagree in negation, direction or certainty."""
    faults: list[str] = []
    # A clause has no cue that its whole has not: most texts have none, and need not be taken apart.
    for clause in _clauses(claim) if _has_cue(claim) or _has_cue(context) else []:
        near = _nearest(clause, context)
        said, stands = negations(clause), negations(near)
        if bool(said) != bool(stands) or (said > stands and (said - stands) % 2):
            faults.append("the source negates differently")
    faults += _antonym_faults(claim, context)
    if _MAY_HEDGE.search(context) and not _HEDGE.search(claim) and _HEDGE.search(_nearest(claim, context)):
        faults.append("the source is not as certain")
    return faults


def _has_cue(text: str) -> bool:
    """Whether a text has a negation cue, be it the `no` of a number or not."""
    return has_negation(text) or _MORE_NEGATION.search(text) is not None


def _clauses(text: str) -> list[str]:
    return [part for part in (piece.strip() for piece in _CLAUSE.split(text)) if words(part)]


def _nearest(clause: str, context: str) -> str:
    """Return the clauses of the context that share most content words with a clause, joined."""
    wanted = stems(clause)
    scored = [(len(wanted & stems(part)), part) for part in _clauses(context)]
    best = max((score for score, _ in scored), default=0)
    if best == 0:
        return context
    covered: set[str] = set()
    chosen: list[str] = []
    for _, part in sorted(scored, key=lambda item: -item[0]):
        shared = wanted & stems(part)
        if shared - covered:
            chosen.append(part)
            covered |= shared
    return " \n".join(chosen)


def _antonym_faults(claim: str, context: str) -> list[str]:
    said, stands = [stem(word) for word in words(claim)], [stem(word) for word in words(context)]
    faults = []
    spoken = set(said)
    for one, other in () if spoken.isdisjoint(_POLAR) else _POLES:
        if spoken.isdisjoint(one) and spoken.isdisjoint(other):
            continue
        path, source = _signs(said, one, other), _signs(stands, one, other)
        if not source and _MILD.issuperset(set(said) & (one | other)):
            continue
        if path and not _is_subsequence(path, source):
            faults.append("the source says the opposite, or nothing, about direction")
            break
    known = set(stands) | {word.replace("-", "") for word in stands}
    said = [word.replace("-", "") if word.startswith("non-") else word for word in said]
    for word in dict.fromkeys(said):
        if word in known:
            continue
        if len(word) > 3 and any(prefix + word in known for prefix in _PREFIXES):
            faults.append(f"the source says the opposite of `{word}`")
        bare = next((word[len(p) :] for p in _PREFIXES if word.startswith(p) and word[len(p) :] in known), "")
        if len(bare) > 3:
            faults.append(f"the source says `{bare}`, not `{word}`")
    return faults


def _signs(said: list[str], one: frozenset[str], other: frozenset[str]) -> list[int]:
    both = one & other
    return [1 if word in one else -1 for word in said if word in one | other and word not in both]


def _is_subsequence(path: list[int], source: list[int]) -> bool:
    rest = iter(source)
    return all(sign in rest for sign in path)


def directions(text: str) -> dict[int, set[int]]:
    """Return which poles (1 or -1) of each antonym pair a text names, by the pair's place in the table."""
    said = [stem(word) for word in words(text)]
    found = {place: set(_signs(said, one, other)) for place, (one, other) in enumerate(_POLES)}
    return {place: signs for place, signs in found.items() if signs}
