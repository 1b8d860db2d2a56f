"""From a plain question to PubMed's query language: phrases, headings, years, kinds of study, what to drop.

No network and no dictionary: a phrase is offered to PubMed as a MeSH heading and as words, and PubMed's own
automatic term mapping does the rest. The wordings come from strict to loose; the client asks them in turn
until one finds something.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from core.text import content_words

_MOST = 8
_DROPS = 4
"""Steps in which words are left out, however many there are."""
_SYNTAX = re.compile(r"\[[A-Za-z][\w /:~-]*\]|\b(?:AND|OR|NOT)\b")
_PMIDS = re.compile(r"(?:pmid:?\s*)?([1-9]\d{4,8})(?:[\s,;]+(?:pmid:?\s*)?([1-9]\d{4,8}))*", re.I)
_DOI = re.compile(r"\b10\.\d{4,9}/[^\s\"<>\])]+[^\s\"<>\]).,;?]")
_QUOTED = re.compile(r"[\"“]([^\"“”]{2,200})[\"”]")
_YEAR = r"((?:19|20)\d{2})"
_YEARS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], int], tuple[str, str]]], ...] = (
    (
        re.compile(rf"\b(?:between|from)\s+{_YEAR}\s*(?:and|to|until|-|–)\s*{_YEAR}\b", re.I),
        lambda m, _: (m[1], m[2]),
    ),
    (re.compile(rf"\b{_YEAR}\s*(?:-|–|to)\s*{_YEAR}\b"), lambda m, _: (m[1], m[2])),
    (re.compile(rf"\b(?:since|from)\s+{_YEAR}\b", re.I), lambda m, _: (m[1], "3000")),
    (re.compile(rf"\bafter\s+{_YEAR}\b", re.I), lambda m, _: (str(int(m[1]) + 1), "3000")),
    (re.compile(rf"\b(?:before|prior to)\s+{_YEAR}\b", re.I), lambda m, _: ("1800", str(int(m[1]) - 1))),
    (re.compile(rf"\b(?:until|up to)\s+{_YEAR}\b", re.I), lambda m, _: ("1800", m[1])),
    (
        re.compile(r"\b(?:in|over|during|within)?\s*(?:the\s+)?(?:last|past)\s+(\d{1,2}|ten|five|three|two)\s+years\b",
                   re.I),
        lambda m, now: (str(now - _count(m[1])), "3000"),
    ),
    (
        re.compile(rf"\b(?:published\s+)?(?:in|during)\s+(?:the\s+year\s+)?{_YEAR}\b", re.I),
        lambda m, _: (m[1], m[1]),
    ),
)  # fmt: skip
_KINDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"\b(?:{words})\b", re.I), term)
    for words, term in (
        (r"(?:network )?meta-?\s?analys[ie]s", '"Meta-Analysis"[Publication Type]'),
        (r"systematic reviews?", '"Systematic Review"[Publication Type]'),
        (
            r"randomi[sz]ed(?:[, ]+(?:placebo-)?controlled)?(?: clinical)? (?:trials?|stud(?:y|ies))|rcts?",
            '"Randomized Controlled Trial"[Publication Type]',
        ),
        (r"clinical trials?", '"Clinical Trial"[Publication Type]'),
        (r"case (?:reports?|series)", '"Case Reports"[Publication Type]'),
        (r"(?:clinical |practice )?guidelines?", "(Guideline[Publication Type] OR "
         '"Practice Guideline"[Publication Type])'),
        (r"cohort stud(?:y|ies)", '"Cohort Studies"[MeSH Terms]'),
        (r"case-control stud(?:y|ies)", '"Case-Control Studies"[MeSH Terms]'),
    )
)  # fmt: skip
# Words that say how things are related or asked about rather than what they are: they go first.
_GENERIC = frozenset(
    "about affect affected affecting affects after all also any associate associated association "
    "available before benefit benefits best better between both cause caused causes causing change "
    "changes clinical common compare compared comparison correlate correlated current decrease "
    "decreased decreases define definition describe detect difference differences different during "
    "effect effective effectiveness effects efficacy evidence explain find found give good help helps "
    "high higher impact improve improved improves increase increased increases influence influences "
    "involved kind latest lead leads less link linked list literature low lower lowers main major many "
    "mean means method methods more most much name need new no not number only other outcome outcomes "
    "paper papers patient patients people per possible prevent prevented preventing prevents produce "
    "published pubmed recent recommended reduce reduced reduces reducing related relation relationship "
    "report reported research result results role safe safety same say says should show shown "
    "significant significantly some studies study such take taking there treat treated treating trial "
    "trials typical under usage use used useful using usual versus very vs whether without work "
    "works worse".split()
)
# And these say nothing to a search at all.
_NOISE = frozenset(
    "about after all also any before between both describe during explain find found give known list "
    "literature name per published pubmed say says show shown some studies study such there under "
    "very whether without".split()
)
_TOKEN = re.compile(r"[^\W_]+(?:[-'’/.][^\W_]+)*|[^\w\s]")
_LONGEST_PHRASE = 4


@dataclass(frozen=True)
class Wording:
    """One way to ask PubMed.

    `step` says how it was made; `dropped` lists the words of the question that it leaves out.
    """

    text: str
    step: str
    dropped: tuple[str, ...] = ()


def wordings(query: str, *, today: date) -> list[Wording]:
    """Return the ways to ask for a question, strictest first, at most eight.

    A query in PubMed's own language, and one of up to three key words, goes as it is first.

    Args:
        query: A question, key words, ids, or PubMed's query language.
        today: Against which "the last five years" are counted.
    """
    asked = query.strip()
    found = _ids(asked)
    if found:
        return [Wording(found, "ids")]
    syntax = _SYNTAX.search(asked) is not None
    plain = _unmarked(asked) if syntax else asked
    steps = [] if not syntax and _is_question(asked) else [Wording(asked, "as given")]
    steps += _loosened(plain, today.year)
    unique: dict[str, Wording] = {}
    for step in steps:
        if step.text:
            unique.setdefault(step.text, step)
    kept = list(unique.values()) or [Wording(asked, "as given")]
    # The loosest wordings are the ones that find something, so a long ladder loses rungs from its middle.
    return kept if len(kept) <= _MOST else [*kept[: _MOST - 3], *kept[-3:]]


def _loosened(text: str, year: int) -> list[Wording]:
    rest, years = _take_years(text, year)
    rest, kinds = _take_kinds(rest)
    clauses = _clauses(rest)
    telling = [clause for clause in clauses if not clause.generic]
    named = [clause.words for clause in clauses if clause.generic]
    if not telling:
        telling, named = clauses, []
    if not telling:
        return [Wording(_all([*kinds, *years]), "focused")] if kinds or years else []
    all_words = [clause.query() for clause in clauses]
    focused = [clause.query() for clause in telling]
    steps = [Wording(_all([*all_words, *kinds, *years]), "focused")]
    steps.append(Wording(_all([*focused, *kinds, *years]), "without common words", tuple(named)))
    if kinds:
        named = [*named, "kind of study"]
        steps.append(Wording(_all([*focused, *years]), "without the kind of study", tuple(named)))
    single = _single(telling)
    for size in _sizes(len(single)):
        kept = sorted(single, key=lambda clause: -clause.weight)[:size]
        left = [clause for clause in single if clause in kept]
        gone = [clause.words for clause in single if clause not in kept]
        text = _all([*(clause.query() for clause in left), *years])
        steps.append(Wording(text, "without some words", (*named, *gone)))
    words = [word for clause in telling for word in content_words(clause.words) if len(word) > 2]
    if years:
        last = " OR ".join(dict.fromkeys(words))
        steps.append(Wording(_all([f"({last})", *years]), "any of the words"))
        steps.append(Wording(last, "any of the words, any year", ("years",)))
    elif len(words) > 1:
        steps.append(Wording(" OR ".join(dict.fromkeys(words)), "any of the words"))
    return steps


@dataclass(frozen=True)
class _Clause:
    words: str
    quoted: bool = False
    generic: bool = False

    @property
    def weight(self) -> float:
        """How telling the words are: long, rare-looking and many ones count more."""
        parts = self.words.split()
        mixed = any(re.search(r"\d|[A-Z]{2}|[a-z][A-Z]", part) for part in parts)
        return max(map(len, parts)) + 2.0 * (len(parts) - 1) + 4.0 * mixed + 6.0 * self.quoted

    def query(self) -> str:
        if self.generic:
            return self.words
        if self.quoted:
            return f'"{self.words}"'
        return f'("{self.words}"[MeSH Terms] OR {self.words})'


def _clauses(text: str) -> list[_Clause]:
    """Cut a question into quoted phrases, runs of telling words, and single generic words."""
    found = [_Clause(" ".join(match[1].split()), quoted=True) for match in _QUOTED.finditer(text)]
    run: list[str] = []

    def close() -> None:
        if run:
            found.append(_Clause(" ".join(run)))
            run.clear()

    for token in _TOKEN.findall(_QUOTED.sub(" | ", text)):
        word = token.strip(".'’")
        if not content_words(word) or word.lower() in _NOISE:
            close()
        elif word.lower() in _GENERIC:
            close()
            found.append(_Clause(word.lower(), generic=True))
        else:
            if len(run) == _LONGEST_PHRASE:
                close()
            run.append(word)
    close()
    unique: dict[str, _Clause] = {}
    for clause in found:
        unique.setdefault(clause.words.lower(), clause)
    return list(unique.values())


def _single(clauses: list[_Clause]) -> list[_Clause]:
    """Return the words of the phrases as clauses of their own; what was quoted stays together."""
    parts = [
        part
        for clause in clauses
        for part in ([clause] if clause.quoted else [_Clause(word) for word in clause.words.split()])
    ]
    return list(dict.fromkeys(parts))


def _sizes(count: int) -> list[int]:
    """Return how many words to keep, step by step: all but one, then fewer, at last one."""
    sizes = list(range(count - 1, 0, -1))
    if len(sizes) <= _DROPS:
        return sizes
    return sorted(
        {sizes[round(step * (len(sizes) - 1) / (_DROPS - 1))] for step in range(_DROPS)}, reverse=True
    )


def _take_years(text: str, now: int) -> tuple[str, list[str]]:
    for pattern, span in _YEARS:
        match = pattern.search(text)
        if match:
            first, last = span(match, now)
            clause = f'("{first}"[Date - Publication] : "{last}"[Date - Publication])'
            return text[: match.start()] + " , " + text[match.end() :], [clause]
    return text, []


def _take_kinds(text: str) -> tuple[str, list[str]]:
    kinds: list[str] = []
    for pattern, term in _KINDS:
        shorter = pattern.sub(" , ", text)
        if shorter != text:
            kinds.append(term)
            text = shorter
    if len(kinds) > 1:
        return text, ["(" + " OR ".join(kinds) + ")"]
    return text, kinds


def _ids(text: str) -> str:
    """Return a query for the ids when that is all the text names."""
    if _PMIDS.fullmatch(text):
        return " OR ".join(f"{number}[uid]" for number in re.findall(r"[1-9]\d{4,8}", text))
    found = _DOI.findall(text)
    return " OR ".join(f'"{doi}"[doi]' for doi in found)


def _is_question(text: str) -> bool:
    words = text.split()
    return text.endswith("?") or len(words) > 3 or len(content_words(text)) < len(words)


def _unmarked(text: str) -> str:
    """Return a query without field tags, operators and brackets."""
    without = re.sub(r"\[[^\]]*\]", " ", text)
    return re.sub(r"\b(?:AND|OR|NOT)\b|[()]", " , ", without)


def _all(clauses: list[str]) -> str:
    return " AND ".join(clause for clause in clauses if clause)


def _count(word: str) -> int:
    return {"two": 2, "three": 3, "five": 5, "ten": 10}.get(word.lower()) or int(word)
