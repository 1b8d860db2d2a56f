"""Suites made from templates: their truth holds, and enough of them are independent to notice a fall."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from core.text import squash
from evals.drawings.scenes import draw_scene
from evals.run.registry import Place, Suite, suites
from evals.run.sample import Output
from evals.suites.drawn_search import changed, drawn_search
from evals.suites.made_planning import made_questions
from evals.suites.made_studies import made_studies, studies
from evals.suites.told_scans import told_scans

NOWHERE = Place(Settings())
ENOUGH = 115
OWN_FAMILIES = {
    "routing", "passages", "answers", "abstention", "charts", "vqa", "reading", "documents", "tools", "code",
    "planning", "biomedical", "inspection", "pictures",
}  # fmt: skip


def lead(suite: Suite, sample: Any, output: Output) -> float | None:
    one = suite.scorers[0].one
    assert one is not None
    value = one(sample, output)
    assert value is None or isinstance(value, float)
    return value


def test_every_family_of_the_quick_run_has_enough_independent_samples() -> None:
    units: dict[str, int] = {}
    for suite in suites():
        if suite.needs is None and suite.family in OWN_FAMILIES and suite.name != "known_failures":
            units[suite.family] = units.get(suite.family, 0) + len(
                {row.unit for row in suite.samples(NOWHERE)}
            )
    assert units.keys() == OWN_FAMILIES
    assert {family: count for family, count in units.items() if count < ENOUGH} == {}


def test_parts_of_a_question_stand_in_its_words() -> None:
    kinds = set()
    for row in made_questions.samples(NOWHERE):
        kinds.add(row.kind)
        said = squash(row.input["question"])
        if row.kind == "comparison":
            assert all(squash(part.split(" is ", 1)[1].rstrip("?")) in said for part in row.target)
            assert len(set(row.target)) == 2
        else:
            assert all(squash(part).rstrip("?") in said for part in row.target)
            assert len(row.target) == (1 if row.kind == "whole" else 2)
    assert kinds == {"whole", "comparison", "two"}
    row = next(one for one in made_questions.samples(NOWHERE) if one.kind == "two")
    unsplit = lead(made_questions, row, Output(answer=[]))
    assert unsplit is not None
    assert unsplit < 1.0


def test_a_study_says_what_it_is_asked_about_and_its_verdict_alone() -> None:
    found = studies()
    assert len({one.text for one in found}) == len({one.question for one in found}) == len(found)
    for one in found:
        drug = one.text.split(" ", 1)[0]
        assert drug in one.question
        assert sum(drug in other.text for other in found) == 1
        hedged = " may " in one.text or "uncertain" in one.text
        assert hedged == (one.verdict == "maybe"), one.text
        denied = "does not reduce" in one.text or "had no effect" in one.text
        assert denied == (one.verdict == "no"), one.text
    row = made_studies.samples(NOWHERE)[0]
    right = Output(answer={"status": "done", "short": row.target})
    assert lead(made_studies, row, right) == 1.0
    wrong = Output(answer={"status": "done", "short": "no" if row.target == "yes" else "yes"})
    assert lead(made_studies, row, wrong) == 0.0


def test_items_that_are_said_not_to_be_there_are_no_truth() -> None:
    rows = told_scans.samples(NOWHERE)
    assert {len(row.target["items"]) for row in rows} == {0, 1, 2}
    assert {row.target["action"] for row in rows} == {"clear", "manual_inspection", "alert"}
    for row in rows:
        for line in row.input["said"]:
            if line.startswith(("No ", "Nothing", "It does not", "There is no ")):
                assert not any(item in line for item in row.target["items"]), row
        if row.target["match_declaration"]:
            assert set(row.target["items"]) <= set(row.input["declared"])
    row = next(one for one in rows if one.target["action"] == "alert")
    verdict = {**row.target, "detected_items": row.target["items"]}
    assert lead(told_scans, row, Output(answer=verdict)) == 1.0
    assert lead(told_scans, row, Output(answer={**verdict, "action": "clear"})) == 0.0


def test_a_changed_picture_is_another_one_but_still_shows_the_same(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    import numpy as np
    from PIL import Image

    path = tmp_path / "a.png"
    draw_scene(path, 3)
    with Image.open(path) as stored:
        before = np.asarray(stored.convert("RGB")).astype(int)
    for change in ("crop", "turn", "dim", "small"):
        after = changed(path, change, 1).astype(int)
        assert after.shape != before.shape or np.abs(after - before).mean() > 0.5, change
        assert np.abs(after.mean(axis=(0, 1)) - before.mean(axis=(0, 1))).max() < 90
        assert (changed(path, change, 1) == after).all()
    assert len({row.target[0] for row in drawn_search.samples(NOWHERE)}) >= ENOUGH


def test_a_scene_is_taken_for_a_photo_so_that_nobody_looks_for_words_in_it(tmp_path: Path) -> None:
    from models.jobs import describe_pixels

    for seed in range(6):
        draw_scene(tmp_path / "a.png", seed)
        assert describe_pixels(str(tmp_path / "a.png"))["kind"] not in ("chart", "document"), seed
