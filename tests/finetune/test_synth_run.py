"""A synthesis run is the same however it was cut, and keeps what is finished."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from core.errors import VidenceError, unavailable
from finetune.data.dataset import Dataset
from finetune.data.rows import TrainRow
from finetune.synth.balance import balanced, text_alone
from finetune.synth.made import Made, Question
from finetune.synth.preview import write_preview
from finetune.synth.run import PART, synthesise

OPTIONS = {"maker": "fake", "seed": 1}


class FakeMaker:
    """Makes text questions; fails once at a number when told so."""

    def __init__(self, failing: dict[int, Exception] | None = None) -> None:
        self.failing = failing or {}
        self.calls: list[int] = []

    def make(self, index: int) -> Made | None:
        self.calls.append(index)
        if index in self.failing:
            raise self.failing[index]
        answer = Random(index).choice(("yes", "no"))
        question = Question(kind="yes_no", question=f"Is {index} good?", answers=(answer,), balance="good")
        return Made(
            png=f"png {index}".encode(),
            group=f"g{index}",
            split="train",
            questions=(question,),
            source="fake",
        )

    def close(self) -> None:
        pass


def test_a_run_that_was_cut_goes_on_and_ends_with_the_same_version(tmp_path: Path) -> None:
    count = 4 * PART + 5
    whole = synthesise(Dataset(tmp_path / "a"), "a", FakeMaker, count, OPTIONS)
    cut = FakeMaker({3 * PART + 1: KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        synthesise(Dataset(tmp_path / "b"), "b", lambda: cut, count, OPTIONS)
    again = FakeMaker()
    resumed = synthesise(Dataset(tmp_path / "b"), "b", lambda: again, count, OPTIONS)
    assert resumed.record.version == whole.record.version
    assert resumed.reused == 3 * PART
    assert min(again.calls) == 3 * PART


def test_more_workers_make_the_same_data_set(tmp_path: Path) -> None:
    one = synthesise(Dataset(tmp_path / "a"), "a", FakeMaker, 3 * PART, OPTIONS)
    three = synthesise(Dataset(tmp_path / "b"), "b", FakeMaker, 3 * PART, OPTIONS, workers=3)
    assert one.record.version == three.record.version


def test_a_model_that_cannot_be_reached_stops_the_run_and_keeps_finished_parts(tmp_path: Path) -> None:
    down = FakeMaker({PART + 3: unavailable("Cannot reach it")})
    with pytest.raises(VidenceError, match="Cannot reach"):
        synthesise(Dataset(tmp_path), "a", lambda: down, 2 * PART, OPTIONS)
    report = synthesise(Dataset(tmp_path), "a", FakeMaker, 2 * PART, OPTIONS)
    assert report.reused == PART


def test_a_picture_that_fails_is_skipped_and_reported(tmp_path: Path) -> None:
    bad = FakeMaker({4: VidenceError("blocked", "not allowed")})
    report = synthesise(Dataset(tmp_path), "a", lambda: bad, 10, OPTIONS)
    assert report.skipped == {"blocked: not allowed": 1}


def test_the_same_call_again_makes_nothing_and_another_one_is_refused(tmp_path: Path) -> None:
    first = synthesise(Dataset(tmp_path), "a", FakeMaker, 10, OPTIONS)
    again = synthesise(Dataset(tmp_path), "a", FakeMaker, 10, OPTIONS)
    assert (again.made, again.record.version) == (0, first.record.version)
    with pytest.raises(VidenceError) as caught:
        synthesise(Dataset(tmp_path), "a", FakeMaker, 10, {**OPTIONS, "seed": 2})
    assert caught.value.kind == "invalid_input"


def row(answer: str, number: int, group: str = "g") -> TrainRow:
    return TrainRow(
        question=f"Q{number}?",
        answers=(answer,),
        kind="k",
        source="s",
        licence="CC0-1.0",
        metadata={"balance": group},
    )


def test_answers_are_kept_even_whatever_the_order() -> None:
    rows = [row("yes", n) for n in range(80)] + [row("no", 100 + n) for n in range(20)]
    kept, gone = balanced(rows)
    shuffled, _ = balanced(reversed(rows))
    assert {r.id for r in kept} == {r.id for r in shuffled}
    assert gone == 100 - len(kept)
    assert text_alone(kept)["k"] <= 0.56


def test_open_answers_are_never_left_out() -> None:
    rows = [row("same", n, group="") for n in range(50)]
    assert balanced(rows) == (rows, 0)


def test_a_preview_escapes_what_it_shows(tmp_path: Path) -> None:
    class Sly(FakeMaker):
        def make(self, index: int) -> Made | None:
            question = Question(kind="k", question="<script>alert(1)</script>", answers=("a",))
            return Made(png=b"x", group="g", split="test", questions=(question,), source="s")

    synthesise(Dataset(tmp_path), "a", Sly, 1, OPTIONS)
    assert write_preview(Dataset(tmp_path), tmp_path / "p.html") == 1
    assert "<script>" not in (tmp_path / "p.html").read_text()
