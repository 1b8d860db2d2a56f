"""Documents that we draw say what their answers say, where their boxes are."""

from __future__ import annotations

import io
from decimal import Decimal

import numpy as np
import pytest
from PIL import Image, ImageChops

from finetune.data.rows import SPLITS
from finetune.synth.documents.maker import KINDS, DocumentMaker
from finetune.synth.documents.words import COMPANIES, GOODS, LOOKS, PEOPLE, SUBJECTS, listed
from finetune.synth.made import Made


def made(kind: str, count: int = 12, questions: int = 99) -> list[Made]:
    maker = DocumentMaker(kind, 2, shares=(1, 1, 1), questions=questions)
    return [maker.make(index) for index in range(count)]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_box_lies_in_the_picture_and_holds_ink(kind: str) -> None:
    for item in made(kind):
        assert item.png is not None
        image = Image.open(io.BytesIO(item.png)).convert("RGB")
        pixels = np.asarray(image).astype(int)
        for question in item.questions:
            for x0, y0, x1, y1 in question.boxes:
                assert 0 <= x0 < x1 <= image.width
                assert 0 <= y0 < y1 <= image.height
                part = pixels[int(y0) : int(y1), int(x0) : int(x1)]
                assert np.ptp(part.sum(axis=2)) > 150, question


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_same_number_makes_the_same_document(kind: str) -> None:
    assert made(kind, 3) == made(kind, 3)


def test_the_sums_of_a_receipt_are_right_to_the_cent() -> None:
    found = 0
    for item in made("receipts", 40):
        answers = {question.kind: question.answers[0] for question in item.questions}
        assert Decimal(answers["total"]) == Decimal(item.metadata["fields"]["total"])
        if "change" in answers:
            cash = Decimal(answers["total"]) + Decimal(answers["change"])
            assert cash % 5 == 0
            found += 1
    assert found


def test_a_cell_question_points_at_one_cell_of_the_right_row() -> None:
    for item in made("tables"):
        boxes = [q.boxes[0] for q in item.questions if q.kind == "table_cell"]
        assert all(y1 - y0 < 30 for _, y0, _, y1 in boxes)


def test_splits_share_no_words_and_no_look() -> None:
    for one in SPLITS:
        for other in SPLITS:
            if one != other:
                assert not {look.name for look in LOOKS[one]} & {look.name for look in LOOKS[other]}
                for words in (COMPANIES, GOODS, PEOPLE, SUBJECTS):
                    assert not set(listed(words, one)) & set(listed(words, other))


def test_two_documents_of_a_seed_differ() -> None:
    first, second = made("receipts", 2)
    assert first.png is not None
    assert second.png is not None
    one, other = (Image.open(io.BytesIO(item.png)).convert("L") for item in (first, second) if item.png)
    size = (min(one.width, other.width), min(one.height, other.height))
    assert ImageChops.difference(one.crop((0, 0, *size)), other.crop((0, 0, *size))).getbbox() is not None
