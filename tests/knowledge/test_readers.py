"""Readers and chunks: pieces are exact spans of their source, with page, section and lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import VidenceError
from knowledge.readers.cutting import CHUNK_WORDS, count_words, markdown_sections, split_text
from knowledge.readers.dispatch import decode, find_files
from knowledge.readers.pdf import pdf_pieces
from knowledge.readers.source_code import MAX_LINES, code_pieces
from knowledge.readers.web_page import html_pieces
from tests.support.pdf import make_pdf

LONG = " ".join(f"Sentence number {n} says that pump {n} runs at {n} bar." for n in range(200))


def test_long_text_is_cut_into_exact_overlapping_pieces_with_their_lines() -> None:
    text = LONG.replace(". Sentence number 1", ".\n\nSentence number 1")
    pieces = split_text(text, path="x.txt")
    assert len(pieces) > 3
    lines = text.split("\n")
    for piece in pieces:
        assert piece.text in text
        assert count_words(piece.text) <= CHUNK_WORDS
        first, last = piece.locator.lines or (0, 0)
        assert piece.text in "\n".join(lines[first - 1 : last])
    for number in range(200):
        assert any(f"pump {number} runs at {number} bar." in piece.text for piece in pieces)


@given(st.text(alphabet="ab .!?\n#`é中", max_size=400))
def test_no_text_is_lost_and_none_is_invented(text: str) -> None:
    pieces = split_text(text, sections=markdown_sections(text))
    assert "".join("".join(piece.text.split()) for piece in pieces) == "".join(text.split())
    assert all(piece.text in text for piece in pieces)


def test_headings_inside_fenced_code_do_not_open_sections() -> None:
    text = "# A\none\n```sh\n# not a heading\n```\n## B\ntwo\n# C\nthree\n"
    assert [section.heading for section in markdown_sections(text)] == ["A", "A > B", "C"]


def test_python_is_split_by_definition_with_decorators_methods_and_docstrings() -> None:
    source = (
        "import os\n\n\n@cached\ndef outer(x):\n    '''Doc of outer.'''\n    return x\n\n\n"
        "class Box:\n    size = 1\n\n    def open(self):\n        return os\n"
    )
    found = {
        piece.locator.section: (piece.locator.lines, piece.text)
        for piece in code_pieces(Path("m.py"), source, "m.py")
    }
    assert found["outer"][0] == (4, 7)
    assert "Doc of outer." in found["outer"][1]
    assert found["Box.open"] == ((13, 14), "    def open(self):\n        return os")
    assert "size = 1" in found["Box"][1]
    assert "import os" in found[None][1]


def test_code_that_does_not_parse_and_long_code_is_cut_by_lines() -> None:
    source = "".join(f"broken ( {number}\n" for number in range(3 * MAX_LINES))
    pieces = code_pieces(Path("m.py"), source, "m.py")
    assert "\n".join(piece.text for piece in pieces) + "\n" == source
    assert all(
        (piece.locator.lines or (0, 999))[1] - (piece.locator.lines or (0, 0))[0] < MAX_LINES
        for piece in pieces
    )


def test_html_keeps_visible_text_by_heading_and_drops_scripts() -> None:
    page = (
        "<html><head><title>Guide</title><style>p{}</style></head><body><script>evil()</script>"
        "<h1>Setup</h1><p>Plug it&nbsp;in.</p><h2>Safety</h2><p>Keep <b>dry</b>.</p>"
        "<table><tr><td>Volt</td><td>230</td></tr></table></body></html>"
    )
    pieces = html_pieces(Path("g.html"), page)
    text = {piece.locator.section: piece.text for piece in pieces}
    assert "Plug it in." in text["Setup"]
    assert "Keep dry." in text["Safety"]
    assert "Volt" in text["Safety"]
    assert not any("evil" in piece.text for piece in pieces)
    assert pieces[0].title.startswith("Guide")


def test_pdf_pieces_name_their_page() -> None:
    pieces = pdf_pieces(Path("m.pdf"), make_pdf("Pressure is 1.5 bar", "Warranty is two years"))
    assert [(piece.locator.page, piece.text) for piece in pieces] == [
        (1, "Pressure is 1.5 bar"),
        (2, "Warranty is two years"),
    ]


def test_a_pdf_without_text_says_that_it_may_be_a_scan() -> None:
    with pytest.raises(VidenceError, match="scan"):
        pdf_pieces(Path("m.pdf"), make_pdf(""))


def test_encodings_are_told_apart_from_binary() -> None:
    assert decode("naïve".encode("cp1252")) == "naïve"
    assert decode("naïve".encode("utf-16")) == "naïve"
    assert decode(b"\xef\xbb\xbfhi") == "hi"
    for binary in (b"\x00\x01\x02", bytes(range(256)) * 4):
        with pytest.raises(VidenceError, match="not text"):
            decode(binary)


def test_hidden_and_generated_folders_are_left_out(tmp_path: Path) -> None:
    for name in ("a.md", ".git/b.md", "node_modules/c.md", "sub/d.md", "sub/e.exe"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    found = find_files([tmp_path, tmp_path / "a.md"], "auto")
    assert [(file.path.name, file.wanted) for file in found] == [
        ("a.md", True),
        ("d.md", True),
        ("e.exe", False),
    ]
