# ruff: noqa: E501 - tables of patterns, one to a line
"""What a question about code asks for: the names it has, the file it mentions, and the kind of answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from core.text import content_words

Wish = Literal[
    "callers", "subclasses", "bases", "commit", "default", "arguments", "returns", "raises", "file", "place", "told"
]  # fmt: skip
_FILE = re.compile(r"[\w./-]*\w\.(?:py|pyi|js|jsx|ts|tsx|java|c|h|cc|cpp|hpp|go|rs|rb|sh|sql)\b")
_NAMED = re.compile(
    r"`([\w.]+)(?:\([^`]*\))?`|\b([A-Za-z]\w*(?:[._]\w+)+|_+\w+|[a-z]+[A-Z]\w*|[A-Z]{2,}_\w+)\b"
    r"|\b([A-Z][a-z0-9]+[A-Z]\w*|[A-Z]{2,}[a-z]\w*|[A-Z]+\d*[A-Z]*[a-z]+\d*[A-Z]\w*)\b|\b(\w+)\(\)"
)
_KINDS = (
    r"(?:function|class|method|constant|variable|setting|parameter|argument|attribute|option|field|dataclass)"
)
_AFTER = re.compile(
    rf"\b(?:{_KINDS}|default of|value of|default for|default value of|default value for)\s+(?:the\s+)?(\w+)"
)
_BEFORE = re.compile(rf"\b(\w+)\s+{_KINDS}\b")
_SINGLE = re.compile(r"\bwhere is (?:the )?(\w+) (?:defined|implemented|declared)", re.I)
_CAPITAL = re.compile(r"(?<=[a-z,] )([A-Z][a-z0-9]+)\b")
_PLAIN = frozenset(
    "the a an of is does do what which this that in each and default value base parent main public private new its"
    " return returns python abstract its called named implements defines"
    " take takes handles loads call calls raise raises inherit inherits implement contain contains use uses".split()
)
_WISHES: tuple[tuple[Wish, re.Pattern[str]], ...] = (
    ("commit", re.compile(r"\bcommits?\b|\bchanged (?:it|this)? ?(?:last|in)\b|\bwhen was\b.*\b(?:changed|added|removed|fixed)\b", re.I)),
    ("callers", re.compile(
        r"\b(?:calls?|callers?|invokes?|uses)\b(?! for)|\bcalled (?:from|by)\b|\bused (?:by|in)\b|\bis \S+ (?:called|used)\b", re.I)),
    ("subclasses", re.compile(
        r"\bsubclass(?:es)?\b|\b(?:which|what) class(?:es)? (?:inherit|extend|derive)|\binherits? from\b(?!\?)(?=.*\w)|\bderived from\b", re.I)),
    ("bases", re.compile(
        r"\b(?:base|parent|super) ?class(?:es)?\b|\bdoes \S+ (?:inherit|extend|derive)|\b(?:inherit|derive) from\?", re.I)),
    ("arguments", re.compile(r"\b(?:arguments|parameters|signature)\b|\barguments? (?:does|do)\b", re.I)),
    ("default", re.compile(r"\bdefaults?\b|\b(?:what is|what's) the value\b|\bequal to\b|\bset to\b|\bvalue (?:of|does)\b", re.I)),
    ("arguments", re.compile(r"\b(?:argument|parameter)\b|\btakes?\b(?=[^?]*\?*$)", re.I)),
    ("returns", re.compile(r"\breturns?\b", re.I)),
    ("raises", re.compile(r"\braises?\b|\bexceptions?\b", re.I)),
    ("file", re.compile(r"\b(?:which|what) (?:\w+ )?(?:file|module|script)\b|\bin (?:which|what) (?:file|module)\b", re.I)),
    ("place", re.compile(r"\bwhere\b|\b(?:which|what) (?:line|path)\b|\bdefined?\b|\bdefinition\b|\bdeclared\b|\bimplement", re.I)),
)  # fmt: skip


@dataclass(frozen=True)
class CodeQuery:
    """A question about code, read."""

    names: tuple[str, ...]
    """Identifiers as written, most specific first."""
    wish: Wish
    hints: frozenset[str]
    """Other words, which may say what is meant where a name is defined more than once."""
    files: tuple[str, ...] = ()
    """Files that the question names."""
    maybe: tuple[str, ...] = ()
    """Words with a capital that are names if the code has them."""


def read_query(question: str) -> CodeQuery:
    """Read a question about code."""
    files = tuple(dict.fromkeys(_FILE.findall(question)))
    names = tuple(code_names(question))
    wish: Wish = next((name for name, form in _WISHES if form.search(question)), "told")
    rest = question
    for name in (*names, *files):
        rest = rest.replace(name, " ")
    words = [part for word in content_words(rest) for part in re.split(r"[-_]", word)]
    maybe = tuple(dict.fromkeys(word for word in _CAPITAL.findall(question) if word not in names))
    return CodeQuery(names, wish, frozenset(words), files, maybe)


def code_names(question: str) -> list[str]:
    """Return the identifiers that a question names, as written, most specific first."""
    text = _FILE.sub(" ", question)
    named = [next(group for group in match.groups() if group) for match in _NAMED.finditer(text)]
    single = _SINGLE.search(text)
    plain = [*_AFTER.findall(text), *_BEFORE.findall(text), *([single.group(1)] if single else [])]
    return list(dict.fromkeys([*named, *(word for word in plain if word.lower() not in _PLAIN)]))


def is_identifier(name: str) -> bool:
    """Whether a word can only be an identifier, by its form."""
    return _NAMED.fullmatch(name) is not None
