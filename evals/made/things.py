"""Things that exist nowhere: a passage about each, a question that it answers and one that it does not.

`evals/suites/data/kinds.jsonl` holds the kinds: how one is called, and of each fact several ways to say it,
several to ask for it, and the range of its values. A passage says four of six facts. Things of a kind share
all words but names and values, so that finding the right one is not given away by its topic.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from evals.made.values import Value, code, places, sentence, value

EACH = 12
_TOLD = 4


@dataclass(frozen=True)
class Asked:
    """A question on a thing; `accepted` is empty where its passage does not answer."""

    key: str
    kind: str
    question: str
    accepted: tuple[str, ...]


@dataclass(frozen=True)
class Thing:
    """A thing: its passage, what it answers (the first one is asked), and what it does not."""

    id: str
    kind: str
    name: str
    title: str
    text: str
    answered: tuple[Asked, ...]
    missing: tuple[Asked, ...]
    otherwise: tuple[str, ...]
    """Its facts in other words than its passage has."""


def things(kinds: Sequence[Mapping[str, Any]], each: int = EACH) -> list[Thing]:
    """Return so many things of each kind, the same ones each time."""
    return list(_things(tuple(_frozen(kind) for kind in kinds), each))


@cache
def _things(kinds: tuple[Any, ...], each: int) -> tuple[Thing, ...]:
    names = iter(places(len(kinds) * each, "things"))
    return tuple(thing for kind in kinds for thing in _of_kind(dict(kind), each, names))


def _of_kind(kind: Mapping[str, Any], each: int, names: Iterator[str]) -> Iterator[Thing]:
    codes: set[str] = set()
    for number in range(each):
        rng = random.Random(f"thing-{kind['kind']}-{number}")  # noqa: S311 - made-up data, no secret
        model = code(rng)
        while model in codes:
            model = code(rng)
        codes.add(model)
        yield _thing(kind, number, kind["name"].format(place=next(names), code=model), model, rng)


def _thing(kind: Mapping[str, Any], number: int, name: str, model: str, rng: random.Random) -> Thing:
    facts = [dict(fact) for fact in kind["facts"]]
    told = rng.sample(facts, _TOLD)
    values = {fact["key"]: value(fact["value"], rng) for fact in told}
    chosen = [rng.randrange(len(fact["says"])) for fact in told]
    said = [_says(fact, place, values) for fact, place in zip(told, chosen, strict=True)]
    otherwise = [_says(fact, place - 1, values) for fact, place in zip(told, chosen, strict=True)]
    opening = sentence(rng.choice(kind["opens"]).format(name=name, Name=sentence(name), code=model))
    # Asked about in turn, so that every fact of a kind is asked for as often as any other.
    order = sorted(told, key=lambda fact: (facts.index(fact) - number) % len(facts))
    return Thing(
        id=f"{kind['kind']}-{number:02}",
        kind=kind["kind"],
        name=name,
        title=sentence(name.removeprefix("the ")),
        text=" ".join([opening, *said]),
        answered=tuple(_asked(fact, name, values[fact["key"]].accepted, rng) for fact in order),
        missing=tuple(_asked(fact, name, (), rng) for fact in facts if fact not in told),
        otherwise=tuple(otherwise),
    )


def _says(fact: Mapping[str, Any], place: int, values: Mapping[str, Value]) -> str:
    return sentence(fact["says"][place].format(v=values[fact["key"]].text))


def _asked(fact: Mapping[str, Any], name: str, accepted: tuple[str, ...], rng: random.Random) -> Asked:
    return Asked(
        fact["key"], fact["value"].partition(":")[0], rng.choice(fact["asks"]).format(name=name), accepted
    )


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple((key, _frozen(one)) for key, one in value.items())
    return tuple(_frozen(one) for one in value) if isinstance(value, list) else value
