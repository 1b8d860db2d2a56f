"""The services that suites share: what they keep between versions, what they tell, what they never ask."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.settings import Settings
from evals.run.registry import Place
from evals.solvers import bench as benches
from evals.solvers.bench import Bench, bench_solver, open_bench
from evals.solvers.closed import closed_registry
from tests.support.token_embedder import HashTokens
from tools.registry import default_registry

ROWS = [{"id": "a", "text": "The ferry runs on diesel."}, {"id": "b", "text": "A lamp of brass."}]


@pytest.fixture
def embeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.embeddings.open_embedder", lambda settings: HashTokens())


@pytest.mark.usefixtures("embeds")
def test_indexing_is_told_as_it_goes_on(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    place = Place(Settings(home=tmp_path), progress=lambda *step: told.append(step))
    with open_bench(place) as bench:
        bench.collection("ships", ROWS)
    assert ("indexing ships (read)", 2, 2) in told


@pytest.mark.usefixtures("embeds")
def test_files_are_indexed_again_only_when_one_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    page.write_text("# Ferry\n\nThe ferry runs on diesel.\n")
    added: list[Any] = []
    for turn in range(3):
        if turn == 2:
            page.write_text("# Ferry\n\nThe ferry runs on electricity.\n")
        with open_bench(Place(Settings(home=tmp_path / "home"))) as bench:
            add = bench.services.collections.add
            monkeypatch.setattr(
                bench.services.collections,
                "add",
                lambda *args, add=add, **more: added.append(add(*args, **more)),
            )
            bench.collection("docs", paths=[page.parent])
    assert [(one.added, one.replaced) for one in added] == [(1, 0), (0, 1)]


@pytest.mark.usefixtures("embeds")
def test_another_version_of_the_code_embeds_nothing_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    embed = HashTokens.embed_passages

    def counted(self: HashTokens, texts: Any) -> Any:
        asked.extend(texts)
        return embed(self, texts)

    monkeypatch.setattr(HashTokens, "embed_passages", counted)
    for version in ("1" * 16, "2" * 16):
        home = tmp_path / "evals" / version
        monkeypatch.setattr(benches, "eval_home", lambda settings, home=home: home)
        with open_bench(Place(Settings(home=tmp_path))) as bench:
            bench.collection("ships", ROWS)
            (found,) = bench.services.collections.search_many("ships-" + _digest(bench), ["diesel"], 1)
            assert found[0].doc_id == "a"
            (home / "cache" / "read_text" / "image").write_text(version)
    assert len(asked) == len(ROWS)
    assert (tmp_path / "evals" / "read_text" / "image").read_text() == "2" * 16


def _digest(bench: Bench) -> str:
    return bench.services.collections.names()[0].rpartition("-")[2]


def test_evals_have_every_tool_and_ask_nothing_outside() -> None:
    registry = closed_registry()
    assert registry.names() == default_registry().names()
    context: Any = type("Context", (), {"settings": Settings()})()
    result = asyncio.run(registry.call("search_pubmed", {"query": "aspirin"}, context))
    assert result.error is not None
    assert result.error.kind == "unavailable"
    assert not result.error.retryable


def test_run_files_beside_them_do_not_push_indexes_out(tmp_path: Path) -> None:
    folder = tmp_path / "evals"
    for name in ("a" * 16, "b" * 16):
        (folder / name).mkdir(parents=True)
    for number in range(5):
        (folder / f"2026-{number}.jsonl").write_text("{}")
    with open_bench(Place(Settings(home=tmp_path))) as bench:
        assert bench.home.is_dir()
    assert (folder / ("a" * 16)).is_dir()
    assert (folder / ("b" * 16)).is_dir()


@pytest.mark.usefixtures("embeds")
def test_a_solver_says_which_content_it_searches(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    told: list[dict[str, str]] = []
    for text, rows in (("diesel", ROWS), ("diesel", ROWS), ("electricity", ROWS), ("diesel", ROWS[:1])):
        page.write_text(f"# Ferry\n\nThe ferry runs on {text}.\n")
        place = Place(Settings(home=tmp_path / "home"))

        def prepare(bench: Bench, rows: list[dict[str, str]] = rows) -> Any:
            bench.collection("docs", paths=[page.parent])
            bench.collection("ships", rows)

        with bench_solver(prepare)(place) as solver:
            told.append({name.split("-")[0]: content for name, content in solver.rests_on.items()})
    first, again, other_file, other_rows = told
    assert set(first) == {"docs", "ships"}
    assert first == again
    assert (first["docs"] != other_file["docs"], first["ships"] == other_file["ships"]) == (True, True)
    assert (first["docs"] == other_rows["docs"], first["ships"] != other_rows["ships"]) == (True, True)


def test_another_image_of_the_same_name_is_indexed_again(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    rows = [{"id": "a", "image": "a.png"}]
    names = []
    for color in ("red", "red", "blue"):
        Image.new("RGB", (64, 64), color).save(folder / "a.png")
        with open_bench(Place(Settings(home=tmp_path / "home"))) as bench:
            bench.services.collections.add = lambda *args, **more: None  # type: ignore[method-assign, assignment]
            names.append(bench.collection("photos", rows, folder=folder))
            copied = bench.home / "input" / names[-1] / "a.png"
            assert copied.read_bytes() == (folder / "a.png").read_bytes()
    assert names[0] == names[1] != names[2]
