# ruff: noqa: E501 - tables of words and patterns, one group to a line
"""Labels and the values beside or below them, and how well a label matches what is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from agents.answer.layout import Line, Page
from core.text import is_sentence, words

Relation = Literal["same", "right", "below", "next"]
_NEARNESS: dict[Relation, float] = {"same": 1.0, "right": 1.0, "below": 0.85, "next": 0.8}

# One spelling for words that forms abbreviate.
_CANON = {
    alias: name
    for name, aliases in {
        "number": "no num nr number numbers nos", "phone": "tel telephone phone ph hp mobile contact handphone hotline call",
        "invoice": "inv invoice invoices", "amount": "amt amount amounts", "quantity": "qty quantity quantities qtys",
        "subtotal": "subtotal", "tax": "tax taxes", "item": "item items",
        "address": "address addr", "receipt": "receipt rcpt rcp", "transaction": "transaction trans txn trx",
        "registration": "registration reg regn registered", "document": "document doc", "reference": "reference ref",
        "company": "company co", "department": "department dept", "account": "account acct acc a/c",
        "discount": "discount disc", "rounding": "rounding rounded round rnd rounddown roundup", "adjustment": "adjustment adj",
        "inclusive": "inclusive incl inc including included includes", "exclusive": "exclusive excl exc excluding excluded",
        "birth": "birth born dob birthday", "expiry": "expiry expires expire expiration exp expired",
        "delivery": "delivery delivered deliver", "payment": "payment pay paid", "due": "due", "nett": "nett net",
        "salesman": "salesman salesperson salesmen", "id": "id identification", "service": "service svc serv",
        "price": "price prices", "customer": "customer cust client buyer", "manager": "manager mgr",
        "percentage": "percentage percent pct", "signature": "signature signed sign", "website": "website web",
        "departure": "departure depart departs departing departure", "arrival": "arrival arrive arrives arriving",
    }.items()
    for alias in aliases.split()
}  # fmt: skip
_FILLER = frozenset("rm myr usd eur gbp the of and a an is in for your this s sr".split())
_CLOCK_OR_URL = re.compile(r"(?<=\d):(?=\d)|:(?=//)")
_MARK = re.compile(r"\s*[:：#]+\s*|\s*=\s*")
_CURRENCY = re.compile(r"\W*(?:rm|myr|usd|eur|gbp|[$€£¥])\W*", re.I)
_ZERO_FOR_O = re.compile(r"(?<=[a-z])0(?=[a-z])")
_VALUE_START = re.compile(r"(?:^|(?<=\s))(?:RM|[$€£¥]|US\$)?\s?-?\(?\d(?![\w.]*\s?%)", re.I)


@dataclass(frozen=True)
class Pair:
    """A label and a text that may be its value; `text` is all or a part of `line`."""

    label: str
    text: str
    line: Line
    label_line: Line
    relation: Relation
    near: float

    @property
    def whole(self) -> bool:
        """Whether the value is the whole of its line."""
        return self.text == self.line.text


def pairs_of(page: Page) -> Iterator[Pair]:
    """Yield every label of a page with each text that may be its value."""
    for line in page.lines:
        inline = list(_inline(line.text))
        for label, text in inline:
            if text:
                yield Pair(label, text, line, line, "same", _NEARNESS["same"])
        last = inline[-1] if inline else (line.text, "")
        if (not last[1] or _CURRENCY.fullmatch(last[1])) and not is_sentence(line.text):
            yield from _beside(page, line, last[0])


def _beside(page: Page, line: Line, label: str) -> Iterator[Pair]:
    right = [other for other in page.right_of(line) if any(c.isalnum() for c in other.text)]
    header = page.is_header(line)
    for order, other in enumerate(right[:5]):
        near = _NEARNESS["right"] * 0.97**order
        if order and any(c.isdigit() for c in right[0].text):
            near *= 0.97
        if header:
            near *= 0.5
        yield Pair(label, other.text, other, line, "right", near)
    for other in page.below(line)[:2]:
        near = _NEARNESS["below"] * (1.1 if header else 0.75 if right else 1.0)
        if abs(other.box[0] - line.box[0]) > 2 * line.height:
            near *= 0.9
        yield Pair(label, other.text, other, line, "below", near)
    # A table row whose text and figures stand on two lines: the name, then its figures below right.
    if not right and line.row + 1 < len(page.rows):
        following = page.rows[line.row + 1]
        if following[0].box[1] - line.box[3] < 1.2 * line.height:
            for other in following:
                if other.centre > line.centre:
                    yield Pair(label, other.text, other, line, "next", _NEARNESS["next"])


def _inline(text: str) -> Iterator[tuple[str, str]]:
    """Split `Label: value Label: value`, or `LABEL 12.00`; the last value may be empty."""
    guarded = _CLOCK_OR_URL.sub("\0", text)
    parts = [part.replace("\0", ":") for part in _MARK.split(guarded)]
    if len(parts) > 1 and any(c.isalpha() for c in parts[0]):
        label = parts[0]
        for part in parts[1:-1]:
            value, following = _value_then_label(part)
            if not value and label and not following:
                continue
            yield label.strip(), value
            label = following
        yield label.strip(), parts[-1].strip()
        return
    start = next((m.start() for m in _VALUE_START.finditer(text) if m.start() > 1), None)
    if start is not None and sum(c.isalpha() for c in text[:start]) >= 2:
        yield text[:start].strip(), text[start:].strip()


def _value_then_label(text: str) -> tuple[str, str]:
    """Part `1052580 Cashier` into a value and the next label."""
    tokens = text.split()
    last_digit = max((i for i, token in enumerate(tokens) if any(c.isdigit() for c in token)), default=-1)
    cut = last_digit + 1 if last_digit >= 0 else max(len(tokens) - 1, 0)
    return " ".join(tokens[:cut]), " ".join(tokens[cut:])


def canon(text: str) -> list[str]:
    """Return the words of a label or question in one spelling each, without fillers."""
    text = re.sub(r"\bsub[\s-]+total\b", "subtotal", text, flags=re.I)
    text = re.sub(r"\(\s*s\s*\)|(?<=[a-z])\(s\)", "", text, flags=re.I).replace("#", " no ")
    found: list[str] = []
    for word in words(text):
        word = _ZERO_FOR_O.sub("o", word)  # noqa: PLW2901 - `T0TAL` is a slip of the reader
        for part in word.replace("’", "'").removesuffix("'s").split("-"):
            name = _CANON.get(part, part)
            if name and name not in _FILLER:
                found.append(name)
    return found


def same_word(a: str, b: str) -> bool:
    """Return whether two words are one, allowing an OCR slip in longer words and plural endings."""
    if a == b or a.rstrip("s") == b.rstrip("s"):
        return len(a) > 1 or a == b
    shorter = min(len(a), len(b))
    if shorter < 4 or any(c.isdigit() for c in a + b):
        return False
    if shorter >= 5 and (a.startswith(b) or b.startswith(a)) and abs(len(a) - len(b)) <= 3:
        return True
    return a[0] == b[0] and distance(a, b) <= (1 if shorter < 8 else 2)


def distance(a: str, b: str) -> int:
    """Return the Levenshtein distance of two short strings."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        new = [i]
        for j, y in enumerate(b, 1):
            new.append(min(row[j] + 1, new[-1] + 1, row[j - 1] + (x != y)))
        row = new
    return row[-1]


def match_label(label: str, phrase: Sequence[str]) -> float:
    """Score how well a label says a phrase (words from `canon`), 0 to 1; 1.0 is the same words.

    Every word of the phrase has to stand in the label; further words of the label lower the score.
    """
    have = canon(label)
    if not have or not phrase:
        return 0.0
    joined, wanted = "".join(have), "".join(phrase)
    if joined == wanted:
        return 1.0
    left = list(have)
    for word in phrase:
        found = next((other for other in left if same_word(word, other)), None)
        if found is None:
            # Words that ran together: `TAXINVOICE` holds both of its words.
            run = next((other for other in have if len(word) >= 4 and word in other), None)
            if run is None:
                return 0.0
            continue
        left.remove(found)
    extra = sum(1 for word in left if len(word) > 1 and not word.isdigit())
    starts = same_word(phrase[0], have[0])
    return (1.0 if starts else 0.93) / (1.0 + 0.14 * extra)
