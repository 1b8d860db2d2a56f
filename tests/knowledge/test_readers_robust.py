"""Odd, broken and hostile files: each a typed failure, the rest added; every passage an exact span."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import VidenceError
from knowledge.collections import Collections
from knowledge.readers import dispatch as readers
from knowledge.readers.context import ReadContext
from knowledge.readers.cutting import markdown_sections, split_text
from knowledge.readers.decode import decode
from knowledge.readers.dispatch import find_files, read_file
from knowledge.readers.image import image_pieces
from knowledge.readers.web_page import html_pieces
from knowledge.records import FileFailure


def test_every_bad_file_is_a_typed_failure_and_the_rest_is_added(
    collections: Collections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "MAX_FILE_BYTES", 100_000)
    folder = tmp_path / "mixed"
    folder.mkdir()
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("word/document.xml", b"\0" * 10_000_000)
    jpeg = io.BytesIO()
    Image.effect_noise((200, 200), 80).save(jpeg, format="JPEG")
    bad: dict[str, bytes] = {
        "empty.md": b"",
        "blank.txt": b" \n\t\n",
        "binary.txt": bytes(range(256)) * 20,
        "huge.txt": b"word " * 30_000,
        "program.py": b"\x7fELF\x02\x01\x01" + b"\0" * 60,
        "report.txt": b"%PDF-1.7\n" + b"x" * 100,
        "words.pdf": b"only words in here",
        "office.md": bomb.getvalue(),
        "cut.jpg": jpeg.getvalue()[: len(jpeg.getvalue()) // 2],
        "words.png": b"only words in here",
        "phone.jpg": b"\0\0\0\x18ftypheic" + b"\0" * 100,
        "deep.json": b"[" * 100_000,
        "bad.json": b"{'a': 1}",
        "empty.json": b"{}",
        "rows.csv": b"\n\n",
        "nothing.dcm": b"\0" * 128 + b"DICM" + b"\xff" * 40,
        "nothing.jsonl": b"\n\n",
    }
    for name, data in bad.items():
        (folder / name).write_bytes(data)
    (folder / "good.md").write_text("# Roses\n\nWater them.")
    report = collections.add("mixed", [folder])
    failed = {Path(item.path).name: item for item in report.failed}
    assert set(failed) == bad.keys()
    assert all(item.kind == "invalid_input" and item.message and item.help for item in failed.values())
    assert "archive" in failed["office.md"].message
    assert "application/pdf" in failed["report.txt"].message
    assert collections.search("mixed", "roses", 1)[0].doc_id == "good.md"


def test_a_page_nested_ten_thousand_deep_is_read() -> None:
    page = "<html><body>" + "<div>" * 10_000 + "Deep words." + "</div>" * 10_000
    [piece] = html_pieces(Path("d.html"), page)
    assert piece.text == "Deep words."


def test_tags_left_open_do_not_swallow_the_page() -> None:
    page = "<head><title>T</title><meta x><body><nav><ul><li>menu</nav><p>Kept<svg><g></svg> too.<h2>End"
    pieces = html_pieces(Path("d.html"), page)
    assert [piece.text for piece in pieces] == ["Kept too.\nEnd"]
    assert pieces[0].title == "T"


def test_what_a_parser_stumbles_over_becomes_a_typed_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object) -> None:
        raise ZeroDivisionError("inside a library")

    monkeypatch.setattr("knowledge.readers.plain.text_pieces", stumble)
    (tmp_path / "a.txt").write_text("words")
    [file] = find_files([tmp_path / "a.txt"], "auto")
    [document] = list(read_file(file, "auto"))
    assert not isinstance(document, FileFailure)
    with pytest.raises(VidenceError, match="ZeroDivisionError") as caught:
        document.pieces()
    assert caught.value.kind == "invalid_input"


def test_hidden_generated_and_linked_things_are_left_out(tmp_path: Path) -> None:
    for name in (".git/x.md", ".venv/x.md", "node_modules/x.md", "__pycache__/x.md", ".hidden.md", "a/ok.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "package-lock.json").write_text("{}")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "link.md").symlink_to(tmp_path / "a" / "ok.md")
    (tmp_path / "dangling.md").symlink_to(tmp_path / "nowhere")
    found = [
        file.path.relative_to(tmp_path).as_posix() for file in find_files([tmp_path], "auto") if file.wanted
    ]
    assert found == ["a/ok.md"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    (tmp_path / "a.md").write_text("x")
    assert [file.path.name for file in find_files([tmp_path], "auto")] == ["a.md"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("naïve café".encode(), "naïve café"),
        ("naïve café".encode("latin-1"), "naïve café"),
        ("“quoted” – dash".encode("cp1252"), "“quoted” – dash"),
        ("plain words, long enough".encode("utf-16-le"), "plain words, long enough"),
        ("plain words, long enough".encode("utf-16-be"), "plain words, long enough"),
        ("naïve 中文".encode("utf-16"), "naïve 中文"),
        ("naïve 中文".encode("utf-32"), "naïve 中文"),
        ('<meta charset="shift_jis"><p>日本語のページ</p>'.encode("shift_jis"),
         '<meta charset="shift_jis"><p>日本語のページ</p>'),
        ("# -*- coding: iso-8859-15 -*-\nprice = '5 €'\n".encode("iso-8859-15"),
         "# -*- coding: iso-8859-15 -*-\nprice = '5 €'\n"),
        (("Насос работает при давлении полтора бара. " * 8).encode("cp1251"),
         "Насос работает при давлении полтора бара. " * 8),
    ],
)  # fmt: skip
def test_encodings_are_told_apart(data: bytes, text: str) -> None:
    assert decode(data) == text


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_bytes_are_text_that_can_be_stored_or_a_typed_error(data: bytes) -> None:
    try:
        text = decode(data)
    except VidenceError:
        return
    text.encode("utf-8")
    assert "\0" not in text


WORDS = st.text(alphabet="ab .!?\n\r\t#`~é中\u2028\u00a0ﬁ", max_size=300)


@given(WORDS)
def test_every_passage_is_an_exact_span_in_order(text: str) -> None:
    for sections in (None, markdown_sections(text)):
        place = 0
        for piece in split_text(text, sections=sections, path="x.md"):
            found = text.find(piece.text, place)
            assert found >= 0
            place = found + 1
            first, last = piece.locator.lines or (0, 0)
            assert piece.text in "\n".join(text.split("\n")[first - 1 : last])


@given(
    st.lists(
        st.sampled_from(["<p>", "</p>", "<h2>", "</h2>", "<td>", "word one. ", "Two &amp; more ", "<br>"])
    )
)
def test_every_passage_of_a_page_is_free_of_markup_and_marks(parts: list[str]) -> None:
    for piece in html_pieces(Path("p.html"), "<html><body>" + "".join(parts)):
        assert piece.text == piece.text.strip() != ""
        assert not {"<", ">", "\x02", "\x03"} & set(piece.text)


def photo(folder: Path, name: str = "dog_in_park.jpg", **options: Any) -> Path:
    path = folder / name
    Image.effect_noise((60, 40), 60).convert("RGB").save(path, **options)
    return path


def test_captions_beside_an_image_are_its_words_and_no_documents(
    collections: Collections, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    photo(folder)
    (folder / "dog_in_park.json").write_text(json.dumps({"caption": "A brown dog runs."}))
    photo(folder, "cat.png")
    (folder / "cat.txt").write_text("A cat on a roof.")
    photo(folder, "lake.png")
    photo(folder, "notes.png")
    (folder / "notes.txt").write_text("A long text. " * 1000)
    report = collections.add("photos", [folder])
    assert report.documents == 5
    texts = {
        hit.doc_id: hit.text
        for hit in collections.search("photos", "dog cat lake", 10)
        if hit.kind == "image"
    }
    assert texts["dog_in_park.jpg"] == "A brown dog runs."
    assert texts["cat.png"] == "A cat on a roof."
    assert texts["lake.png"] == "lake"
    (folder / "cat.txt").write_text("A black cat.")
    assert collections.add("photos", [folder]).replaced == 1


def test_exif_data_reaches_no_piece(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x013B] = "secret place", "Jane Roe"
    path = photo(tmp_path, exif=exif)
    assert b"Jane Roe" in path.read_bytes()
    assert "Jane" not in repr(image_pieces(path, path.read_bytes()))


def test_a_scanner_file_without_a_suffix_is_found(tmp_path: Path) -> None:
    (tmp_path / "IM0001").write_bytes(b"\0" * 128 + b"DICM" + b"\0" * 10)
    (tmp_path / "README").write_text("x")
    assert [file.path.name for file in find_files([tmp_path], "image") if file.wanted] == ["IM0001"]


def test_a_llama_index_reader_reads_what_the_settings_name(tmp_path: Path) -> None:
    path = tmp_path / "book.story"
    path.write_text("Once upon a time a pump ran at 1.5 bar.")
    context = ReadContext(file_readers={".story": "tests.support.story_reader:StoryReader"})
    [file] = find_files([tmp_path], "auto", context)
    [document] = list(read_file(file, "auto", context))
    assert not isinstance(document, FileFailure)
    [piece] = document.pieces()
    assert (piece.text, piece.locator.page) == ("Once upon a time a pump ran at 1.5 bar.", 3)
    missing = ReadContext(file_readers={".story": "no.such.package:Reader"})
    [document] = list(read_file(file, "auto", missing))
    assert not isinstance(document, FileFailure)
    with pytest.raises(VidenceError, match="cannot be loaded") as caught:
        document.pieces()
    assert caught.value.kind == "unavailable"
