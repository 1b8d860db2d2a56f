from __future__ import annotations

import random
from pathlib import Path

import pytest

from core.errors import VidenceError
from finetune.data.apart import keep_apart
from finetune.data.dataset import Dataset
from finetune.data.guard import EvalIndex, check_against, counted
from finetune.data.rows import TrainRow
from finetune.data.splits import Shares, bundles, split_rows
from knowledge.image_prints import PrintCache
from tests.finetune.samples import png, put
from tests.finetune.test_curate import make, resaved, written


def text_row(question: str, **fields: object) -> TrainRow:
    values = {"answers": ["yes"], "kind": "open", "source": "made", "licence": "CC0-1.0"}
    return TrainRow.model_validate({"question": question, **values, **fields})


def test_a_drawn_split_ignores_the_order_and_what_else_there_is() -> None:
    rows = [text_row(f"Question number {n} about something?") for n in range(200)]
    kept, report = split_rows(rows, {}, Shares(0.2, 0.2, seed=3))
    shuffled = rows[:]
    random.Random(1).shuffle(shuffled)
    again, _ = split_rows(shuffled[:120], {}, Shares(0.2, 0.2, seed=3))
    placed = {row.id: row.split for row in kept}
    assert all(placed[row.id] == row.split for row in again)
    assert 20 < report.assigned["dev"] < 60
    assert 20 < report.assigned["test"] < 60
    other, _ = split_rows(rows, {}, Shares(0.2, 0.2, seed=4))
    assert {row.id: row.split for row in other} != placed


def test_a_group_and_an_image_stay_in_one_split() -> None:
    rows = [text_row(f"Is it {n}?", group=f"table {n // 10}") for n in range(100)]
    kept, _ = split_rows(rows, {}, Shares(0.3, 0.3))
    for table in {row.group for row in kept}:
        assert len({row.split for row in kept if row.group == table}) == 1
    assert len(bundles(rows, {})) == 10


def test_the_same_text_question_is_one_bundle_whatever_its_marks() -> None:
    rows = [
        text_row("Who wrote the book?"),
        text_row("who wrote book", answers=["Ada"]),
        text_row("Who read it?"),
    ]
    assert sorted(map(len, bundles(rows, {}))) == [1, 2]


def test_what_is_tested_on_is_taken_out_of_train_and_reported(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "d")
    origin = {"origin": {"official_split": "train"}}
    rows = [
        make(dataset, "What shape is it?", "circle", png(1, (128, 96)), metadata=origin),
        make(dataset, "Is it red?", "no", resaved(1, 90), split="test"),
        make(dataset, "Is it red?", "no", png(2, (128, 96)), metadata=origin),
    ]
    record, report = keep_apart(written(dataset, rows), Shares(dev=0.5))
    assert record.rows == {"train": 1, "test": 1}
    assert report.leaks == {"train in test": 1}
    assert rows[0].id in report.examples[0]
    assert record.steps[-1].reasons == {"leak: train in test": 1}
    again, second = keep_apart(dataset, Shares(dev=0.5))
    assert (again.version, second.removed) == (record.version, 0)


@pytest.mark.parametrize(("dev", "test"), [(0.6, 0.5), (-0.1, 0.0), (0.5, 0.5)])
def test_shares_that_leave_nothing_to_train_on_are_refused(dev: float, test: float) -> None:
    with pytest.raises(VidenceError, match="leave nothing"):
        Shares(dev, test)


def test_rows_with_an_eval_image_or_an_eval_text_question_are_found(tmp_path: Path) -> None:
    evals = tmp_path / "evals"
    put(evals / "suite" / "images" / "a.png", png(1, (128, 96)))
    put(
        evals / "suite" / "dev.jsonl",
        '{"question": "Does aspirin reduce the risk of stroke?", "answer": "no"}\n',
    )
    put(
        evals / "more.json",
        {"data": [{"paragraphs": [{"qas": [{"question": "Who built the old bridge?"}]}]}]},
    )
    put(evals / "broken.jsonl", "{not json\n")
    dataset = Dataset(tmp_path / "d")
    rows = [
        make(dataset, "What is it?", "a dog", png(1, (128, 96))),
        make(dataset, "What is it?", "a dog", resaved(1, 85)),
        make(dataset, "Does aspirin reduce the risk of stroke?", "yes", png(3, (128, 96))),
        make(dataset, "does aspirin reduce risk of stroke", "yes"),
        make(dataset, "Long ago it stood there.\n\nWho built the old bridge?", "Ada"),
        make(dataset, "Who built a new bridge over there?", "Ada"),
    ]
    written(dataset, rows)
    index = EvalIndex.of([evals], PrintCache(tmp_path / "prints.db"))
    found = check_against(rows, dataset, index, PrintCache(tmp_path / "own.db"))
    assert [one.row for one in found] == [rows[at].id for at in (0, 1, 3, 4)]
    assert counted(found) == {"same image file": 1, "nearly the same image": 1, "same question": 2}
    assert "a.png" in found[0].where


def test_an_eval_folder_that_is_not_there_is_an_error_and_not_a_pass(tmp_path: Path) -> None:
    with pytest.raises(VidenceError, match="nothing at"):
        EvalIndex.of([tmp_path / "nowhere"], PrintCache(tmp_path / "prints.db"))
