"""Rows that say the same twice: exactly, or nearly in text or image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from finetune.data.near import answer_key, same_images, same_texts
from finetune.data.rows import SPLITS, TrainRow
from knowledge.duplicates import words_of
from knowledge.image_prints import ImagePrint
from knowledge.seen import question_key


@dataclass
class Duplicates:
    """Rows that go, each with the row that stands for it and how they are the same."""

    kept: list[TrainRow] = field(default_factory=list)
    gone: list[tuple[TrainRow, TrainRow, str]] = field(default_factory=list)


def find_duplicate_rows(
    rows: Sequence[TrainRow], prints: Mapping[str, ImagePrint], *, near: bool = True
) -> Duplicates:
    """Return which rows repeat others.

    Exact: the same pixels (or no image), the same words in question and first answer. Near: nearly the same
    image (of captions, whatever they say), the same question but for articles, and the same answer; or a long
    text that is nearly the same, with the same numbers and answer. Of rows that repeat each other
    the one in the stricter split stays (test before dev before train), then the one with more answers.
    """
    exact = {row.id: (_pixels(row, prints), *_words(row)) for row in rows}
    found = _first_of(rows, exact, "the same")
    if not near:
        return found
    standing = same_images(prints)
    texts = same_texts([row for row in found.kept if row.image_sha256 is None])
    likened = {row.id: _near_key(row, standing, texts) for row in found.kept}
    second = _first_of(found.kept, likened, "nearly the same")
    return Duplicates(second.kept, [*found.gone, *second.gone])


def _first_of(rows: Sequence[TrainRow], keys: Mapping[str, tuple[str, ...]], how: str) -> Duplicates:
    ranked = sorted(rows, key=lambda row: (-SPLITS.index(row.split), -len(row.answers), row.id))
    first: dict[tuple[str, ...], TrainRow] = {}
    found = Duplicates()
    for row in ranked:
        stands = first.setdefault(keys[row.id], row)
        if stands is row:
            found.kept.append(row)
        else:
            found.gone.append((row, stands, how))
    return found


def _pixels(row: TrainRow, prints: Mapping[str, ImagePrint]) -> str:
    if row.image_sha256 is None:
        return ""
    known = prints.get(row.image_sha256)
    return known.pixels if known else row.image_sha256


def _words(row: TrainRow) -> tuple[str, str, str]:
    # Marks count where there are no words: `+` and `-` are two answers.
    return " ".join(words_of(row.question)) or row.question, answer_key(row), row.kind


def _near_key(row: TrainRow, standing: Mapping[str, str], texts: Mapping[str, str]) -> tuple[str, ...]:
    if row.image_sha256 is None:
        return ("text", texts[row.id])
    image = standing.get(row.image_sha256, row.image_sha256)
    answer = "" if row.kind == "caption" else answer_key(row)
    return ("image", image, question_key(row.question) or row.question, answer, row.kind)
