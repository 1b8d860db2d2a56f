"""Documents and tools: the truth is what is drawn or written, and what is wrong scores less."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.contracts import OcrLine
from core.settings import Settings
from core.text import squash
from evals.drawings.pages import PIECES, draw_lines, draw_sheet, make_receipt, piece_box, small_receipt
from evals.run.registry import Place
from evals.run.sample import Output
from evals.suites.documents import drawn_pages, drawn_receipts, overlap, sroie_text
from evals.suites.forms import forms, made_forms
from evals.suites.rows import own
from evals.suites.tools import metatool, own_tools
from tools.registry import default_registry

NOWHERE = Place(Settings())


def test_a_receipts_fields_stand_on_it_and_its_sums_are_right() -> None:
    for seed in range(30):
        made = make_receipt(seed)
        assert made == make_receipt(seed)
        right = {left: float(amount) for left, amount in made.lines if amount}
        goods = sum(
            value
            for name, value in right.items()
            if name not in ("Subtotal", "Tax 6%", "TOTAL", "Cash", "Change")
        )
        assert right["Subtotal"] == pytest.approx(goods)
        assert right["TOTAL"] == pytest.approx(right["Subtotal"] + right["Tax 6%"])
        assert right["Change"] == pytest.approx(right["Cash"] - right["TOTAL"])
        assert right["Change"] >= 0
        text = " ".join(f"{left} {amount}" for left, amount in made.lines)
        assert all(value in text for value in made.fields.values())


def test_a_page_is_drawn_dark_on_light_with_all_its_lines_inside(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    import numpy as np
    from PIL import Image

    for seed in range(3):
        lines = [("A line of text that is rather long, to see that the page grows", "12.00")] * 5
        draw_lines(tmp_path / "a.png", lines, seed)
        with Image.open(tmp_path / "a.png") as picture:
            pixels = np.asarray(picture)
        assert (pixels < 100).sum() > 2_000
        edge = np.concatenate([pixels[:3].ravel(), pixels[-3:].ravel(), pixels[:, :3].ravel()])
        assert edge.min() > 150


def test_a_small_receipt_holds_its_fields_and_its_sum() -> None:
    companies = set()
    for seed in range(40):
        made = small_receipt(seed)
        assert made == small_receipt(seed)
        amounts = {left: float(right) for left, right in made.lines if "." in right}
        assert amounts.pop("TOTAL") == pytest.approx(sum(amounts.values())) == float(made.fields["total"])
        text = " ".join(word for line in made.lines for word in line if word)
        assert all(value in text for value in made.fields.values())
        companies.add(made.fields["company"])
    assert len(companies) > 35


def test_pieces_of_a_sheet_are_drawn_in_their_own_bands_and_looks(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    import numpy as np
    from PIL import Image

    draw_sheet(tmp_path / "a.png", [["One line", "and another"]] * PIECES, 3)
    with Image.open(tmp_path / "a.png") as picture:
        pixels = np.asarray(picture).astype(int)
    bands = []
    for place in range(PIECES):
        _, top, right, bottom = piece_box(place)
        assert right <= pixels.shape[1]
        band = pixels[top:bottom]
        assert (band < 120).sum() > 150
        edges = np.concatenate([band[:6], band[-6:]])
        assert edges.min() > 130, "no ink where the next piece begins"
        bands.append(band.mean())
    assert len({round(float(mean), 2) for mean in bands}) == PIECES


def test_forms_are_asked_for_what_stands_on_them_and_answers_compare_by_kind() -> None:
    texts = {form.id: squash(form.text) for form in forms()}
    rows = made_forms.samples(NOWHERE)
    assert len({row.unit for row in rows}) + len(drawn_receipts.samples(NOWHERE)) >= 115
    score = made_forms.scorers[0].one
    assert score is not None
    for row in rows:
        assert all(squash(value) in texts[row.id] for value in row.target.values()), row
        right = Output(answer={"fields": dict(row.target), "citations": [], "invented": []})
        assert score(row, right) == 1.0
        wrong = dict.fromkeys(row.target, "nothing")
        assert score(row, Output(answer={"fields": wrong, "citations": [], "invented": []})) == 0.0


def test_fields_are_compared_by_kind() -> None:
    first = drawn_receipts.samples(NOWHERE)[0]
    made = small_receipt(0)
    sample = first.model_copy(update={"target": made.fields})
    score = {one.metric: one.one for one in drawn_receipts.scorers}
    fields = score["fields"]
    assert fields is not None

    def output(**given: str) -> Output:
        said = {**sample.target, **given}
        return Output(answer={"fields": said, "citations": ["e1", "e2"], "invented": ["e2"]})

    assert fields(sample, output()) == 1.0
    day, month, year = sample.target["date"].split("/")
    assert fields(sample, output(date=f"{year}-{month}-{day}", total=f"RM {sample.target['total']}")) == 1.0
    assert fields(sample, output(total="0.01", company="")) == 0.5
    assert score["field_total"] is not None
    assert score["field_total"](sample, output(total="0.01")) == 0.0
    assert score["invented"] is not None
    assert score["invented"](sample, output()) == 0.5


def test_pages_are_of_the_library_and_characters_count() -> None:
    sample = drawn_pages.samples(NOWHERE)[0]
    assert "Skerra lighthouse" in sample.target
    assert len(drawn_pages.samples(NOWHERE)) >= 115
    cer = drawn_pages.scorers[0].one
    assert cer is not None

    def read(text: str) -> Output:
        return Output(answer={"lines": [{"text": text}]})

    assert cer(sample, read(sample.target)) == 0.0
    assert cer(sample, read(sample.target[:-10])) == pytest.approx(10 / len(sample.target), abs=0.005)


def test_lines_count_where_they_stand() -> None:
    gold = [{"text": "TOTAL 9.30", "box": [0, 0, 100, 20]}, {"text": "CASH", "box": [0, 40, 100, 60]}]
    sample = drawn_pages.samples(NOWHERE)[0].model_copy(update={"target": gold})
    lines = [OcrLine(text="T0TAL 9.30", box=(0, 1, 100, 21), score=1.0)]
    output = Output(answer={"lines": [line.model_dump(mode="json") for line in lines]})
    found, wrong = (one.one for one in sroie_text.scorers)
    assert found is not None
    assert wrong is not None
    assert found(sample, output) == 0.5
    assert wrong(sample, output) == pytest.approx(1 / 9)
    assert overlap((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)


def test_every_own_request_is_for_a_tool_that_there_is() -> None:
    names = set(default_registry().names())
    assert {row["tool"] for row in own("own_tools.jsonl")} <= names
    assert len(own_tools.samples(NOWHERE)) >= 115
    hit = own_tools.scorers[0].one
    assert hit is not None
    sample = own_tools.samples(NOWHERE)[0]
    assert hit(sample, Output(answer=[sample.kind, "read"])) == 1.0
    assert hit(sample, Output(answer=["nothing", sample.kind])) == 0.0
    assert metatool.missing(NOWHERE) == "metatool"
