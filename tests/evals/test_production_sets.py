"""Rated answers become eval data sets: what people agree on, nothing that was trained on, nobody named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.contracts import ModelRef, RunResult, SubQuestion
from core.errors import VidenceError
from core.feedback_store import Feedback, RatedRun, collections_of, rated_run
from core.images import ImageStore
from evals.production.create import Made, image_name, make_lines
from evals.production.record import Rules
from evals.production.store import ProductionSet, all_sets, find_set, measured_on, write_set
from evals.production.suite import _versions
from evals.production.trained import Trained, read_trained
from knowledge.image_prints import PrintCache
from knowledge.seen import SeenIndex

NOTHING = Trained(SeenIndex({}, {}), {}, ())


def rated(
    question: str,
    answer: str,
    rating: str = "up",
    *,
    user: str = "ann",
    correction: str = "",
    run_id: str = "",
    images: tuple[str, ...] = (),
    **run: object,
) -> Feedback:
    about = RatedRun(
        run_id=run_id or f"run{hash((question, user))}",
        question=question,
        short_answer=answer,
        images=images,
        models={"planner": ModelRef(name="rules", hash="1")},
        **run,  # type: ignore[arg-type]
    )
    return Feedback(
        run=about, user=user, rating=rating, correction=correction, at="2026-11-20T10:00:00.000+00:00"
    )


@pytest.fixture
def images(isolated_home: Path) -> ImageStore:
    return ImageStore(isolated_home / "images", max_bytes=1_000_000, max_pixels=1_000_000)


def picture(images: ImageStore, tmp_path: Path, seed: int, *, noise: float = 0.0) -> str:
    rng = np.random.default_rng(seed)
    pixels = np.kron(rng.integers(0, 255, (6, 6, 3)), np.ones((16, 16, 1))).astype(np.float64)
    pixels += np.random.default_rng(99).normal(0, noise, pixels.shape) if noise else 0.0
    path = tmp_path / f"{seed}-{noise}.png"
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
    return images.add_path(path).sha256


def lines(items: list[Feedback], images: ImageStore, trained: Trained = NOTHING, **rules: object) -> Made:
    return make_lines("march", items, images, trained, Rules(**rules))  # type: ignore[arg-type]


def written(made: Made, images: ImageStore, home: Path, **more: object) -> ProductionSet:
    given = {
        "rules": Rules(),
        "ratings": 9,
        "trained_on": (),
        "created_at": "2026-11-21T00:00:00+00:00",
        **more,
    }
    return write_set(None, home, "march", made, images, **given)  # type: ignore[arg-type]


def test_an_approved_answer_or_a_correction_is_the_target(images: ImageStore) -> None:
    made = lines(
        [
            rated("Who built the pier?", "Ada Hill", collections=("harbour",)),
            rated("What fuel does it burn?", "coal", "down", correction="diesel"),
            rated("When did it open?", "1902", "down"),
            rated("Who owns it?", "", "up"),
        ],
        images,
    )
    found = {line.sample.input["question"]: line for line in made.lines}
    assert {text: line.sample.target["answers"] for text, line in found.items()} == {
        "Who built the pier?": ["Ada Hill"],
        "What fuel does it burn?": ["diesel"],
    }
    assert found["Who built the pier?"].sample.input["collections"] == ["harbour"]
    assert {text: line.sample.difficulty for text, line in found.items()} == {
        "Who built the pier?": "approved",
        "What fuel does it burn?": "corrected",
    }
    assert made.aside == {"rated down without a correction": 1, "approved, without an answer": 1}


def test_the_rules_choose_corrections_or_approved_answers_alone(images: ImageStore) -> None:
    items = [rated("A b c?", "x"), rated("D e f?", "y", "down", correction="z")]
    assert [line.sample.target["answers"] for line in lines(items, images, rating="up").lines] == [["x"]]
    assert [line.sample.target["answers"] for line in lines(items, images, rating="down").lines] == [["z"]]


def test_what_people_do_not_agree_on_is_put_aside_and_counted(images: ImageStore) -> None:
    made = lines(
        [
            rated("How many cranes?", "three", user="ann"),
            rated("How many cranes?", "three", "down", user="bob", correction="four"),
            # Two say yes and two say no without another answer: not agreed either.
            *[rated("What colour is it?", "red", user=user) for user in ("ann", "bob")],
            *[rated("What colour is it?", "red", "down", user=user) for user in ("cy", "di")],
            *[rated("Where is it?", "Hull", user=user) for user in ("ann", "bob", "cy")],
            rated("Where is it?", "Hull", "down", user="di", correction="Leith"),
        ],
        images,
    )
    assert [line.sample.target["answers"] for line in made.lines] == [["Hull"]]
    assert (made.lines[0].lineage.votes_for, made.lines[0].lineage.votes_against) == (3, 1)
    assert made.aside["people do not agree"] == 2
    assert {one.question: one.answers for one in made.conflicts} == {
        "How many cranes?": {"three": 1, "four": 1},
        "What colour is it?": {"red": 2, "(not that)": 2},
    }


def test_personal_data_is_masked_in_questions_and_an_answer_that_holds_some_is_no_target(
    images: ImageStore,
) -> None:
    made = lines(
        [
            rated("What did jo@example.org order?", "tea", user="zelda"),
            rated("How is Jo reached?", "jo@example.org"),
            rated("Who is jo@example.org?", "Jo", user="ann"),
            rated("Who is jo@example.org?", "Jo", "down", user="bob", correction="al@example.org"),
        ],
        images,
    )
    assert [line.sample.input["question"] for line in made.lines] == ["What did [email] order?"]
    assert made.lines[0].lineage.masked == ("email",)
    assert made.aside["personal data in the answer"] == 1
    text = json.dumps([line.model_dump(mode="json") for line in made.lines]) + str(made.conflicts)
    assert "@example" not in text
    assert "zelda" not in text


def training(folder: Path, *rows: dict[str, object], images: dict[str, bytes] | None = None) -> Path:
    """Write a training data set as files, by its documented layout alone."""
    folder.mkdir(parents=True)
    for name, content in (images or {}).items():
        (folder / "images").mkdir(exist_ok=True)
        (folder / "images" / name).write_bytes(content)
    (folder / "dataset.json").write_text(json.dumps({"name": folder.name, "version": "0123456789abcdef"}))
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "dev.jsonl").write_text(json.dumps({"question": "Only measured on, never trained?"}) + "\n")
    return folder


def test_nothing_that_was_trained_on_is_in_it(images: ImageStore, tmp_path: Path) -> None:
    seen, near, fresh = picture(images, tmp_path, 1), picture(images, tmp_path, 1, noise=2.0), ""
    fresh = picture(images, tmp_path, 2)
    # Training data stores another file of the same pixels.
    other = tmp_path / "other.png"
    Image.open(images.path(seen)).save(other, compress_level=9)
    folder = training(
        tmp_path / "base",
        {"question": "What is it?", "image": "images/a.png", "image_sha256": "a" * 64},
        {"question": "Who built the old pier?"},
        {"question": "What else?", "metadata": {"run_ids": ["learned"]}},
        images={"a.png": other.read_bytes()},
    )
    trained = read_trained([folder], PrintCache(tmp_path / "prints.db"))
    made = lines(
        [
            rated("What shape is it?", "square", images=(seen,)),
            rated("What size is it?", "small", images=(near,)),
            rated("What size is it?", "large", images=(fresh,)),
            rated("who built old pier", "Ada"),
            rated("Who painted the pier?", "Bo", run_id="learned"),
            rated("Only measured on, never trained?", "yes"),
        ],
        images,
        trained,
    )
    answers = sorted(line.sample.target["answers"][0] for line in made.lines)
    assert answers == ["large", "yes"]
    assert made.aside == {
        "trained on: same pixels": 1,
        "trained on: nearly the same image": 1,
        "trained on: same question": 1,
        "trained on: same run": 1,
    }
    assert trained.names == ("base@0123456789abcdef",)


def test_training_data_that_cannot_be_read_is_an_error_and_not_a_leak(tmp_path: Path) -> None:
    folder = training(tmp_path / "base", {"question": "A?"})
    with (folder / "train.jsonl").open("a") as file:
        file.write("{broken\n")
    with pytest.raises(VidenceError, match="line 2"):
        read_trained([folder], PrintCache(tmp_path / "prints.db"))


def test_the_same_ratings_make_the_same_version_and_another_rating_another_one(
    images: ImageStore, isolated_home: Path, tmp_path: Path
) -> None:
    sha = picture(images, tmp_path, 3)
    items = [rated("What is it?", "a crane", images=(sha,)), rated("Who owns it?", "Bo Ek")]
    first = written(lines(items, images), images, isolated_home)
    again = written(lines(items[::-1], images), images, isolated_home, created_at="2026-11-22T00:00:00+00:00")
    assert (first.folder, first.info) == (again.folder, again.info)
    assert (first.folder / image_name(sha)).read_bytes() == images.path(sha).read_bytes()
    third = written(
        lines([*items, rated("Is it old?", "yes")], images),
        images,
        isolated_home,
        created_at="2026-11-23T00:00:00+00:00",
    )
    assert third.info.version != first.info.version
    assert [one.info.version for one in all_sets(isolated_home)] == [first.info.version, third.info.version]
    assert find_set(isolated_home, "dataset:march").info == third.info
    assert find_set(isolated_home, f"march@{first.info.version[:6]}").lines() == first.lines()
    assert find_set(isolated_home, str(first.folder)).info == first.info


def test_a_data_set_that_was_changed_is_refused(images: ImageStore, isolated_home: Path) -> None:
    found = written(lines([rated("Who owns it?", "Bo")], images), images, isolated_home)
    path = found.folder / "samples.jsonl"
    path.write_text(path.read_text().replace('"Bo"', '"Al"'))
    with pytest.raises(VidenceError, match="not what was written"):
        found.lines()


def test_a_data_set_without_samples_says_what_became_of_the_ratings(
    images: ImageStore, isolated_home: Path
) -> None:
    with pytest.raises(VidenceError, match="rated down without a correction 1"):
        written(lines([rated("Who?", "Bo", "down")], images), images, isolated_home)


def test_a_share_draws_the_same_questions_whoever_draws(images: ImageStore) -> None:
    items = [rated(f"What is number {number} called?", f"n{number}") for number in range(200)]
    half = {line.sample.id for line in lines(items, images, share=0.5).lines}
    assert 70 < len(half) < 130
    assert half == {line.sample.id for line in lines(items[::-1], images, share=0.5).lines}
    assert {line.sample.id for line in lines(items, images, share=0.2).lines} < half


def test_training_finds_what_is_measured_on(images: ImageStore, isolated_home: Path, tmp_path: Path) -> None:
    sha = picture(images, tmp_path, 4)
    written(lines([rated("Hm?", "x", images=(sha,)), rated("Why so?", "y")], images), images, isolated_home)
    index = measured_on(isolated_home, PrintCache(tmp_path / "prints.db"))
    assert index.text("why so") == ("same question", "dataset:march")
    assert index.text("Hm?") is None
    assert index.files[sha] == "dataset:march"


def test_a_rating_keeps_where_the_run_searched() -> None:
    plan = (
        SubQuestion(id="q1", question="Who?", action="search_text", args={"collections": ["b", "a"]}),
        SubQuestion(id="q2", question="Who?", action="search_text", args={"collections": ["a"]}),
    )
    result = RunResult(
        run_id="r", thread_id="t", status="done", question="Who?", profile="general", plan=plan, citations=()
    )
    assert collections_of(result) == ("b", "a")
    assert rated_run(result).collections == ("b", "a")


def test_a_set_rests_on_the_collections_as_they_are(images: ImageStore, isolated_home: Path) -> None:
    found = written(lines([rated("Where?", "Oslo", collections=("notes",))], images), images, isolated_home)

    class Kept:
        version_now = "1"

        def names(self) -> list[str]:
            return ["notes"]

        def version(self, name: str) -> str:
            return self.version_now

    kept: Any = Kept()
    before = _versions(found, kept)
    kept.version_now = "2"
    assert (before, _versions(found, kept)) == ({"notes": "1"}, {"notes": "2"})
