"""Pairs of questions for the answer cache: of the same meaning, of another, and changed in one place."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent / "data"
OTHER = _HERE / "other_meaning.txt"
SAME = _HERE / "same_meaning.txt"
FREE = "reworded freely"
"""The kind of the pairs that were written without a look at the rules."""

_PUBLIC = {
    "vqa_rad/dev.jsonl": ("question", "answer", "image_name"),
    "opencqa/dev.jsonl": ("question", "abstractive_answer", "image"),
    "misleading_chartqa/dev.jsonl": ("question", "answer", "image"),
    "multimodalqa/dev.jsonl": ("question", "answers", ""),
    "multihop_text/hotpot_dev.jsonl": ("question", "answer", ""),
    "multihop_text/strategyqa_dev.jsonl": ("question", "answer", ""),
    "pubmedqa/dev.jsonl": ("question", "final_decision", ""),
    "bioasq/dev.jsonl": ("question", "exact_answer", ""),
    "metatool/queries_dev.jsonl": ("Query", "Tool", ""),
    "scifact/claims_dev.jsonl": ("claim", "evidence", ""),
    "xstest/dev.jsonl": ("prompt", "label", ""),
}
"""Question, gold answer and what it is asked about, by file; without the last, all share one collection."""


@dataclass(frozen=True)
class Pair:
    """Two questions, and how they differ."""

    kind: str
    one: str
    other: str


@dataclass(frozen=True)
class Asked:
    """A question of a public set with its gold answer and what it is about."""

    question: str
    gold: str
    about: str


def written(path: Path) -> list[Pair]:
    """Read a file of pairs: `# kind`, then one `question | question` a line."""
    kind, found = "", []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            kind = line[2:]
        elif " | " in line:
            one, other = line.split(" | ")
            found.append(Pair(kind, one, other))
    return found


def public(root: Path) -> list[Asked]:
    """Return the questions of the public development sets that are there."""
    found = []
    for name, (question, gold, about) in _PUBLIC.items():
        path = root / name
        if not path.is_file():
            continue
        for line in path.read_text(encoding="utf-8").split("\n"):
            if not line:
                continue
            row = json.loads(line)
            where = f"{name}:{row[about] if about else ''}"
            found.append(
                Asked(str(row[question]), json.dumps(row.get(gold), sort_keys=True).casefold(), where)
            )
    return found


_OPPOSITES = dict(
    pair.split("/")
    for pair in "left/right right/left upper/lower lower/upper largest/smallest smallest/largest first/last "
    "last/first before/after after/before with/without without/with more/fewer higher/lower highest/lowest "
    "increase/decrease all/some "
    "some/no any/every is/was are/were can/must the/a in/on to/from what/which who/whose and/or most/least "
    "total/average men/women above/below anterior/posterior minimum/maximum open/closed does/did "
    "how/why".split()
)
_LEFT_OUT = frozenset("any there please hello , . ?".split())
"""Words that wordings of one question may lack."""


def changed(question: str, number: int, names: list[str]) -> Iterator[Pair]:
    """Yield a question with one thing changed, each of which changes what is asked; by a seed.

    Args:
        question: The question.
        number: The seed.
        names: Words of other questions, to put in its place.
    """
    chance = random.Random(number)
    tokens = question.split()
    lower = [token.strip("?.,!").lower() for token in tokens]
    verb = next(
        (at for at, word in enumerate(lower) if word in ("is", "are", "was", "were", "does", "did")), None
    )
    if verb is not None:
        yield Pair("negation", question, _joined([*tokens[: verb + 1], "not", *tokens[verb + 1 :]]))
    for at, word in enumerate(lower):
        if word in _OPPOSITES:
            swapped = _OPPOSITES[word].capitalize() if tokens[at][0].isupper() else _OPPOSITES[word]
            if not {word, _OPPOSITES[word]} <= {"what", "which"}:
                yield Pair(f"{word} to {_OPPOSITES[word]}", question, _put(tokens, at, swapped))
        if re.search(r"\d", word):
            more = re.sub(r"\d+", lambda digits: str(int(digits[0]) + 1), tokens[at], count=1)
            yield Pair("number", question, _joined([*tokens[:at], more, *tokens[at + 1 :]]))
    content = [at for at, word in enumerate(lower) if len(word) > 3 and word not in _LEFT_OUT]
    if content:
        yield Pair("another word", question, _put(tokens, chance.choice(content), chance.choice(names)))
        gone = chance.choice(content)
        yield Pair("a word less", question, _joined([*tokens[:gone], *tokens[gone + 1 :]]))
    if len(content) > 1:
        one, other = chance.sample(content, 2)
        if lower[one] != lower[other]:
            swapped_tokens = list(tokens)
            swapped_tokens[one], swapped_tokens[other] = tokens[other], tokens[one]
            yield Pair("two words swapped", question, _joined(swapped_tokens))


def _put(tokens: list[str], at: int, word: str) -> str:
    end = re.search(r"[?.,]*$", tokens[at])
    return _joined([*tokens[:at], word + (end.group() if end else ""), *tokens[at + 1 :]])


def _joined(tokens: list[str]) -> str:
    return " ".join(tokens)
