from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from models.ocr import OcrReader, _scale, _tiles
from models.ocr_layout import RawLine, Word, finish, reading_order, rows_of, split_at_gaps, unturn
from models.ocr_text import tidy


@pytest.fixture(scope="module")
def reader():
    return OcrReader()


def draw(size, texts, font_size=28):
    picture = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=font_size)
    for text, x, y in texts:
        pen.text((x, y), text, fill="black", font=font)
    return np.asarray(picture)


PAGE = [("Northwind Clinic", 40, 30), ("Patient: Ada Smith", 40, 90), ("Total", 40, 150), ("73.00", 480, 150)]


def texts(lines):
    return [line.text.replace(" ", "") for line in lines]


def test_lines_come_in_reading_order_with_boxes_on_the_ink(reader):
    lines = reader.read_lines(draw((640, 220), PAGE))
    assert texts(lines) == ["NorthwindClinic", "Patient:AdaSmith", "Total", "73.00"]
    x0, y0, x1, y1 = lines[3].box
    assert 470 <= x0 <= 484
    assert 545 <= x1 <= 575
    assert 145 <= y0 < y1 <= 190
    assert all(0.8 <= line.score <= 1.0 for line in lines)


def test_a_blank_image_has_no_lines(reader):
    assert reader.read_lines(np.full((300, 300, 3), 255, np.uint8)) == []
    assert reader.read_lines(np.zeros((2, 2, 3), np.uint8)) == []


def test_a_page_on_its_side_is_read_and_its_boxes_are_those_of_the_image_given(reader):
    upright = draw((640, 220), PAGE)
    side = np.ascontiguousarray(np.rot90(upright))
    lines = reader.read_lines(side)
    assert "73.00" in texts(lines)
    box = next(line.box for line in lines if line.text == "73.00")
    patch = side[int(box[1]) : int(box[3]), int(box[0]) : int(box[2])]
    assert box[3] - box[1] > box[2] - box[0]
    assert patch.min() < 100


def test_a_page_on_its_head_is_turned_before_it_is_read(reader):
    lines = reader.read_lines(np.ascontiguousarray(np.rot90(draw((640, 220), PAGE), 2)))
    assert "Patient:AdaSmith" in texts(lines)
    assert lines[0].box[1] > 150


def test_small_text_is_enlarged_before_it_is_read(reader):
    lines = reader.read_lines(draw((220, 60), [("Invoice no 48213", 8, 20)], font_size=11))
    assert texts(lines) == ["Invoiceno48213"]
    assert lines[0].box[2] <= 220


def test_a_long_strip_is_read_from_top_to_bottom(reader):
    strip = draw((400, 2900), [(f"Item {n} 4.{n:02d}", 40, n * 500 + 100) for n in range(6)], font_size=30)
    lines = reader.read_lines(strip)
    assert "".join(texts(lines)) == "".join(f"Item{n}4.{n:02d}" for n in range(6))
    assert lines[-1].box[1] == pytest.approx(2605, abs=30)


def test_tiles_are_cut_between_lines_and_cover_the_strip():
    strip = draw((100, 6000), [("text", 10, y) for y in range(0, 5950, 60)])
    tiles = _tiles(strip)
    assert tiles[0][0] == 0
    assert tiles[-1][1] == 6000
    assert all(a[1] == b[0] for a, b in pairwise(tiles))
    for _, bottom in tiles[:-1]:
        assert strip[bottom - 1 : bottom + 1].min() > 200


@pytest.mark.parametrize(
    ("width", "height"), [(5000, 7000), (900, 12000), (12000, 900), (60, 40), (1000, 1400)]
)
def test_the_reading_size_is_bounded(width, height):
    scale = _scale(width, height)
    assert width * scale * height * scale < 16e6
    assert min(width, height) * scale >= min(width, height, 350)


def line(text, x, y, width, height=20.0, words=()):
    return RawLine(text, (x, y, x + width, y + height), height, 1.0, tuple(words))


def test_a_label_and_a_far_value_are_split_and_words_of_a_phrase_stay_together():
    words = [Word("Total", (0, 0, 50, 20)), Word("due", (58, 0, 90, 20)), Word("9.10", (200, 0, 240, 20))]
    parts = split_at_gaps(line("Total due 9.10", 0, 0, 240, words=words))
    assert [part.text for part in parts] == ["Total due", "9.10"]
    assert parts[1].box[0] == pytest.approx(200, abs=3)


def test_a_label_that_touches_its_figure_is_joined_and_a_column_is_not():
    near = finish([line("Date", 0, 0, 60), line("01/02/2018", 63, 0, 150)], width=900, height=40)
    assert [item.text for item in near] == ["Date 01/02/2018"]
    apart = finish([line("Cash", 0, 0, 60), line("9.10", 75, 0, 60)], width=900, height=40)
    assert [item.text for item in apart] == ["Cash", "9.10"]


def test_words_that_do_not_match_their_line_leave_it_whole():
    odd = line("abc", 0, 0, 200, words=[Word("x", (0, 0, 5, 20)), Word("y", (100, 0, 120, 20))])
    assert split_at_gaps(odd) == [odd]


def test_a_tilted_page_keeps_its_rows():
    boxes = [
        (x * 100.0, r * 30 + x * 6.0, x * 100.0 + 80, r * 30 + x * 6.0 + 20)
        for r in range(3)
        for x in range(5)
    ]
    assert [len(row) for row in rows_of(boxes)] == [5, 5, 5]


def test_two_columns_of_prose_are_read_one_after_the_other():
    left = [line(f"left column sentence {n}", 0, n * 30, 300) for n in range(6)]
    right = [line(f"right column sentence {n}", 340, n * 30, 300) for n in range(6)]
    mixed = [item for pair in zip(left, right, strict=True) for item in pair]
    assert reading_order(mixed) == [*left, *right]


def test_labels_with_values_beside_them_are_read_row_by_row():
    rows = [
        part for n in range(6) for part in (line(f"Field {n}", 0, n * 30, 80), line("9.99", 400, n * 30, 40))
    ]
    assert [item.text for item in reading_order(rows)] == [item.text for item in rows]


def test_boxes_stay_inside_the_image():
    (done,) = finish([line("edge", -5, -5, 500)], width=200, height=100)
    assert done.box[0] >= 0
    assert done.box[2] <= 200


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_box_of_a_turned_image_maps_back(turns):
    pixels = np.zeros((40, 100), np.uint8)
    pixels[5:10, 20:60] = 1
    ys, xs = np.nonzero(np.rot90(pixels, turns))
    box = (float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1))
    assert unturn(box, turns, 100, 40) == (20, 5, 60, 10)


@pytest.mark.parametrize(
    ("read", "meant"),
    [
        ("16/04/201816:28", "16/04/2018 16:28"),
        ("Nett Total: S8.20", "Nett Total: $8.20"),
        ("05 02-18", "05-02-18"),
        ("：300-C0001", ":300-C0001"),
        ("TEL.03-5525", "TEL. 03-5525"),
        ("S60 model", "S60 model"),
        ("总计：5", "总计：5"),
        ("Ref 05 02-18", "Ref 05 02-18"),
    ],
)
def test_only_slips_of_the_recogniser_are_repaired(read, meant):
    assert tidy(read) == meant
