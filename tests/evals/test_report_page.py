"""A report is one file that loads and runs nothing, whatever the data says, and shows what went wrong."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from core.errors import VidenceError
from evals.compare.decide import compare_runs
from evals.compare.trends import run_figures, trends
from evals.metrics.counts import Counts
from evals.report.charts import bar, line
from evals.report.html import Shown, render_report, write_report
from evals.report.markdown import summary_markdown
from evals.report.panels import curve_of, panels_of
from evals.run.file import Run
from evals.run.sample import Output, Record, SampleError, Seen
from evals.run.summary import summarise
from tests.support.eval_suites import header, record

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\" onload='x' {{ 7*7 }} ]]> | <b>"
ALLOWED_URL = re.compile(r"^(data:image/jpeg;base64,[A-Za-z0-9+/=]+|#[a-z]+)$")


class Reader(HTMLParser):
    """Collects tags, attributes and visible text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in {"meta", "rect", "line", "circle", "image", "polyline", "link", "br", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def parse(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert not reader.open
    return reader


def of(rows, head=None, name="run.jsonl", **more) -> Run:
    head = head or header({"sums": ["sums"]}, **more)
    return Run(Path(name), head, tuple(rows), summarise(head, rows))


def plain_run(right: int, count: int = 40, **more) -> Run:
    return of(
        [record("sums", number, {"accuracy": float(number < right)}) for number in range(count)], **more
    )


def test_hostile_text_is_shown_and_never_runs() -> None:
    output = Output(
        answer=HOSTILE,
        evidence=(Seen(kind=HOSTILE, text=HOSTILE),),
    )
    rows = [
        record(
            "sums",
            0,
            {"accuracy": 0.0},
            output=output,
            input={"question": HOSTILE, HOSTILE: 1, "images": [HOSTILE]},
            kind=HOSTILE,
            source=HOSTILE,
            target=HOSTILE,
        ),
        record("sums", 1, {}, output=Output(error=SampleError(kind="bug", message=HOSTILE))),
    ]
    run = of(rows, settings={HOSTILE: HOSTILE}, prompts={"p": HOSTILE})
    other = of(rows, header({"sums": ["sums"]}), HOSTILE)
    comparison = compare_runs(other, run)
    page = render_report(Shown(run, other, comparison))
    reader = parse(page)
    assert not {"script", "img", "iframe", "b", "link", "object"} & set(reader.tags)
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    urls = [value for name, value in reader.attributes if name in {"href", "src", "xlink:href"}]
    assert all(ALLOWED_URL.match(value or "") for value in urls)
    assert "".join(reader.texts).count(HOSTILE) >= 6
    assert "default-src 'none'" in page
    assert "<script" not in summary_markdown(run, comparison)


def test_the_page_says_what_failed_what_was_skipped_and_what_is_not_complete() -> None:
    rows = [
        record("sums", 0, {"accuracy": 1.0}),
        record(
            "sums", 1, {}, output=Output(error=SampleError(kind="timeout", message="not finished after 3 s"))
        ),
    ]
    head = header(
        {"sums": ["sums"]},
        skipped=(
            {
                "suite": "scifact",
                "family": "retrieval",
                "needs": "scifact",
                "reason": "the public set scifact is not there",
            },
        ),
    )
    head = head.model_copy(update={"suites": (head.suites[0].model_copy(update={"samples": 9}),)})
    run = Run(Path("r.jsonl"), head, tuple(rows), summarise(head, rows, stop="time_limit"))
    words = " ".join(parse(render_report(Shown(run))).texts)
    for said in (
        "1 samples failed",
        "1 timeout",
        "not finished after 3 s",
        "Not complete",
        "time limit",
        "scifact",
    ):
        assert said in words
    text = summary_markdown(run)
    assert "Not complete" in text
    assert "scifact" in text


def test_images_are_small_and_boxes_stand_in_the_pixels_of_the_original(tmp_path: Path) -> None:
    Image.new("RGB", (1600, 900), (200, 30, 30)).save(tmp_path / "scan.png")
    output = Output(answer="a", evidence=(Seen(kind="region", text="the knife", box=(100, 200, 300, 260)),))
    rows = [
        record("sums", 0, {"accuracy": 0.0}, output=output, input={"question": "?", "images": ["scan.png"]})
    ]
    page = render_report(Shown(of(rows)), folders=[tmp_path])
    assert 'viewBox="0 0 1600 900"' in page
    assert '<rect x="100.0" y="200.0" width="200.0" height="60.0"' in page
    assert "<title>the knife</title>" in page
    assert page.count("data:image/jpeg;base64,") == 1
    assert len(page) < 60_000


@pytest.mark.parametrize("name", ["../secret.png", "{folder}/secret.png", "/etc/passwd", "missing.png", "\0"])
def test_a_run_file_cannot_name_images_outside_of_the_folders(tmp_path: Path, name: str) -> None:
    (tmp_path / "data").mkdir()
    Image.new("RGB", (20, 20)).save(tmp_path / "secret.png")
    images = [name.format(folder=tmp_path)]
    rows = [record("sums", 0, {"accuracy": 0.0}, input={"question": "?", "images": images})]
    page = render_report(Shown(of(rows)), folders=[tmp_path / "data"])
    assert "data:image" not in page
    assert "not at hand" in page


def test_the_samples_that_fell_come_first_with_both_answers() -> None:
    base, new = plain_run(30), plain_run(20)
    page = render_report(Shown(new, base, compare_runs(base, new), worst=3))
    shown = re.findall(r'aria-label="Sample (s\d+)"', page)
    assert shown == ["s020", "s021", "s022"]
    assert page.count('<h4 class="dim">base</h4>') == 3
    assert "Refused" in page


def test_a_page_of_a_perfect_run_shows_no_worst_samples() -> None:
    page = render_report(Shown(plain_run(40)))
    assert 'class="sample"' not in page


def test_charts_say_in_words_what_they_draw() -> None:
    runs = [
        plain_run(right, started=f"2026-01-0{day}T00:00:00+00:00")
        for day, right in enumerate((20, 30, 25), 1)
    ]
    reader = parse(render_report(Shown(runs[2], history=(runs[1], runs[0]))))
    labels = [value for name, value in reader.attributes if name == "aria-label"]
    assert "sums accuracy: 0.500, 0.750, 0.625" in labels
    assert any(label.startswith("0.625, 95% interval ") for label in labels)
    assert reader.tags.count("svg") == sum(
        1 for name, value in reader.attributes if (name, value) == ("role", "img")
    )


def test_trends_are_in_the_order_of_time_and_lines_stay_inside() -> None:
    runs = [
        plain_run(right, started=f"2026-01-0{day}T00:00:00+00:00") for day, right in enumerate((20, 30), 1)
    ]
    found = trends([runs[1], runs[0]])[0]
    assert [point.value for point in found.points] == [0.5, 0.75]
    assert found.change == 0.25
    drawn = line(found)
    assert drawn is not None
    assert drawn.points == "4.0,32.0 156.0,4.0"
    assert line(trends(runs[:1])[0]) is None


def test_a_bar_stays_on_its_scale() -> None:
    figure = run_figures(plain_run(40))[0]
    drawn = bar(figure.model_copy(update={"value": 3.0, "low": -1.0, "high": 4.0}))
    assert drawn is not None
    assert (drawn.low, drawn.value, drawn.high) == (0.0, 165.0, 220.0)
    assert bar(figure.model_copy(update={"value": None})) is None


def test_the_markdown_table_has_a_line_a_measure() -> None:
    base, new = plain_run(30), plain_run(20)
    text = summary_markdown(new, compare_runs(base, new))
    assert "| sums | accuracy | 40 | 0.500 | 0.352 to 0.648 | 0 | 0 |" in text
    assert "**Refused**" in text


def test_the_markdown_has_a_row_a_language_where_a_suite_asks_in_several() -> None:
    assert "| language |" not in summary_markdown(plain_run(20))
    rows = [
        record(suite, number, {"accuracy": float(number < limit)}, language=["de", "ja"][number % 2])
        for number in range(8)
        for suite, limit in (("sums", 3), ("words", 8))
    ]
    run = Run(Path("x"), header({"sums": ["sums"], "words": ["words"]}), tuple(rows))
    text = summary_markdown(run)
    assert "| language | sums: accuracy | words: accuracy |" in text
    assert "| de | 0.500 | 1.000 |" in text
    assert "| ja | 0.250 | 1.000 |" in text


def test_a_report_that_cannot_be_written_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(VidenceError, match="cannot be written"):
        write_report(Shown(plain_run(40)), tmp_path / "file" / "page.html")


def asked(suite: str, number: int, confidence: float | None, *, right: bool, answered: bool = True) -> Record:
    scores: dict[str, float | None] = {"answer_right": float(right), "answered": float(answered)}
    return record(suite, number, scores, output=Output(answer={"confidence": confidence}))


def test_risk_is_drawn_against_coverage_over_what_was_answered() -> None:
    rows = [asked("sums", number, 1 - number / 10, right=number < 3) for number in range(4)]
    rows += [
        asked("sums", 4, 0.99, right=False, answered=False),
        asked("sums", 5, None, right=True),
        record("sums", 6, {}, output=Output(error=SampleError(kind="bug", message="x"))),
    ]
    curve = curve_of(rows)
    assert curve is not None
    assert (curve.answers, curve.wrong) == (4, 0.25)
    assert curve.area == pytest.approx(0.25 / 4)
    assert curve.points == "75.0,200.0 150.0,200.0 225.0,200.0 300.0,150.0"
    assert curve_of(rows[:1]) is None
    words = "".join(parse(render_report(Shown(of(rows), of(rows, name="base.jsonl")))).texts)
    assert "Of 4 answers 0.250 are wrong, of the most confident half 0.000" in words
    assert "Dashed: the base" in words


def test_each_item_and_the_confused_risks_of_an_inspection_are_shown() -> None:
    seen = [
        (["knife", HOSTILE], "high", ["knife"], "high"),
        (["pistol"], "high", ["handgun", "knife"], "critical"),
        ([], "odd", ["knife"], "high"),
    ]
    rows = [
        record(
            "sums",
            number,
            {"accuracy": 1.0},
            output=Output(answer={"inspection": {"detected_items": found, "risk_level": said}}),
            target={"items": there, "risk": risk, "exhaustive": True},
        )
        for number, (found, said, there, risk) in enumerate(seen)
    ]
    panels = panels_of(of(rows), "sums")
    assert dict(panels.items) == {HOSTILE: Counts(0, 1, 0), "gun": Counts(1, 0, 0), "knife": Counts(1, 0, 2)}
    assert panels.risks is not None
    assert panels.risks.rows[3:] == ((0, 0, 0, 1, 0, 1), (0, 0, 0, 1, 0, 0))
    page = parse(render_report(Shown(of(rows))))
    assert not {"img", "script"} & set(page.tags)
    assert "sums: the true risk, and what it was called" in page.texts


def test_a_run_without_confidence_and_items_has_no_such_part() -> None:
    assert 'id="panels"' not in render_report(Shown(plain_run(3)))
