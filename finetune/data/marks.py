"""What curation judges a row by: a pure function of the row and its image, so that any engine can map it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.personal import DEFAULT_KINDS, Span, find_personal
from finetune.data.rows import TrainRow
from knowledge.image_prints import ImagePrint

_ODD = re.compile("[\ufffd\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u202a-\u202e]|Ã.|â€")
_LETTERS = 40
"""Letters from which the detector is trusted: of shorter English questions it takes some for Spanish."""
_WORD = re.compile(r"\w")


@dataclass(frozen=True)
class Thresholds:
    """What a row has to reach. A threshold of 0 is off.

    Attributes:
        quality: Least score, 0 to 1.
        side: Least width and height of the image in pixels.
        spread: Least standard deviation of its grey values (0 to 255); blank pages have less than 2.
        sharp: Least variance of the Laplacian at 256 pixels width; what is a blur depends on the data.
        question: Most characters of a question, `answer` of the first answer.
        languages: Languages of questions that are kept; empty for all. A question too short to tell is kept.
        nsfw: Images at or above this probability go.
        personal: Kinds of personal data that are looked for.
        masks: Whether personal data is replaced by its kind; otherwise the row goes.
        names: Whether names of people count as personal data (needs spaCy).
    """

    quality: float = 0.5
    side: int = 16
    spread: float = 2.0
    sharp: float = 0.0
    question: int = 20_000
    answer: int = 4_000
    languages: tuple[str, ...] = ()
    nsfw: float = 0.0
    personal: tuple[str, ...] = DEFAULT_KINDS
    masks: bool = False
    names: bool = False


@dataclass(frozen=True)
class Marks:
    """A row's marks. `weakest` names what its quality lost most by; `spans` are of question and answers."""

    row: str
    quality: float
    weakest: str = ""
    language: str = ""
    spans: tuple[tuple[Span, ...], ...] = field(default=())

    @property
    def personal(self) -> tuple[str, ...]:
        """The kinds of personal data in the row."""
        return tuple(sorted({span.kind for spans in self.spans for span in spans}))


class Engine(Protocol):
    """Runs a function over batches of rows, here or on many machines."""

    def map(
        self, function: Callable[[Sequence[Any]], list[Any]], items: Sequence[Any], stage: str
    ) -> list[Any]:
        """Return the results of all batches, in the order of the items."""
        ...


def mark_rows(pairs: Iterable[tuple[TrainRow, ImagePrint | None]], thresholds: Thresholds) -> list[Marks]:
    """Return the marks of rows with their images' prints; the order is kept."""
    pairs = list(pairs)
    texts = [_texts(row) for row, _ in pairs]
    names = _names(texts) if thresholds.names else [[[] for _ in told] for told in texts]
    return [
        _mark(row, image, told, people, thresholds)
        for (row, image), told, people in zip(pairs, texts, names, strict=True)
    ]


def quality_of(row: TrainRow, image: ImagePrint | None, thresholds: Thresholds) -> tuple[float, str]:
    """Return a row's quality in 0 to 1 and what it lost most by.

    The product of shares, each 1 for an ordinary row: words in the question (1 from two), characters that are
    no debris of decoding, the length of question and answer, an answer that says something, and an image that
    is large enough, not blank and not blurred.
    """
    question, answer = row.question, row.answers[0]
    shares = {
        "short question": min(1.0, len(question.split()) / 2),
        "no words": 1.0 if _WORD.search(question) and (_WORD.search(answer) or len(answer) == 1) else 0.0,
        "odd characters": 1
        - min(1.0, 10 * len(_ODD.findall(question + answer)) / max(1, len(question + answer))),
        "long question": _below(len(question), thresholds.question),
        "long answer": _below(len(answer), thresholds.answer),
        "answer repeats the question": 0.3 if answer.strip().lower() == question.strip().lower() else 1.0,
    }
    if image is not None:
        shares["small image"] = _above(min(image.width, image.height), thresholds.side)
        shares["blank image"] = _above(image.spread, thresholds.spread)
        shares["blurred image"] = _above(image.sharp, thresholds.sharp)
    score = 1.0
    for share in shares.values():
        score *= share
    weakest = min(shares, key=lambda name: shares[name])
    return round(score, 3), weakest if shares[weakest] < 1 else ""


def _mark(
    row: TrainRow,
    image: ImagePrint | None,
    texts: Sequence[str],
    names: Sequence[Sequence[Span]],
    thresholds: Thresholds,
) -> Marks:
    from knowledge.quality import language

    score, weakest = quality_of(row, image, thresholds)
    spans = tuple(
        (*find_personal(text, thresholds.personal), *people)
        for text, people in zip(texts, names, strict=True)
    )
    told = language(row.question) if thresholds.languages and _tells(row.question) else ""
    return Marks(row.id, score, weakest, told, spans)


def _tells(text: str) -> bool:
    """Whether a text is long enough to tell its language, or in letters that few languages share."""
    letters = [char for char in text if char.isalpha()]
    return len(letters) >= _LETTERS or sum(char > "\u024f" for char in letters) > len(letters) / 2


def _texts(row: TrainRow) -> list[str]:
    return [row.question, *row.answers]


def _names(texts: Sequence[Sequence[str]]) -> list[list[list[Span]]]:
    from finetune.data.names import find_names

    flat = find_names([text for told in texts for text in told])
    found = iter(flat)
    return [[next(found) for _ in told] for told in texts]


def _below(value: float, most: float) -> float:
    return 1.0 if not most or value <= most else most / value / 2


def _above(value: float, least: float) -> float:
    return 1.0 if not least or value >= least else value / least / 2
