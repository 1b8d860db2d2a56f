from __future__ import annotations

import pytest

from agents.pinpoint import citation_of, pinpoint
from core.contracts import Evidence, Locator


def line(text: str, box: tuple[float, float, float, float] = (100, 10, 300, 30)) -> Evidence:
    return Evidence(kind="ocr", source="a.png", locator=Locator(box=box, sha256="ab"), content=text)


@pytest.mark.parametrize(
    ("answer", "text", "part"),
    [
        ("2018-01-02", "Date: 02/01/2018", "02/01/2018"),
        ("38.80", "RM 38.80", "38.80"),
        ("38.8", "Total RM 38.80", "38.80"),
        ("Ann Lee", "Cashier: ANN LEE", "ANN LEE"),
    ],
)
def test_the_part_of_a_line_that_says_the_answer_is_cited_with_its_own_box(
    answer: str, text: str, part: str
) -> None:
    [region] = pinpoint(answer, [line(text)])
    assert (region.kind, region.content, region.source) == ("region", part, "a.png")
    box = region.locator.box
    assert box is not None
    start = text.index(part)
    assert box == pytest.approx(
        (100 + 200 * start / len(text), 10, 100 + 200 * (start + len(part)) / len(text), 30), abs=0.1
    )
    assert region.locator.sha256 == "ab"
    assert citation_of(region).quote == part


def test_a_line_that_is_the_answer_gets_no_second_box() -> None:
    assert pinpoint("2018-01-02", [line("02/01/2018"), line(": 02/01/2018")]) == []


def test_only_upright_lines_read_from_an_image_give_a_region() -> None:
    passage = Evidence(kind="passage", source="a.md", content="Date: 02/01/2018")
    turned = line("Date: 02/01/2018", box=(0, 0, 20, 200))
    assert pinpoint("2018-01-02", [passage, turned, line("no date here")]) == []
