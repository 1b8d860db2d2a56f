"""A library of our own: 30 passages that we wrote and 144 made from templates, all on what exists nowhere."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from evals.made.things import Thing, things
from evals.run.sample import Sample
from evals.suites.rows import own

Record = dict[str, Any]
ANSWERED, MISSING = 10, 9
"""Of each kind of thing, so many are asked what their passage says, and so many what it does not."""


def library() -> list[Record]:
    """Return all passages as records of an index."""
    return [*written(), *({"id": one.id, "title": one.title, "text": one.text} for one in made())]


def written() -> list[Record]:
    """Return the passages that we wrote."""
    return [{"id": row["id"], "title": row["title"], "text": row["text"]} for row in own("passages.jsonl")]


def made() -> list[Thing]:
    """Return the things of the passages that are made."""
    return things(own("kinds.jsonl"))


def questions() -> Iterator[Record]:
    """Yield questions with their answers: those that we wrote, and one on each of many things."""
    yield from own("questions.jsonl")
    for thing in made():
        if _number(thing) < ANSWERED:
            asked = thing.answered[0]
            yield _row(thing, asked.kind, asked.question, answers=list(asked.accepted))


def searches() -> Iterator[Record]:
    """Yield what is searched for: the questions that we wrote; things by name, or by what they are."""
    yield from own("questions.jsonl")
    for thing in made():
        if _number(thing) % 2:
            yield _row(thing, "described", _described(thing))
        else:
            yield _row(thing, thing.answered[0].kind, thing.answered[0].question)


def unanswerable() -> Iterator[Record]:
    """Yield questions that no passage answers: those that we wrote, and facts that a passage leaves out."""
    yield from own("unanswerable.jsonl")
    for thing in made():
        if _number(thing) < MISSING:
            asked = thing.missing[_number(thing) % len(thing.missing)]
            yield {"id": thing.id, "kind": "missing_fact", "about": thing.id, "question": asked.question}


def library_sample(row: Record, suite_name: str, family: str, target: Any) -> Sample:
    """Return a question about the library; questions on the same passages are one group."""
    return Sample(
        id=row["id"],
        suite=suite_name,
        family=family,
        kind=row["kind"],
        difficulty=row["difficulty"],
        modality="text",
        source=row.get("source", "own"),
        group="+".join(row["passages"]),
        input={"question": row["question"]},
        target=target,
    )


def _row(thing: Thing, kind: str, question: str, **more: Any) -> Record:
    return {
        "id": thing.id,
        "kind": kind,
        "difficulty": "one passage",
        "source": "made",
        "passages": [thing.id],
        "question": question,
        **more,
    }


def _described(thing: Thing) -> str:
    """Return two facts of a thing without its name, in words that its passage does not use."""
    rng = random.Random(f"described-{thing.id}")  # noqa: S311 - made-up data, no secret
    told = rng.sample(thing.otherwise, 2)
    return f"Which {thing.kind} is meant? {' '.join(told)}"


def _number(thing: Thing) -> int:
    return int(thing.id.rsplit("-", 1)[1])
