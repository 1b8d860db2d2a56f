"""PDF: passages with their place, figures and tables cut out with their own caption, scans by OCR."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.contracts import Box, OcrLine
from core.errors import VidenceError
from core.images import ImageStore
from knowledge.images.written import ImageText
from knowledge.readers.context import ReadContext
from knowledge.readers.pdf import pdf_pieces
from knowledge.readers.pdf_page import area, shared
from knowledge.records import Piece
from tests.support.pdf import draw_pdf, line, make_pdf, paragraph

GREY = bytes(range(256)) * 16
PLOT = "0 0 1 RG 2 w 150 500 m 150 650 l S 150 500 m 450 500 l S 150 500 m 250 600 l 350 540 l 450 640 l S\n"
BARS = "1 0 0 rg 330 300 30 80 re f 380 300 30 120 re f 430 300 30 60 re f\n"
RULES = "0 G 1 w 72 400 m 540 400 l S 72 380 m 540 380 l S 72 320 m 540 320 l S\n"


@pytest.fixture
def context(tmp_path: Path) -> ReadContext:
    return ReadContext(images=ImageStore(tmp_path / "images", max_bytes=10**8, max_pixels=10**8))


def pictures(data: bytes, context: ReadContext) -> list[Piece]:
    return [piece for piece in pdf_pieces(Path("m.pdf"), data, context) if piece.kind == "image"]


def covers(found: Box | None, wanted: Box) -> bool:
    """Whether a box holds nearly all of the wanted one and is not much larger."""
    assert found is not None
    return shared(found, wanted) > 0.95 * area(wanted) and area(found) < 1.6 * area(wanted)


def test_a_passage_knows_its_page_and_place() -> None:
    [first, second] = pdf_pieces(Path("m.pdf"), make_pdf("Pressure is 1.5 bar", "Warranty"))
    assert (first.locator.page, second.locator.page) == (1, 2)
    left, top, right, bottom = first.locator.box or (0, 0, 0, 0)
    assert left == pytest.approx(20, abs=2)
    assert bottom == pytest.approx(200 - 100, abs=4)
    assert right > left + 80
    assert bottom - top < 16


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_places_are_those_of_the_page_as_it_is_shown(rotate: int, context: ReadContext) -> None:
    data = draw_pdf("q 200 0 0 100 60 520 cm /Im1 Do Q " + line(60, 700, "A heading of some length here"),
                    picture=GREY, rotate=rotate)  # fmt: skip
    [piece] = pictures(data, context)
    shown = {
        0: (60, 172, 260, 272),
        90: (520, 60, 620, 260),
        180: (352, 520, 552, 620),
        270: (172, 352, 272, 552),
    }[rotate]
    assert covers(piece.locator.box, shown)
    pixels = context.images.open(str(piece.locator.sha256)) if context.images else np.zeros(1)
    # The picture itself was cut out, not the white around it.
    assert 100 < pixels.mean() < 160


def test_figures_and_tables_are_cut_out_with_their_own_captions(context: ReadContext) -> None:
    first = (
        paragraph(72, 740, 3)
        + PLOT
        + line(140, 488, "0")
        + line(72, 460, "Figure 1. Pressure of the first vessel over")
        + line(72, 448, "the whole day.")
        + paragraph(72, 410, 3)
        + BARS
        + line(320, 280, "Fig. 2: Counts of three classes")
        + paragraph(72, 240, 4)
    )
    second = (
        paragraph(72, 740, 4)
        + line(72, 600, "Figure 1 shows that the pressure rose, and Table 1 says so too.")
        + line(72, 412, "Table 1. Limits of the valves")
        + RULES
        + "".join(line(80 + 150 * c, 386 - 18 * r, f"cell {r}{c}") for r in range(4) for c in range(3))
        + paragraph(72, 280, 4)
    )
    found = {piece.text: piece for piece in pictures(draw_pdf(first, second), context)}
    assert set(found) == {
        "Figure 1. Pressure of the first vessel over the whole day.",
        "Fig. 2: Counts of three classes",
        "Table 1. Limits of the valves",
    }
    plot = found["Figure 1. Pressure of the first vessel over the whole day."]
    assert plot.locator.page == 1
    assert covers(plot.locator.box, (140, 142, 450, 302))
    assert covers(found["Fig. 2: Counts of three classes"].locator.box, (330, 372, 460, 492))
    table = found["Table 1. Limits of the valves"]
    assert (table.locator.page, table.locator.table) == (2, 1)
    assert covers(table.locator.box, (72, 392, 540, 472))
    assert context.images is not None
    for piece in found.values():
        assert context.images.path(str(piece.locator.sha256)).is_file()


def test_a_logo_on_every_page_is_kept_once_and_backgrounds_not_at_all(context: ReadContext) -> None:
    logo = "q 150 0 0 150 400 600 cm /Im1 Do Q " + paragraph(72, 500, 3)
    assert len(pictures(draw_pdf(logo, logo, logo, picture=GREY), context)) == 1
    background = "q 612 0 0 792 0 0 cm /Im1 Do Q " + paragraph(72, 500, 3)
    assert pictures(draw_pdf(background, picture=GREY), context) == []


class StandIn(ImageText):
    """Reads two lines from any image."""

    def known(self, sha256: str) -> list[OcrLine] | None:
        return [
            OcrLine(text="Total due 12.50", box=(100.0, 200.0, 500.0, 240.0), score=0.9),
            OcrLine(text="Paid in cash", box=(100.0, 260.0, 420.0, 300.0), score=0.9),
        ]

    def add_to(self, piece: Piece, load: Callable[[str, str], Any]) -> Piece:
        assert load(str(piece.locator.sha256), "").shape[2] == 3
        return piece


def test_a_scan_is_read_by_ocr_and_kept_as_an_image(context: ReadContext, tmp_path: Path) -> None:
    scan = draw_pdf("q 612 0 0 792 0 0 cm /Im1 Do Q", picture=GREY)
    reading = ReadContext(images=context.images, page_text=StandIn(tmp_path, "always"))
    passage, image = pdf_pieces(Path("scan.pdf"), scan, reading)
    assert (passage.kind, passage.text) == ("passage", "Total due 12.50\nPaid in cash")
    assert passage.locator.box == (50.0, 100.0, 250.0, 150.0)
    assert (image.kind, image.locator.page, image.locator.box) == ("image", 1, (0.0, 0.0, 612.0, 792.0))


def test_a_scan_that_cannot_be_read_is_a_typed_failure(context: ReadContext) -> None:
    scan = draw_pdf("q 612 0 0 792 0 0 cm /Im1 Do Q", picture=GREY)
    for reading in (context, None):
        with pytest.raises(VidenceError, match="scan") as caught:
            pdf_pieces(Path("scan.pdf"), scan, reading)
        assert caught.value.kind == "unavailable"


def test_locked_broken_and_cut_files_are_typed_failures() -> None:
    from io import BytesIO

    from pypdf import PdfReader, PdfWriter

    whole = make_pdf("Some text that is long enough")
    writer = PdfWriter(clone_from=PdfReader(BytesIO(whole)))
    writer.encrypt("secret")
    body = BytesIO()
    writer.write(body)
    with pytest.raises(VidenceError, match="password"):
        pdf_pieces(Path("m.pdf"), body.getvalue())
    for data in (b"%PDF-1.7\nnothing more", whole[: len(whole) // 3]):
        with pytest.raises(VidenceError) as caught:
            pdf_pieces(Path("m.pdf"), data)
        assert caught.value.kind == "invalid_input"
