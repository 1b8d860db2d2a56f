"""Cases for the metrics: what published evaluation programs said (references/*.json), and random ones.

Each file names the program that made its figures, from cases drawn once with a fixed seed. The programs are
not part of this project; their figures are.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

_WORDS = (
    "the a red blue cat dog house runs sleeps on under two three large small of and man woman bicycle street "
    "3 10 2.5 left right yes no über naïve 東京 हिन्दी ไทย don't it's U.S. t-shirt , . ! % $5"
).split()


def reference(name: str) -> list[Any]:
    """Return the cases of a reference file, each a list as its `takes` says."""
    body = json.loads((Path(__file__).parent / "references" / f"{name}.json").read_text(encoding="utf-8"))
    assert body["reference"]
    return list(body["cases"])


def random_text(rng: random.Random, most: int = 8, *, ascii_only: bool = False) -> str:
    """Return up to `most` words; one text in ten is empty."""
    words = [word for word in _WORDS if word.isascii()] if ascii_only else _WORDS
    return "" if rng.random() < 0.1 else " ".join(rng.choice(words) for _ in range(rng.randint(1, most)))


def like(rng: random.Random, text: str) -> str:
    """Return a text like this one: shortened, lengthened, reordered, or the same."""
    words = text.split()
    change = rng.randint(0, 3)
    if change == 0 and words:
        words.pop(rng.randrange(len(words)))
    elif change == 1:
        words.insert(rng.randint(0, len(words)), rng.choice(_WORDS))
    elif change == 2:
        rng.shuffle(words)
    return " ".join(words)
