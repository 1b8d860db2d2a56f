"""Tables, JSON, JSON lines and GitHub exports: records with their names, places and typed errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.errors import VidenceError
from knowledge.readers.context import ReadContext
from knowledge.readers.cutting import count_words
from knowledge.readers.dispatch import find_files, read_file
from knowledge.readers.json_file import json_text
from knowledge.readers.table import GROUP_WORDS, delimiter, read_table, table_pieces
from knowledge.records import FileFailure, IndexKind, SourceDocument


def read(path: Path, kind: IndexKind = "auto") -> tuple[list[SourceDocument], list[FileFailure]]:
    items = [item for file in find_files([path], kind) for item in read_file(file, kind, ReadContext())]
    return (
        [item for item in items if isinstance(item, SourceDocument)],
        [item for item in items if isinstance(item, FileFailure)],
    )


def test_a_row_is_a_record_under_its_column_names_with_its_number_and_lines() -> None:
    table = read_table('city,population,note\nParis,2.1,"two\nlines"\n\nLyon,0.5,\n')
    assert [row.text for row in table.rows] == [
        "city: Paris; population: 2.1; note: two lines",
        "city: Lyon; population: 0.5",
    ]
    [piece] = table_pieces(Path("c.csv"), table)
    assert piece.text == table.text
    assert (piece.locator.row, piece.locator.lines) == (1, (2, 5))


def test_rows_are_grouped_into_pieces_of_sensible_size() -> None:
    text = "name,what\n" + "".join(
        f"pump {n},a description of pump number {n} in words\n" for n in range(200)
    )
    table = read_table(text)
    pieces = table_pieces(Path("p.csv"), table)
    assert len(pieces) > 5
    assert all(count_words(piece.text) <= GROUP_WORDS for piece in pieces)
    assert "\n".join(piece.text for piece in pieces) == table.text
    lines = text.split("\n")
    for piece in pieces:
        first, last = piece.locator.lines or (0, 0)
        assert lines[first - 1].partition(",")[0] in piece.text.split("\n")[0]
        assert lines[last - 1].partition(",")[0] in piece.text.split("\n")[-1]
        assert f"pump {(piece.locator.row or 0) - 1}" in piece.text.split(";")[0]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_told_from_the_content(mark: str) -> None:
    rows = [["name", "price", "note"], ["bolt", "1,50", "long; thin"], ["nut", "0,75", "small"]]
    quoted = "\n".join(mark.join(f'"{cell}"' for cell in row) for row in rows)
    assert delimiter(quoted) == mark
    assert read_table(quoted).rows[0].text == "name: bolt; price: 1,50; note: long; thin"


def test_a_table_without_a_header_gets_numbered_columns() -> None:
    assert read_table("1.5,7\n2.5,8\n").rows[0].text == "column 1: 1.5; column 2: 7"
    assert read_table("a,b\n1,2,3\n").rows[0].text == "a: 1; b: 2; column 3: 3"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_tables_are_read_in_their_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("stadt;größe\nKöln;1,1\n".encode(encoding))
    [document], failed = read(path)
    assert not failed
    assert document.pieces()[0].text == "stadt: Köln; größe: 1,1"


@given(st.lists(st.lists(st.text(alphabet='ab ,;"\n\t|é1', max_size=8), min_size=1, max_size=4), max_size=12))
def test_every_piece_of_a_table_is_an_exact_span_of_its_text(rows: list[list[str]]) -> None:
    import csv
    import io

    body = io.StringIO()
    csv.writer(body).writerows(rows)
    try:
        table = read_table(body.getvalue())
    except VidenceError:
        # A table without rows: another test's concern.
        return
    assert "\n".join(piece.text for piece in table_pieces(Path("t.csv"), table)) == table.text


@pytest.mark.parametrize("text", ["", "\n\n", "a,b\n", '"' + "x" * 200_000])
def test_a_table_without_rows_or_with_a_quote_left_open_is_a_typed_error(text: str) -> None:
    if text == "a,b\n":
        assert read_table(text).rows[0].text == "column 1: a; column 2: b"
        return
    with pytest.raises(VidenceError) as caught:
        read_table(text)
    assert caught.value.kind == "invalid_input"


def test_json_becomes_lines_that_say_what_they_are_of(tmp_path: Path) -> None:
    body = {"pump": {"name": "P1", "limits": [1.5, 2], "on": True, "spare": None}, "parts": [{"id": 1}]}
    assert json_text(body) == "pump.name: P1\npump.limits: 1.5, 2\npump.on: true\nparts[0].id: 1"
    path = tmp_path / "config.json"
    path.write_text(json.dumps(body))
    [document], _ = read(path)
    assert document.pieces()[0].text == json_text(body)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner:
       st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)))  # fmt: skip
def test_every_value_of_a_json_file_stands_in_its_text(body: Any) -> None:
    def values(item: Any) -> list[str]:
        if isinstance(item, dict | list):
            return [
                one for part in (item.values() if isinstance(item, dict) else item) for one in values(part)
            ]
        return (
            []
            if item in (None, "")
            else [" ".join(item.split()) if isinstance(item, str) else json.dumps(item)]
        )

    assert all(value in json_text(body) for value in values(body))


def test_a_list_of_records_is_read_record_by_record(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_text(
        json.dumps(
            [{"id": "a", "text": "Zinc."}, {"id": "b", "text": "Iron.", "odd": 1}, {"id": 3, "title": "X"}]
        )
    )
    documents, failed = read(path)
    assert [document.doc_id for document in documents] == ["a", "3"]
    assert [Path(item.path).name for item in failed] == ["records.json[1]"]


def test_json_lines_check_ids_text_image_metadata_and_licence(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20), "red").save(tmp_path / "a.png")
    lines: list[tuple[Any, str]] = [
        ({"id": 1, "text": "ok", "licence": "MIT", "url": "https://x.example/1"}, ""),
        ({"id": "2", "image": "a.png", "captions": ["red", "a red square", "red"]}, ""),
        ({"image": "a.png", "captions": ["one"], "split": "val"}, ""),
        ({"id": None, "text": "x"}, "id"),
        ({"id": ["x"], "text": "x"}, "id"),
        ({"id": "3", "text": 5}, "`text`"),
        ({"id": "4", "image": "absent.png"}, "No such image"),
        ({"id": "5", "image": "../a.png"}, "outside"),
        ({"id": "6", "text": "x", "metadata": [1]}, "`metadata`"),
        ({"id": "7"}, "`title`, a `text` or an `image`"),
        ({"id": "8", "text": "x", "captions": [1]}, "`captions`"),
        (["x"], "object"),
    ]
    path = tmp_path / "r.jsonl"
    path.write_text("\n".join(json.dumps(item) for item, _ in lines) + "\n{cut")
    documents, failed = read(path)
    assert [document.doc_id for document in documents] == ["1", "2", "a.png"]
    assert documents[0].licence == "MIT"
    assert documents[0].metadata == {"url": "https://x.example/1"}
    assert documents[1].pieces()[0].text == "red\na red square"
    assert documents[2].metadata == {"split": "val"}
    wanted = [(number, words) for number, (_, words) in enumerate(lines, start=1) if words]
    for (number, words), item in zip([*wanted, (len(lines) + 1, "Not JSON")], failed, strict=True):
        assert item.path.endswith(f":{number}")
        assert words in item.message
        assert item.kind == "invalid_input"


def test_captions_come_from_coco_and_flickr_files(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for name in ("1.jpg", "2.jpg"):
        Image.new("RGB", (20, 20), "red").save(tmp_path / "images" / name)
    (tmp_path / "captions.csv").write_text(
        "image,caption\n1.jpg#0,A dog runs.\n1.jpg#1,A brown dog.\n2.jpg#0,A cat sits.\n3.jpg,Gone.\n"
    )
    documents, failed = read(tmp_path / "captions.csv")
    assert [document.pieces()[0].text for document in documents] == [
        "A dog runs.\nA brown dog.",
        "A cat sits.",
    ]
    assert documents[0].pieces()[0].locator.path == str(tmp_path / "images" / "1.jpg")
    assert [item.kind for item in failed] == ["not_found"]
    (tmp_path / "coco.json").write_text(
        json.dumps(
            {
                "licenses": [{"id": 4, "name": "CC BY 2.0"}],
                "images": [{"id": 9, "file_name": "1.jpg", "license": 4}],
                "annotations": [{"image_id": 9, "caption": "A dog."}, {"image_id": 9, "caption": "It runs."}],
            }
        )
    )
    [document], _ = read(tmp_path / "coco.json")
    assert (document.pieces()[0].text, document.licence) == ("A dog.\nIt runs.", "CC BY 2.0")


ISSUE = {
    "number": 12,
    "title": "Valve leaks",
    "state": "open",
    "html_url": "https://github.com/acme/pump/issues/12",
    "user": {"login": "octo", "email": "octo@example.org", "avatar_url": "https://a.example/x.png"},
    "labels": [{"name": "bug"}, {"name": "valve"}],
    "body": "It leaks at 1.5 bar.\r\n<!-- template -->\r\n# Steps\r\nOpen it.",
    "comments": 2,
}
COMMENTS = [
    {
        "issue_url": "https://api.github.com/repos/acme/pump/issues/12",
        "user": {"login": "hubot"},
        "created_at": "2025-01-02",
        "body": "Replace the seal.",
    },
    {
        "pull_request_url": "https://api.github.com/repos/acme/pump/pulls/13",
        "user": {"login": "rev"},
        "body": "This can be None.",
        "path": "pump/valve.py",
        "line": 40,
        "start_line": 38,
        "commit_id": "abc123",
        "diff_hunk": "@@",
    },
]


def test_github_exports_give_one_document_an_issue_with_its_comments(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps({"issues": [ISSUE], "comments": COMMENTS}))
    documents, failed = read(path)
    assert not failed
    issue, pull = documents
    assert (issue.doc_id, pull.doc_id) == ("acme/pump#12", "acme/pump#13")
    assert issue.metadata["number"] == 12
    assert issue.metadata["labels"] == "bug, valve"
    assert (issue.metadata["type"], pull.metadata["type"]) == ("issue", "pull_request")
    assert (issue.metadata["state"], issue.metadata["author"]) == ("open", "octo")
    pieces = issue.pieces()
    assert [piece.text for piece in pieces] == [
        "It leaks at 1.5 bar.", "# Steps\nOpen it.", "Replace the seal."]  # fmt: skip
    assert pieces[2].locator.section == "#12 comment 1 by hubot"
    [review] = pull.pieces()
    assert (review.locator.path, review.locator.lines, review.locator.commit) == (
        "pump/valve.py", (38, 40), "abc123")  # fmt: skip
    kept = repr((issue.metadata, pieces))
    assert "octo@example.org" not in kept
    assert "avatar" not in kept


def test_the_lists_of_the_gh_command_and_lines_of_objects_are_read_too(tmp_path: Path) -> None:
    listed = {
        "number": 5,
        "title": "Add a pump",
        "state": "MERGED",
        "url": "https://github.com/acme/pump/pull/5",
        "author": {"login": "octo", "name": "Octavia Octo"},
        "labels": [],
        "body": "",
        "comments": [{"author": {"login": "hubot"}, "body": "Nice.", "createdAt": "2025-02-01"}],
        "reviews": [
            {"author": {"login": "rev"}, "body": "Good.", "submittedAt": "2025-02-02", "state": "APPROVED"}
        ],
    }
    (tmp_path / "prs.json").write_text(json.dumps([listed]))
    (tmp_path / "prs.jsonl").write_text("\n".join(json.dumps(item) for item in (ISSUE, listed)))
    [document], _ = read(tmp_path / "prs.json")
    assert document.doc_id == "acme/pump#5"
    assert (document.metadata["type"], document.metadata["state"]) == ("pull_request", "merged")
    said = [piece.text for piece in document.pieces()]
    assert said == ["acme/pump#5 Add a pump", "Nice.", "Good."]
    assert "Octavia" not in repr((document.metadata, document.pieces()))
    assert [item.doc_id for item in read(tmp_path / "prs.jsonl")[0]] == ["acme/pump#12", "acme/pump#5"]
