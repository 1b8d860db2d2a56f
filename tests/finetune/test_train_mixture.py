"""Which rows are trained on, and in which order, follows from the recipe alone."""

import json
from collections import Counter
from pathlib import Path

import pytest

from core.errors import VidenceError
from finetune.data.dataset import Dataset
from finetune.data.rows import TrainRow
from finetune.train.config import DataSource, Phase
from finetune.train.leaks import seen_in_training
from finetune.train.mixture import Source, open_source, plan_phase, steps_of
from finetune.train.packing import Turn, pack_turns, shared_prefix, visible


def _rows(count, kind="a", start=0):
    return [
        TrainRow(
            question=f"q{start + i}", answers=("x" * (i % 7 + 1),), kind=kind, source="t", licence="CC0-1.0"
        )
        for i in range(count)
    ]


def _source(tmp_path, name, count, weight=None):
    Dataset(tmp_path / name).write(name, _rows(count, name))
    return open_source(DataSource(name=name, weight=weight), tmp_path / name, TrainRow, 0)


def _phase(**changes):
    return Phase(**{"name": "p", "steps": 10, "train": {"lora": 1e-3}, **changes})


def _plan(sources, phase, length=200, seed=0, turns=1):
    return plan_phase(phase, sources, seed=seed, index=0, turns=turns, length=length)


def test_the_order_is_the_same_every_time_and_another_with_another_seed(tmp_path):
    sources = [_source(tmp_path, "a", 30), _source(tmp_path, "b", 10)]
    assert _plan(sources, _phase()) == _plan(sources, _phase())
    assert _plan(sources, _phase()) != _plan(sources, _phase(), seed=1)
    assert _plan(sources, _phase())[:50] == _plan(sources, _phase(), length=200)[:50]


def test_data_sets_are_mixed_by_weight_and_each_row_comes_once_a_pass(tmp_path):
    sources = [_source(tmp_path, "a", 30, 1.0), _source(tmp_path, "b", 30, 3.0)]
    plan = _plan(sources, _phase(), length=400)
    shares = Counter(pack.source for pack in plan)
    assert 0.68 < shares[1] / 400 < 0.82
    first_pass = [pack.rows for pack in plan if pack.source == 1][:30]
    assert len(set(first_pass)) == 30


def test_a_phase_can_leave_a_data_set_out_but_not_all(tmp_path):
    sources = [_source(tmp_path, "a", 5), _source(tmp_path, "b", 5)]
    assert {pack.source for pack in _plan(sources, _phase(weights={"a": 0}))} == {1}
    assert steps_of(_phase(steps=None, epochs=2, weights={"a": 0}), sources, 1, 4) == 3
    with pytest.raises(VidenceError, match="weighs every data set 0"):
        _plan(sources, _phase(weights={"a": 0, "b": 0}))


def test_a_curriculum_goes_from_easy_to_hard(tmp_path):
    source = _source(tmp_path, "a", 40)
    lengths = [
        len(source.rows[pack.rows[0]].answers[0]) for pack in _plan([source], _phase(order="easy_first"))
    ]
    assert lengths == sorted(lengths)


def test_broken_lines_and_missing_images_are_left_out_and_reported(tmp_path):
    lines = [row.model_dump_json() for row in _rows(4)]
    gone = json.dumps(json.loads(lines[0]) | {"id": "z", "image": "images/no.png", "image_sha256": "0" * 64})
    silent = json.dumps(json.loads(lines[1]) | {"id": "y", "answers": [" "]})
    (tmp_path / "train.jsonl").write_text("\n".join([*lines, "{broken", gone, silent]))
    source = open_source(DataSource(name="x"), tmp_path, TrainRow, 0)
    assert len(source.rows) == 4
    found = {skip.where: skip.reason for skip in source.skipped}
    assert "not JSON" in found["train.jsonl:5"]
    assert "missing" in found["train.jsonl:6"]
    assert "no text" in found["train.jsonl:7"]


def test_data_that_is_mostly_broken_is_refused(tmp_path):
    (tmp_path / "train.jsonl").write_text("{broken\n{broken\n" + _rows(1)[0].model_dump_json())
    with pytest.raises(VidenceError, match="1 rows can be used, 2 cannot"):
        open_source(DataSource(name="x"), tmp_path, TrainRow, 0)


def test_packed_turns_see_the_shared_beginning_and_themselves_only():
    turns = [Turn((1, 2, 3, 4), (5, 9)), Turn((1, 2, 6), (7, 8, 9))]
    packed = pack_turns(turns)
    assert packed.tokens == (1, 2, 3, 4, 5, 6, 7, 8)
    assert packed.positions == (0, 1, 2, 3, 4, 2, 3, 4)
    assert packed.targets == (5, 9, 7, 8, 9)
    assert packed.take == (3, 4, 5, 6, 7)
    assert packed.turns == (0, 0, 1, 1, 1)
    import numpy as np

    seen = visible(np.array([packed.segments]))[0, 0]
    assert seen[6].tolist() == [True, True, False, False, False, True, True, False]
    assert seen[4].tolist() == [True, True, True, True, True, False, False, False]


def test_the_same_question_twice_still_leaves_each_turn_a_token_of_its_own():
    assert shared_prefix([(1, 2, 3), (1, 2, 3)]) == 2
    assert pack_turns([Turn((1, 2, 3), (4, 9))] * 2).take == (2, 3, 4, 5)


def test_what_is_measured_on_and_trained_on_alike_is_a_warning():
    def source(name, *shas):
        rows = [
            TrainRow(question=f"Q {sha}?", answers=("a",), kind="k", source="s", licence="CC0-1.0",
                     image=f"images/{sha}.png" if sha else None, image_sha256=sha or None)
            for sha in shas
        ]  # fmt: skip
        return Source(name, Path(name), "v", tuple(rows))

    trained = [source("a", "1", "2"), source("b", "")]
    assert seen_in_training(trained, [source("dev", "3", "4")]) == []
    (said,) = seen_in_training(trained, [source("fine", "5"), source("dev", "2", "3", "")])
    assert said.startswith("2 of 3 questions of dev")
