"""A collection: what is added is found, adding again changes nothing, bad files do not stop the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from core.errors import VidenceError
from knowledge import collection as collection_module
from knowledge.collections import Collections
from tests.support.hash_embedder import HashEmbedder


def test_each_kind_of_file_is_found_by_its_words_with_its_place(collections: Collections, docs: Path) -> None:
    collections.add("home", [docs])
    [heating, *_] = collections.search("home", "boiler pressure bar", 3)
    assert heating.doc_id == "boiler.md"
    assert heating.locator.section == "Boiler > Pressure"
    assert heating.locator.lines == (5, 7)
    assert "1.5 bar" in heating.snippet
    [code] = collections.search("home", "parse config settings", 1)
    assert (code.kind, code.locator.section, code.locator.lines) == ("code", "parse_config", (6, 8))


@pytest.mark.parametrize("mode", ["hybrid", "dense", "sparse"])
def test_every_mode_finds_the_right_piece_with_a_score_in_bounds(
    collections: Collections, docs: Path, mode: str
) -> None:
    collections.add("home", [docs])
    hits = collections.search("home", "water roses in the morning", 5, mode=mode)  # type: ignore[arg-type]
    assert hits[0].doc_id == "garden.txt"
    assert all(0.0 <= hit.score <= 1.0 for hit in hits)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_hit_holds_the_exact_text_of_its_lines(collections: Collections, docs: Path) -> None:
    collections.add("home", [docs])
    for hit in collections.search("home", "warranty boiler cache evict tomatoes", 20):
        first, last = hit.locator.lines or (0, 0)
        lines = Path(hit.source).read_text().splitlines()[first - 1 : last]
        assert hit.text == "\n".join(lines).strip("\n")


def test_adding_again_embeds_nothing_and_changes_nothing(tmp_path: Path, docs: Path) -> None:
    embedder = HashEmbedder()
    collections = Collections(tmp_path / "c", lambda: embedder)
    first = collections.add("home", [docs])
    embedded = embedder.embedded
    again = collections.add("home", [docs])
    assert (first.added, again.added, again.unchanged, again.replaced) == (3, 0, 3, 0)
    assert again.chunks == first.chunks
    assert embedder.embedded == embedded
    collections.close()


def test_a_changed_file_replaces_its_old_pieces_and_a_deleted_one_stays(
    collections: Collections, docs: Path
) -> None:
    collections.add("home", [docs])
    (docs / "boiler.md").write_text("# Boiler\n\nKeep it at 9 bar.\n")
    (docs / "garden.txt").unlink()
    report = collections.add("home", [docs])
    assert (report.replaced, report.unchanged, report.documents) == (1, 1, 3)
    texts = [hit.text for hit in collections.search("home", "boiler pressure bar warranty", 20)]
    assert any("9 bar" in text for text in texts)
    assert not any("1.5 bar" in text for text in texts)
    assert collections.search("home", "tomatoes sun", 1)[0].doc_id == "garden.txt"
    assert collections.verify("home").ok


def test_bad_files_are_reported_with_their_kind_and_the_rest_is_added(
    collections: Collections, docs: Path
) -> None:
    (docs / "binary.txt").write_bytes(b"\x00\x01\x02\xff" * 50)
    (docs / "empty.md").write_bytes(b"")
    (docs / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing more")
    (docs / "fake.png").write_text("not an image")
    (docs / "odd.bin").write_bytes(b"?")
    report = collections.add("home", [docs])
    assert report.added == 3
    assert report.skipped == 1
    failed = {Path(item.path).name: item for item in report.failed}
    assert set(failed) == {"binary.txt", "empty.md", "broken.pdf", "fake.png"}
    assert {item.kind for item in failed.values()} == {"invalid_input"}
    assert all(item.message for item in failed.values())


def test_nothing_to_add_is_an_error_and_leaves_no_collection(
    collections: Collections, tmp_path: Path
) -> None:
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "x.txt").write_bytes(b"\0\0\0")
    with pytest.raises(VidenceError, match="Nothing was added"):
        collections.add("home", [tmp_path / "only"])
    with pytest.raises(VidenceError) as missing:
        collections.add("home", [tmp_path / "absent"])
    assert missing.value.kind == "not_found"
    assert collections.names() == []


def test_records_keep_their_ids_and_bad_lines_are_named(collections: Collections, tmp_path: Path) -> None:
    records = tmp_path / "records.jsonl"
    lines = [
        json.dumps(
            {"id": "a1", "title": "Zinc", "text": "Zinc lozenges shorten colds.", "metadata": {"year": 2020}}
        ),
        json.dumps(
            {"id": 7, "title": "Iron", "text": "Iron deficiency causes anaemia.", "metadata": {"year": 2021}}
        ),
        "{broken",
        json.dumps({"text": "no id"}),
        json.dumps({"id": "a1", "text": "the same id again"}),
        json.dumps({"id": "x", "text": "t", "extra": 1}),
    ]
    records.write_text("\n".join(lines))
    report = collections.add("facts", [records])
    assert report.added == 2
    assert [Path(item.path).name.partition(":")[2] for item in report.failed if ":" in item.path] == [
        "3",
        "4",
        "6",
    ]
    [hit] = collections.search("facts", "lozenges for a cold", 1)
    assert (hit.id, hit.doc_id, hit.title, hit.locator.lines) == ("a1", "a1", "Zinc", (1, 1))
    assert [h.doc_id for h in collections.search("facts", "zinc iron", 5, where={"year": 2021})] == ["7"]


def test_documents_are_ranked_once_by_their_best_piece(collections: Collections, docs: Path) -> None:
    collections.add("home", [docs])
    [hits] = collections.search_many("home", ["boiler pressure warranty"], 10, by_document=True)
    ids = [hit.doc_id for hit in hits]
    assert ids[0] == "boiler.md"
    assert len(ids) == len(set(ids)) == 3


def test_two_collections_are_searched_together(collections: Collections, docs: Path) -> None:
    collections.add("one", [docs / "boiler.md"])
    collections.add("two", [docs / "garden.txt"])
    found = {hit.collection for hit in collections.search(["one", "two"], "boiler roses", 5)}
    assert found == {"one", "two"}


@pytest.mark.parametrize(
    ("names", "query", "k", "kind", "words"),
    [
        ([], "boiler", 3, "not_found", "vidence index add"),
        (["absent"], "boiler", 3, "not_found", "vidence index add"),
        (["../evil"], "boiler", 3, "invalid_input", "letters"),
        (["home"], "  ", 3, "invalid_input", "search for"),
        (["home"], "boiler", 0, "invalid_input", "-k"),
    ],
)
def test_bad_searches_are_typed_errors_with_help(
    collections: Collections, docs: Path, names: list[str], query: str, k: int, kind: str, words: str
) -> None:
    collections.add("home", [docs])
    with pytest.raises(VidenceError) as caught:
        collections.search(names, query, k)
    assert caught.value.kind == kind
    assert words in caught.value.help


def test_another_embedding_model_is_refused_with_what_to_do(tmp_path: Path, docs: Path) -> None:
    Collections(tmp_path / "c", HashEmbedder).add("home", [docs])
    other = Collections(tmp_path / "c", lambda: HashEmbedder("another"))
    with pytest.raises(VidenceError, match="another") as caught:
        other.search("home", "boiler")
    assert caught.value.kind == "invalid_input"
    assert "VIDENCE_EMBEDDINGS" in caught.value.help
    assert other.search("home", "boiler", mode="sparse")
    with pytest.raises(VidenceError, match="another"):
        other.add("home", [docs])
    assert not other.verify("home").model_ok
    other.close()


def test_a_snapshot_brings_back_what_was_replaced(collections: Collections, docs: Path) -> None:
    collections.add("home", [docs])
    kept = collections.snapshot("home")
    (docs / "boiler.md").write_text("# Boiler\n\nKeep it at 9 bar.\n")
    collections.add("home", [docs])
    collections.restore("home", kept)
    assert "1.5 bar" in collections.search("home", "boiler pressure bar", 1)[0].text
    assert collections.verify("home").ok
    with pytest.raises(VidenceError) as caught:
        collections.restore("home", "never")
    assert kept in caught.value.help


def test_a_dropped_collection_is_gone_and_its_name_is_free(collections: Collections, docs: Path) -> None:
    collections.add("home", [docs])
    collections.drop("home")
    assert collections.names() == []
    collections.add("home", [docs / "garden.txt"])
    assert {hit.doc_id for hit in collections.search("home", "boiler roses", 5)} == {"garden.txt"}


def test_verify_finds_lost_legs_and_repairs_them(tmp_path: Path, docs: Path) -> None:
    import shutil

    collections = Collections(tmp_path / "c", HashEmbedder)
    collections.add("home", [docs])
    collections.close()
    shutil.rmtree(tmp_path / "c" / "home" / "dense")
    shutil.rmtree(tmp_path / "c" / "home" / "sparse")
    reopened = Collections(tmp_path / "c", HashEmbedder)
    found = reopened.verify("home")
    assert not found.ok
    # One method has no docstring, and so no vector of its own.
    assert found.missing_dense == found.chunks - 1 > 0
    assert not found.sparse_ok
    assert reopened.verify("home", repair=True).ok
    assert reopened.verify("home").ok
    assert reopened.search("home", "water roses", 1)[0].doc_id == "garden.txt"
    reopened.close()


def test_an_add_that_died_before_the_legs_is_finished_by_the_next(
    collections: Collections, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(collection_module.Collection, "sync", die)
        with pytest.raises(KeyboardInterrupt):
            collections.add("home", [docs])
    assert not collections.describe()[0].synced
    report = collections.add("home", [docs])
    assert report.unchanged == 3
    assert collections.verify("home").ok
    assert collections.search("home", "water roses", 1)[0].doc_id == "garden.txt"


def test_a_second_writer_is_told_to_wait(
    collections: Collections, docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collections.add("home", [docs])
    monkeypatch.setattr(collection_module, "_LOCK_WAIT_S", 0.05)
    with FileLock(tmp_path / "collections" / "home" / "writer.lock"), pytest.raises(VidenceError) as caught:
        collections.add("home", [docs])
    assert caught.value.kind == "unavailable"


def test_images_are_found_by_caption_or_name(collections: Collections, tmp_path: Path) -> None:
    from PIL import Image

    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (8, 8), "red").save(folder / "red_square.png")
    Image.new("RGB", (8, 8), "blue").save(folder / "img1.png")
    (folder / "set.jsonl").write_text(
        json.dumps({"id": "p1", "image": "img1.png", "text": "A calm blue lake"})
    )
    collections.add("pictures", [folder / "set.jsonl", folder / "red_square.png"], kind="image")
    assert collections.search("pictures", "blue lake", 1)[0].doc_id == "p1"
    hit = collections.search("pictures", "red square", 1)[0]
    assert hit.kind == "image"
    assert hit.locator.path == str(folder / "red_square.png")
    outside = folder / "evil.jsonl"
    outside.write_text(json.dumps({"id": "e", "image": "../../etc/hosts.png"}))
    with pytest.raises(VidenceError, match="outside"):
        collections.add("pictures", [outside])


def test_a_reader_sees_what_another_writer_added(tmp_path: Path, docs: Path) -> None:
    reader = Collections(tmp_path / "c", HashEmbedder)
    reader.add("home", [docs / "boiler.md"])
    assert reader.search("home", "roses", 1, mode="dense")[0].doc_id == "boiler.md"
    writer = """
import sys
from pathlib import Path
from knowledge.collections import Collections
from tests.support.hash_embedder import HashEmbedder
Collections(Path(sys.argv[1]), HashEmbedder).add("home", [sys.argv[2]])
"""
    root = Path(__file__).resolve().parents[2]
    args = [sys.executable, "-c", writer, str(tmp_path / "c"), str(docs / "garden.txt")]
    subprocess.run(args, check=True, cwd=root, capture_output=True)
    for mode in ("dense", "sparse"):
        [hit] = reader.search("home", "water roses in the morning", 1, mode=mode)
        assert hit.doc_id == "garden.txt"
    reader.close()
