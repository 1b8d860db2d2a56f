"""What of a document may be used as evidence: statements; what gives orders is left out.

A served model may obey any sentence that it is shown, so it is not shown those that ask for something and
have nothing to do with the question. Nothing else of the agent rests on this filter: plans never see text of
documents, and every claim is checked. It keeps answers useful where a document tries to take them over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from agents.check.commands import SPACED, folded, is_command, is_forged, is_protocol, is_request
from agents.check.overlap import stem, stems
from core.contracts import Evidence, EvidenceKind, Suspicion
from core.text import sentences

Rule = Callable[[str], bool]
_ADDRESS = re.compile(r"\b(?:https?|ftp|file)://|\bwww\.|[\w.+-]+@[\w-]+\.\w", re.I)
_ODD_START = re.compile(r"(?<=[.!?])\s+(?=[^\x00-\x7f])")
_LONGEST_VALUE = 160
_CODE_BLOCK = re.compile(r"```.*?(?:```|\Z)", re.S)
PROSE: tuple[EvidenceKind, ...] = ("passage", "pubmed")
"""Kinds of evidence that are sentences of documents."""
_SUSPICIONS = 20
"""How many orders to software a result tells of, and how much of each."""
_SUSPICION_CHARS = 300
_WITHHELD = "\n\n"
"""A gap, so that no quote runs over it."""


def statements(evidence: Sequence[Evidence], keywords: Sequence[str]) -> list[Evidence]:
    """Return the evidence that answers in code are taken from: no commands, no requests beside the question.

    Lines read from images keep their requests: labels of forms (`Change 2.00`) look like imperatives.

    Args:
        evidence: What the run found.
        keywords: The content words of the question.
    """
    strict = _rule(keywords)
    return _each(evidence, lambda item: strict if item.kind in PROSE else _plain)


def shown_to_models(evidence: Sequence[Evidence], keywords: Sequence[str]) -> list[Evidence]:
    """Return what a served model is shown: no request beside the question at all, and no code blocks.

    Args:
        evidence: What the run found.
        keywords: The content words of the question.
    """
    strict = _rule(keywords)
    kept = []
    for item in _each(evidence, lambda item: strict):
        shown = item
        if item.kind != "code" and "```" in item.content:
            shown = item.model_copy(update={"content": _CODE_BLOCK.sub(_WITHHELD, item.content).strip()})
        if shown.content:
            kept.append(shown)
    return kept


def without_requests(text: str, keywords: Sequence[str]) -> str:
    """Return a text as a served model is shown it, by the same rules as evidence."""
    return cleaned(text, _rule(keywords))


def _rule(keywords: Sequence[str]) -> Rule:
    asked = {stem(word) for word in keywords}

    def withheld(sentence: str) -> bool:
        if is_command(sentence) or is_forged(sentence):
            return True
        return is_request(sentence) and not asked & stems(folded(sentence))

    return withheld


def _plain(sentence: str) -> bool:
    return is_command(sentence) or is_protocol(sentence)


def _each(evidence: Sequence[Evidence], rule: Callable[[Evidence], Rule]) -> list[Evidence]:
    kept = []
    for item in evidence:
        if item.trust == "trusted" or item.kind == "code":
            kept.append(item)
            continue
        content = cleaned(item.content, rule(item))
        if content == item.content:
            kept.append(item)
        elif content:
            kept.append(item.model_copy(update={"content": content}))
    return kept


@lru_cache(maxsize=512)
def without_commands(text: str) -> str:
    """Return a text without the sentences that address software."""
    return cleaned(text, is_command)


def cleaned(text: str, withheld: Rule) -> str:
    """Return a text without the sentences that a rule withholds, with a gap in place of each."""
    lines = []
    for line in text.split("\n"):
        if line.lstrip()[:1] in ("|", "#"):
            # Cells and headings name things, whatever their grammar.
            lines.append("" if is_command(line) else line)
            continue
        parts = [part for whole in sentences(line) for part in _split_odd(whole)]
        kept = [part for part in parts if not withheld(part)]
        lines.append(line if len(kept) == len(parts) else _WITHHELD.join(kept))
    return re.sub(r"\n{3,}", _WITHHELD, "\n".join(lines)).strip() if lines else ""


def suspicions(question: str, evidence: Sequence[Evidence]) -> tuple[Suspicion, ...]:
    """Return the sentences that give orders to software: the question's, noted, and the evidence's, withheld.

    Args:
        question: The user's own words.
        evidence: What the run found. Code, and what is trusted, is left out: nothing is withheld of it.
    """
    found = [Suspicion(where="question", text=text, action="noted") for text in _orders(question)]
    for item in evidence:
        if item.trust != "trusted" and item.kind != "code":
            found += [
                Suspicion(
                    where="evidence", text=text, action="withheld", evidence_id=item.id, source=item.source
                )
                for text in _orders(item.content)
            ]
    return tuple(found[:_SUSPICIONS])


@lru_cache(maxsize=512)
def _orders(text: str) -> tuple[str, ...]:
    if without_commands(text) == text.strip():
        return ()
    parts = [part for line in text.split("\n") for whole in sentences(line) for part in _split_odd(whole)]
    return tuple(part[:_SUSPICION_CHARS] for part in parts if is_command(part))


def _split_odd(text: str) -> list[str]:
    """Split where a sentence starts with an odd letter or is spaced out: a plain splitter does not see it."""
    parts = SPACED.split(text)
    if not text.isascii():
        parts = [piece for part in parts for piece in _ODD_START.split(part)]
    return [part for part in parts if part.strip()]


def is_value(text: str) -> bool:
    """Return whether a text of a document may stand in a later query: a name or a figure, nothing more."""
    plain = text.strip()
    return (
        0 < len(plain) <= _LONGEST_VALUE
        and "\n" not in plain
        and not has_address(plain)
        and not (is_command(plain) or is_forged(plain) or is_request(plain) and len(plain.split()) > 3)  # noqa: RUF021
    )


def has_address(text: str) -> bool:
    """Return whether a text names a web address or a mail address."""
    return _ADDRESS.search(folded(text)) is not None
