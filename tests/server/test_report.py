"""The report is one self-contained page: boxes, plan, steps and citations, and nothing in it can run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from core.contracts import Citation, Claim, Evidence, Locator, RunResult, StepRecord, SubQuestion
from core.images import ImageStore
from core.settings import Settings
from server.report import plan_graph, render_report

HOSTILE = '<script>alert("x")</script><img src=http://evil.example/a.png>'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def result(settings: Settings, tmp_path: Path) -> RunResult:
    store = ImageStore(settings.root / "images", max_bytes=10**7, max_pixels=10**7)
    Image.new("RGB", (200, 100), "white").save(tmp_path / "a.png")
    sha256 = store.add_path(tmp_path / "a.png").sha256
    lines = [
        Evidence(
            kind="ocr",
            source=HOSTILE,
            content=text,
            locator=Locator(sha256=sha256, box=(10, 10 * place, 60, 10 * place + 8)),
        )
        for place, text in enumerate([HOSTILE, "Total 4.20"], 1)
    ]
    return RunResult(
        run_id="r",
        thread_id="t",
        status="done",
        question=HOSTILE,
        profile="general",
        answer=HOSTILE,
        short_answer="4.20",
        citations=(Citation.of(lines[1]),),
        claims=(Claim(text="Total 4.20", evidence_ids=(lines[1].id,), supported="verified"),),
        evidence=tuple(lines),
        plan=(
            SubQuestion(id="q1", question=HOSTILE, action="read", tool="read", status="done"),
            SubQuestion(
                id="q2", question="then", action="look", tool="look", status="failed", depends_on=("q1",)
            ),
        ),
        steps=(StepRecord(node="act", tool="read", ms=12.0),),
    )


def test_hostile_text_is_shown_and_never_runs_or_loads(result: RunResult, settings: Settings) -> None:
    page = render_report(result, settings)
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)


def test_every_box_is_drawn_and_the_cited_one_is_numbered(result: RunResult, settings: Settings) -> None:
    page = render_report(result, settings)
    assert 'viewBox="0 0 200 100"' in page
    assert page.count("<rect") == 2 + len(result.plan)
    assert page.count(">[1]</text>") == 1
    assert 'x="10.0" y="20.0" width="50.0" height="8.0"' in page


def test_the_plan_stands_left_to_right_by_dependency(result: RunResult) -> None:
    drawing = plan_graph(result.plan)
    first, second = drawing["nodes"]
    assert first["x"] < second["x"]
    assert len(drawing["edges"]) == 1


def test_an_abstention_shows_its_reason(result: RunResult, settings: Settings) -> None:
    silent = result.model_copy(update={"status": "abstained", "abstain_reason": "No page was given"})
    assert "No page was given" in render_report(silent, settings)
