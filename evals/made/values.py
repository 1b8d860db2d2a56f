"""Names and values drawn at random: of places and people that exist nowhere."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

_STARTS = tuple(
    """
    Al Bar Bel Bran Cal Dor Dun El Fal Fen Gal Gor Hal Hest Il Jor Kel Kor Lan Lor Mar Mel Nar Nes
    Ol Or Pel Quin Ral Ros Sal Sel Tal Tor Ul Ver Vin Wel Yar Zan
    """.split()
)
_ENDS = tuple(
    """
    adel afjord agard amoor anholm arvik avere bury dale denby drup eby enmark essund even ford gate
    grund haven hythe ibo ingen iston land mere minster mouth ness odden oria ostrand pool rood sey
    stad thorpe unda ville wick yra
    """.split()
)
_FIRST = tuple(
    """
    Ada Anders Bela Carla Dagny Edvin Elin Farid Greta Hanno Ida Ivar Jana Jonas Karin Kofi Leila
    Lars Magda Mirko Nadia Nils Olga Pablo Ragna Rune Selma Stefan Tilde Tomas Vera Yusuf
    """.split()
)
_LAST = tuple(
    """
    Aaberg Bellweather Castane Dahlgren Eskola Fennimore Grauer Hollis Iversen Jankel Kestrel
    Lindqvist Marrow Nyborg Okafor Pellegrin Quist Ravn Solheim Thorne Ulrich Vasquez Wexler
    Ytterdal Zeman
    """.split()
)


@dataclass(frozen=True)
class Value:
    """A value as a passage says it, and the short answers that are right."""

    text: str
    accepted: tuple[str, ...]


def places(count: int, seed: str) -> list[str]:
    """Return so many different names of places; no two of them begin and end alike."""
    rng = random.Random(f"places-{seed}")  # noqa: S311 - made-up data, no secret
    names = [start + end for start in _STARTS for end in _ENDS]
    return rng.sample(names, count)


def code(rng: random.Random) -> str:
    """Return the name of a model, `K-320` for example."""
    return f"{rng.choice('ABDGHKLMRSVX')}-{rng.randrange(12, 99)}0"


def person(rng: random.Random) -> str:
    """Return a first and a last name."""
    return f"{rng.choice(_FIRST)} {rng.choice(_LAST)}"


def value(spec: str, rng: random.Random) -> Value:
    """Draw a value.

    Args:
        spec: `name`, `time`, `date`, `choice:A|B|C`, `year:FROM-TO`, `number:FROM-TO:UNIT` or
            `money:FROM-TO:UNIT`.
        rng: What is drawn from.

    Raises:
        ValueError: There is no such kind of value.
    """
    kind, _, rest = spec.partition(":")
    if kind in _WORDS:
        return _plain(_WORDS[kind](rng))
    if kind == "choice":
        return _plain(rng.choice(rest.split("|")))
    bounds, _, unit = rest.partition(":")
    low, high = (int(end) for end in bounds.split("-"))
    if kind == "year":
        return _plain(str(rng.randrange(low, high)))
    if kind == "number":
        number = f"{rng.randrange(low, high):,}"
        return Value(f"{number} {unit}", (number, f"{number} {unit}"))
    if kind == "money":
        amount = f"{rng.randrange(low, high)}.{rng.choice((20, 50, 80, 90))}"
        return Value(f"{amount} {unit}", (amount, f"{amount} {unit}"))
    raise ValueError(f"no such value: {spec}")


def _time(rng: random.Random) -> str:
    return f"{rng.randrange(7, 17)}:{rng.choice(('00', '15', '30', '45'))}"


def _date(rng: random.Random) -> str:
    month = rng.choice(("January", "March", "April", "May", "June", "August", "October", "November"))
    return f"{rng.randrange(1, 29)} {month} {rng.randrange(2019, 2026)}"


_WORDS: dict[str, Callable[[random.Random], str]] = {"name": person, "time": _time, "date": _date}


def _plain(text: str) -> Value:
    return Value(text, (text,))


def drug(number: int) -> str:
    """Return the name of a drug that does not exist, another one for each number."""
    rng = random.Random(f"drug-{number}")  # noqa: S311 - made-up data, no secret
    middle = "".join(rng.choice("bdfglmnprstvz") + rng.choice("aeio") for _ in range(2))
    return f"{rng.choice(_STARTS)}{middle}{rng.choice(('mab', 'tine', 'prol', 'zide', 'statol', 'nex'))}"


def sentence(text: str) -> str:
    """Return a text that begins with a capital."""
    return text[:1].upper() + text[1:]
