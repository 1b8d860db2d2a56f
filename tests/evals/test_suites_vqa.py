"""Questions about drawn pictures: what is asked has one right answer, and the model's answers are kept."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from core.contracts import ModelRef
from core.errors import VidenceError, unavailable
from core.settings import Settings
from evals.drawings.simple import chart_picture, draw_picture, shape_picture, trend_of
from evals.run.cache import OutputCache
from evals.run.options import Options
from evals.run.registry import ANY_SET, Place
from evals.run.runner import run_suites
from evals.run.sample import Output
from evals.solvers import kept
from evals.solvers.kept import KeptRunner
from evals.suites.vqa import chart_questions, drawn_pictures, many_drawn_pictures, shape_questions
from models.vlm_scope import family_of, offered
from models.vlm_shipped import read_manifest
from tests.support.eval_suites import code

NOWHERE = Place(Settings())


def test_every_question_is_of_a_family_that_the_model_offers() -> None:
    manifest = read_manifest()
    assert manifest is not None
    names = {family.name for family in offered(manifest.right)}
    for row in (*drawn_pictures.samples(NOWHERE), *many_drawn_pictures.samples(NOWHERE)):
        family = family_of(row.input["question"])
        assert family is not None, row.input["question"]
        assert family.name in names, row.input["question"]


def test_the_quick_suite_asks_one_question_of_each_picture_and_the_long_one_notices_five_points() -> None:
    quick, many = drawn_pictures.samples(NOWHERE), many_drawn_pictures.samples(NOWHERE)
    assert len({row.unit for row in quick}) == len(quick) >= 125
    assert len(many) >= 950
    assert not {row.unit for row in quick} & {row.unit for row in many}


def test_yes_and_no_are_about_as_frequent() -> None:
    said = Counter(
        row.target[0] for row in many_drawn_pictures.samples(NOWHERE) if row.target[0] in ("yes", "no")
    )
    assert 0.35 < said["yes"] / sum(said.values()) < 0.65


def test_what_is_asked_about_a_chart_is_true_of_its_values() -> None:
    for seed in range(60):
        picture = chart_picture(seed)
        for kind, _, accepted in chart_questions(picture):
            if kind == "count":
                assert accepted[0] == str(len(picture.values))
            if kind == "trend":
                rising = picture.values[-1] > picture.values[0]
                assert ("up" in accepted) == rising
                assert list(picture.values) == sorted(picture.values, reverse=not rising)
        assert trend_of(seed) in ("", "up", "down")


def test_a_shape_is_drawn_in_its_color_and_inside(tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    for seed in range(12):
        picture = shape_picture(seed)
        draw_picture(tmp_path / "a.png", picture)
        with Image.open(tmp_path / "a.png") as drawn:
            pixels = np.asarray(drawn.convert("RGB")).astype(int)
        ground = pixels[0, 0]
        marked = (np.abs(pixels - ground).sum(axis=2) > 60).nonzero()
        assert len(marked[0]) > 300
        assert marked[0].min() > 2
        assert marked[1].max() < pixels.shape[1] - 2
        assert dict(enumerate(shape_questions(picture)))[0][2] == (picture.shape,)


class Worker:
    """Answers in the model's place and counts how often."""

    def __init__(self, error: VidenceError | None = None) -> None:
        self.asked = 0
        self._error = error

    async def call(self, job: str, **kwargs: Any) -> Any:
        if job == "describe_pixels":
            from models.jobs import describe_pixels

            return await asyncio.to_thread(describe_pixels, **kwargs)
        self.asked += 1
        if self._error is not None:
            raise self._error
        return {"text": "circle", "confidence": 0.9, "tokens_in": 60, "tokens_out": 1}

    def close(self) -> None:
        pass


def run(folder: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch, name: str) -> list[Output]:
    monkeypatch.setattr(kept, "WorkerProcess", lambda: worker)
    done = run_suites(
        [drawn_pictures], Place(Settings(home=folder)), folder / name, Options(limit=6), identify=code
    )
    return [record.output for record in done.records]


def test_a_second_run_asks_the_model_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Worker(), Worker()
    one = run(tmp_path, first, monkeypatch, "a.jsonl")
    other = run(tmp_path, second, monkeypatch, "b.jsonl")
    assert (first.asked, second.asked) == (6, 0)
    assert [output.answer for output in one] == [output.answer for output in other]
    assert {output.answer["short"] for output in one} == {"circle"}


def test_what_fails_is_not_kept_and_other_weights_are_asked_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = run(tmp_path, Worker(unavailable("the worker died", help="")), monkeypatch, "a.jsonl")
    assert all(output.error is not None for output in failed)
    second = Worker()
    run(tmp_path, second, monkeypatch, "b.jsonl")
    assert second.asked == 6
    image = tmp_path / "x.png"
    draw_picture(image, shape_picture(0))
    cache = OutputCache(tmp_path / "cache" / "model_calls.sqlite")
    asked = []
    for weights in ("one", "one", "two"):
        worker = Worker()
        keeper = KeptRunner(worker, cache, ModelRef(name="vlm", hash=weights))
        asyncio.run(keeper.call("look", path=str(image), question="what shape?", cache=""))
        asked.append(worker.asked)
    assert asked == [1, 0, 1]


def test_a_refusal_is_a_wrong_answer_and_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = unavailable("The embedded VLM cannot answer this", help="")
    outputs = run(tmp_path, Worker(refused), monkeypatch, "a.jsonl")
    assert all(output.error is None and output.answer["declined"] for output in outputs)


def test_the_long_suite_runs_beside_public_sets_only(tmp_path: Path) -> None:
    assert many_drawn_pictures.missing(NOWHERE) == ANY_SET
    assert many_drawn_pictures.missing(Place(Settings(), tmp_path)) == ""
