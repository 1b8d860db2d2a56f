from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from core.errors import VidenceError
from finetune.data.dataset import Dataset, parse_row
from finetune.data.lines import file_lines
from finetune.data.rows import TrainRow
from finetune.data.verify import verify


def row(question: str = "What is it?", **fields: object) -> TrainRow:
    values = {"answers": ["a cat"], "kind": "object", "source": "made", "licence": "CC0-1.0"}
    return TrainRow.model_validate({"question": question, **values, **fields})


def test_a_data_set_reads_back_what_was_written_and_its_version_ignores_order(tmp_path: Path) -> None:
    rows = [row("One?"), row("Two?", split="dev")]
    first = Dataset(tmp_path / "a").write("a", rows)
    second = Dataset(tmp_path / "b").write("b", reversed(rows))
    assert first.version == second.version
    assert {one.question for one in Dataset(tmp_path / "a").rows()} == {"One?", "Two?"}
    assert [one.question for one in Dataset(tmp_path / "a").rows("dev")] == ["Two?"]
    assert first.rows == {"train": 1, "dev": 1}


def test_a_changed_answer_is_another_version(tmp_path: Path) -> None:
    first = Dataset(tmp_path).write("a", [row()])
    assert Dataset(tmp_path).write("a", [row(answers=["a dog"])]).version != first.version


def test_rows_are_grouped_by_their_image_and_an_image_needs_its_hash() -> None:
    assert row(image="images/x.png", image_sha256="ab").group == "ab"
    assert row("One?").group != row("Two?").group
    with pytest.raises(ValueError, match="path and its hash"):
        row(image="images/x.png")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not JSON"),
        ('{"question": "x"}', "answers"),
        (row().model_dump_json().replace("a cat", "  "), "no text"),
    ],
)
def test_a_broken_line_says_where_it_stands_and_what_is_wrong(line: str, said: str) -> None:
    with pytest.raises(VidenceError, match=r"train\.jsonl, line 3") as caught:
        parse_row(line, "train.jsonl, line 3")
    assert said in caught.value.message


def test_a_full_disk_keeps_the_old_file_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = Dataset(tmp_path)
    before = dataset.write("a", [row()])

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(VidenceError, match="No space left") as caught:
        dataset.write("a", [row("Another?")])
    monkeypatch.undo()
    assert caught.value.kind == "unavailable"
    assert dataset.record == before
    assert not list(tmp_path.glob(".*"))


def test_only_a_line_feed_ends_a_row(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "web")
    asked = "What\u2028is\u0085this\u2029?"
    dataset.write("web", [row(asked)])
    assert [one.question for one in dataset.rows()] == [asked]
    assert verify(dataset).ok


def test_a_file_in_another_encoding_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "old.jsonl"
    path.write_bytes('{"question": "caf\u00e9"}'.encode("latin-1"))
    with pytest.raises(VidenceError, match=r"old\.jsonl is not UTF-8"):
        file_lines(path)
    path.write_bytes(b"\xef\xbb\xbf{}\r\n\n[]\n")
    assert [line.strip() for line in file_lines(path)] == ["{}", "", "[]"]
