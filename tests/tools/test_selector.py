import json
import sqlite3

import numpy as np
import pytest
from typer.testing import CliRunner

from core.errors import VidenceError
from server.cli.tools import app
from tools.cards import ToolCard, read_catalogue, registry_cards
from tools.registry import default_registry
from tools.selector import LiveSelector, ToolSelector
from tools.track_record import Record, adjustments, read_records
from tools.vectors import VectorCache

CARDS = [
    ToolCard("getWeather_v2", "Tells the forecast for any city.", ("city", "day")),
    ToolCard("currency", "Convert money from one currency to another."),
    ToolCard("recipes", "Find dishes. Suggests meals from what is in the fridge."),
]


class LetterEmbedder:
    """A toy embedder: texts that share letters are near."""

    name, dim, hash = "letters", 26, "letters"

    def __init__(self):
        self.seen = []

    def embed(self, texts):
        self.seen += texts
        rows = np.array([[text.lower().count(chr(97 + i)) for i in range(26)] for text in texts], float)
        return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def test_words_alone_find_the_tool():
    selector = ToolSelector(CARDS)
    assert selector.select("convert 20 euros to another currency", 1)[0].name == "currency"
    assert selector.select("weather in Lisbon", 1)[0].name == "getWeather_v2"


def test_parameter_names_count_as_words():
    cards = [ToolCard("a", "Does things."), ToolCard("b", "Does things.", ("latitude",))]
    assert ToolSelector(cards).select("a place at this latitude", 1)[0].name == "b"


def test_the_catalogue_is_embedded_once_and_results_are_ranked():
    embedder = LetterEmbedder()
    selector = ToolSelector(CARDS, embedder)
    first = selector.select("what meals can I cook", 3)
    seen = len(embedder.seen)
    again = selector.select("what meals can I cook", 3)
    assert first == again
    assert len(embedder.seen) == seen + 1
    assert [choice.score for choice in first] == sorted((choice.score for choice in first), reverse=True)


def test_many_requests_rank_as_each_alone():
    selector = ToolSelector(CARDS, LetterEmbedder())
    queries = ["forecast for tomorrow", "exchange dollars"]
    assert selector.select_many(queries, 2) == [selector.select(query, 2) for query in queries]


def test_no_match_keeps_the_catalogue_order():
    assert [choice.name for choice in ToolSelector(CARDS).select("zzz", 2)] == ["getWeather_v2", "currency"]


@pytest.mark.parametrize("line", ["not json", "[1]", '{"name": "x"}', '{"name": "", "description": "d"}'])
def test_a_broken_catalogue_line_is_named(tmp_path, line):
    path = tmp_path / "tools.jsonl"
    path.write_text('{"name": "a", "description": "b"}\n\n' + line)
    with pytest.raises(VidenceError, match="line 3") as caught:
        read_catalogue(path)
    assert caught.value.kind == "invalid_input"


@pytest.mark.parametrize(
    "parameters",
    [{"properties": {"city": {}}}, {"city": "text"}, ["city"], [{"name": "city"}]],
)
def test_parameters_are_read_in_their_common_forms(tmp_path, parameters):
    path = tmp_path / "tools.jsonl"
    path.write_text(json.dumps({"name": "a", "description": "b", "parameters": parameters}))
    assert read_catalogue(path)[0].parameters == ("city",)


def test_a_line_separator_inside_a_text_does_not_cut_the_line(tmp_path):
    path = tmp_path / "tools.jsonl"
    path.write_text(json.dumps({"name": "a", "description": "b\u2028c"}, ensure_ascii=False), "utf-8")
    assert read_catalogue(path)[0].description == "b\u2028c"


@pytest.mark.data
def test_the_right_tool_of_199_is_among_three_for_seven_requests_of_ten(data_root):
    from core.settings import Settings
    from models.embeddings import open_embedder

    folder = data_root / "metatool"
    if not folder.is_dir():
        pytest.skip(f"no MetaTool at {folder}")
    lines = (folder / "queries_dev.jsonl").read_text().split("\n")
    rows = [json.loads(line) for line in lines if line.strip()][::50]
    selector = ToolSelector(read_catalogue(folder / "tools.jsonl"), open_embedder(Settings()))
    chosen = selector.select_many([row["Query"] for row in rows], 3)
    hits = sum(row["Tool"] in [c.name for c in choices] for row, choices in zip(rows, chosen, strict=True))
    assert hits / len(rows) >= 0.72


def write_cards(path, cards):
    rows = [{"name": c.name, "description": c.description, "examples": list(c.examples)} for c in cards]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_changed_catalogue_is_seen_at_once_and_only_the_change_is_embedded(tmp_path):
    path, embedder = tmp_path / "tools.jsonl", LetterEmbedder()
    write_cards(path, CARDS)
    live = LiveSelector(path, embedder)
    assert "juggler" not in [choice.name for choice in live.select("quiz", 5)]
    first = live.current()
    assert live.current() is first
    embedder.seen.clear()
    write_cards(path, [*CARDS, ToolCard("juggler", "Quiz zebra jazz.")])
    assert live.select("jazz quiz zebra", 1)[0].name == "juggler"
    assert embedder.seen == ["juggler: Quiz zebra jazz.", "Quiz zebra jazz.", "jazz quiz zebra"]
    path.unlink()
    with pytest.raises(VidenceError, match="No such file"):
        live.select("quiz")


def test_vectors_are_kept_between_processes_by_content_and_model(tmp_path):
    path = tmp_path / "cache" / "tools.db"
    first, second, other = LetterEmbedder(), LetterEmbedder(), LetterEmbedder()
    other.hash = "another model"
    made = VectorCache(first, path).embed(["abc", "xyz", "abc"])
    again = VectorCache(second, path).embed(["abc", "xyz", "abc"])
    assert np.array_equal(made, again)
    assert (first.seen, second.seen) == (["abc", "xyz"], [])
    VectorCache(other, path).embed(["abc"])
    assert other.seen == ["abc"]


def test_an_example_use_brings_a_tool_whose_description_says_it_otherwise():
    plain = [ToolCard("a", "Qqqq vvvv."), ToolCard("b", "Jjjj wwww.")]
    taught = [plain[0], ToolCard("b", "Jjjj wwww.", (), ("feed the cat",))]
    assert ToolSelector(taught, LetterEmbedder()).select("feed a cat", 1)[0].name == "b"
    assert ToolSelector(plain, LetterEmbedder()).select("feed a cat", 1)[0].name == "a"


def run_store(path, steps):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE runs (run_id TEXT, thread_id TEXT, body TEXT)")
    connection.execute("INSERT INTO runs VALUES ('r', 't', ?)", (json.dumps({"steps": steps}),))
    connection.commit()
    connection.close()


def step(tool, ok=True, ms=100.0, kind=None):
    return {"node": "act", "tool": tool, "ms": ms, "ok": ok, "error_kind": kind}


def test_recorded_runs_are_counted_by_tool(tmp_path):
    steps = [step("a"), step("a", False, 300.0, "timeout"), step("b", False, 1.0, "invalid_input")]
    run_store(tmp_path / "runs.db", [*steps, {"node": "plan", "tool": "", "ms": 1.0, "ok": True}])
    assert read_records(tmp_path / "runs.db") == {"a": Record(2, 1, 0.2)}
    assert read_records(tmp_path / "none.db") == {}
    (tmp_path / "broken.db").write_text("this is no database")
    assert read_records(tmp_path / "broken.db") == {}


def test_a_few_calls_change_little_and_many_failures_or_much_time_count():
    few, many = Record(1, 0, 0.1), Record(200, 0, 0.1)
    assert -0.1 < few.adjustment < 0
    assert many.adjustment < -0.8
    assert Record(200, 200, 0.1).adjustment > 0
    assert Record(200, 200, 30.0).adjustment < Record(200, 200, 0.1).adjustment
    assert adjustments({"a": Record()}) == {"a": 0.0}


def test_a_record_decides_between_equals_and_not_against_a_clear_fit():
    twins = [ToolCard("old", "Tells the forecast."), ToolCard("new", "Tells the forecast."), *CARDS[1:]]
    failing = adjustments({"old": Record(50, 0, 0.1)})
    assert ToolSelector(twins).select("forecast", 1)[0].name == "old"
    assert ToolSelector(twins, adjustments=failing).select("forecast", 1)[0].name == "new"
    assert (
        ToolSelector(CARDS, adjustments={"currency": -0.9}).select("convert money", 1)[0].name == "currency"
    )


def test_a_tool_that_ships_is_known_by_its_examples_and_by_the_arguments_that_tell_it_apart():
    (card,) = registry_cards(default_registry(), ["read_chart"])
    assert "What is the highest value in this chart?" in card.examples
    (code,) = registry_cards(default_registry(), ["search_code"])
    assert code.parameters == ("query",)


@pytest.mark.data
def test_our_own_tools_are_found_among_199_others(data_root):
    from pathlib import Path

    from core.settings import Settings
    from models.embeddings import open_embedder

    folder = data_root / "metatool"
    if not folder.is_dir():
        pytest.skip(f"no MetaTool at {folder}")
    lines = (
        (Path(__file__).parents[2] / "evals" / "suites" / "data" / "own_tools.jsonl").read_text().splitlines()
    )
    rows = [json.loads(line) for line in lines]
    cards = [*read_catalogue(folder / "tools.jsonl"), *registry_cards(default_registry())]
    chosen = ToolSelector(cards, open_embedder(Settings())).select_many([row["query"] for row in rows], 3)
    hits = sum(row["tool"] in [c.name for c in choices] for row, choices in zip(rows, chosen, strict=True))
    assert hits / len(rows) >= 0.9


def run(*args):
    return CliRunner().invoke(app, list(args))


def test_select_prints_one_object_with_scores_and_time(tmp_path, monkeypatch):
    monkeypatch.setattr("server.cli.tools._embedder", lambda settings: None)
    path = tmp_path / "tools.jsonl"
    path.write_text(
        "\n".join(json.dumps({"name": card.name, "description": card.description}) for card in CARDS)
    )
    queries = tmp_path / "queries.jsonl"
    queries.write_text('{"id": 7, "query": "convert money"}\n{"query": "find dishes"}\n')
    result = run("select", "--catalog", str(path), "--queries", str(queries), "-k", "1")
    assert result.exit_code == 0
    first, second = map(json.loads, result.stdout.splitlines())
    assert (first["id"], first["tools"][0]["name"]) == (7, "currency")
    assert set(second) == {"query", "tools", "ms"}


@pytest.mark.parametrize(
    ("args", "kind"),
    [
        (("select", "--json"), "invalid_input"),
        (("select", "x", "--catalog", "/no/such.jsonl", "--json"), "not_found"),
        (("route", "--json"), "invalid_input"),
        (("route", "x", "--profile", "nope", "--json"), "invalid_input"),
    ],
)
def test_bad_input_is_a_typed_error_on_stdout(monkeypatch, args, kind):
    monkeypatch.setattr("server.cli.tools._embedder", lambda settings: None)
    result = run(*args)
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["kind"] == kind


def test_own_tools_can_be_mixed_into_a_catalogue(tmp_path, monkeypatch):
    monkeypatch.setattr("server.cli.tools._embedder", lambda settings: None)
    write_cards(tmp_path / "tools.jsonl", CARDS)
    result = run(
        "select", "read the chart's axes", "--catalog", str(tmp_path / "tools.jsonl"), "--own", "--json"
    )
    assert json.loads(result.stdout)["tools"][0]["name"] == "read_chart"


def test_route_shows_the_action_and_the_sources(monkeypatch):
    monkeypatch.setattr("server.cli.tools._embedder", lambda settings: None)
    result = run("route", "Which bar is tallest?", "--images", "1", "--image-kind", "chart", "--json")
    body = json.loads(result.stdout)
    assert body["action"] == "read_chart"
    assert sum(body["scores"].values()) == pytest.approx(1.0, abs=0.01)
    assert body["modalities"]
