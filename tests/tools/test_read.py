from types import SimpleNamespace

from core.contracts import OcrLine
from tools.read import ReadArgs, ReadImage

LINES = [
    OcrLine(text="TOTAL", box=(1, 2, 30, 12), score=0.9),
    OcrLine(text="73.00", box=(80, 2, 110, 12), score=0.8),
]


def context(lines):
    async def ocr(sha256):
        return lines

    return SimpleNamespace(
        models=SimpleNamespace(ocr=ocr),
        now=lambda: "2026-01-01T00:00:00+00:00",
        source_of=lambda sha: f"scan-{sha}.png",
    )


async def test_every_line_is_evidence_with_its_box_and_place():
    result = await ReadImage().run(ReadArgs(image="abc"), context(LINES))
    first, second = result.evidence
    assert (first.kind, first.source, first.content, first.score) == ("ocr", "scan-abc.png", "TOTAL", 0.9)
    assert second.locator.box == (80, 2, 110, 12)
    assert second.locator.sha256 == "abc"
    assert [item.metadata["line"] for item in result.evidence] == [0, 1]
    assert first.trust == "retrieved"


async def test_an_image_without_text_is_no_error():
    result = await ReadImage().run(ReadArgs(image="abc"), context([]))
    assert result.ok
    assert result.evidence == ()


async def test_the_same_text_in_two_places_is_two_pieces_of_evidence():
    twice = [OcrLine(text="9.10", box=(0, y, 40, y + 10), score=1.0) for y in (0, 50)]
    result = await ReadImage().run(ReadArgs(image="abc"), context(twice))
    assert len({item.id for item in result.evidence}) == 2
