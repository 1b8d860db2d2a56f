"""Definitions, callers and files of a small package, through a collection."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.code.graph import module_of, read_graph
from knowledge.code.leg import CodeLeg
from knowledge.collections import Collections

FILES = {
    "__init__.py": "from .valves import open_valve\n",
    "valves.py": (
        '"""Valves."""\n\nfrom .tools.units import to_bar as bar\n\nLIMIT = 12\n\n\n'
        "def open_valve(name, *, pressure=2.5, **rest):\n    return bar(pressure)\n\n\n"
        "class Valve:\n    wheel: int = 4\n\n    def turn(self):\n        return self.check()\n\n"
        "    def check(self):\n        return open_valve('x')\n"
    ),
    "tools/units.py": '"""Units."""\n\n\ndef to_bar(value):\n    return value / 1e5\n',
    "tools/other.py": (
        "from plant.valves import Valve\nfrom .. import open_valve\n\n\ndef turn_all(valves):\n"
        "    open_valve('y')\n    for valve in valves:\n        valve.turn()\n\n\n"
        "class Wheel:\n    def turn(self):\n        return None\n\n"
        "    def spin(self):\n        return self.turn()\n\n\n"
        "class Gate(Valve):\n    pass\n"
    ),
    "copy.py": "# Copied from plant.valves.open_valve\ndef open_valve(name):\n    return name\n",
}


@pytest.fixture
def leg(collections: Collections, tmp_path: Path) -> CodeLeg:
    for name, text in FILES.items():
        (tmp_path / "plant" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "plant" / name).write_text(text)
    collections.add("code", [tmp_path / "plant"])
    return collections._get("code").code


def one(leg: CodeLeg, name: str):
    return leg.index.definitions(name)[0]


def test_definitions_come_with_lines_kind_and_defaults_originals_first(leg: CodeLeg) -> None:
    first, second = leg.index.definitions("open_valve")
    assert (first.doc_id, first.symbol.line, first.symbol.kind) == ("valves.py", 8, "function")
    assert first.symbol.parameters == (("name", None), ("pressure", "2.5"), ("**rest", None))
    assert (second.doc_id, second.symbol.copied) == ("copy.py", True)
    assert one(leg, "LIMIT").symbol.parameters == (("", "12"),)
    assert one(leg, "Valve.turn").symbol.qualified == "Valve.turn"
    assert one(leg, "open_VALVE").doc_id == "valves.py", "case is forgiven when nothing else fits"
    assert leg.index.definitions("Gate.turn") == []


def test_callers_are_resolved_through_imports_and_self(leg: CodeLeg) -> None:
    def callers(name: str) -> list[tuple[str, str, int, bool]]:
        return [(c.doc_id, c.caller, c.line, c.sure) for c in leg.index.callers(one(leg, name))]

    assert callers("to_bar") == [("valves.py", "open_valve", 9, True)], "under another name"
    assert callers("open_valve") == [
        ("tools/other.py", "turn_all", 6, True),
        ("valves.py", "Valve.check", 19, True),
    ]
    assert callers("Valve.check") == [("valves.py", "Valve.turn", 16, True)]
    # `self.turn()` of another class is not it; an object of unknown type may be.
    assert callers("Valve.turn") == [("tools/other.py", "turn_all", 8, False)]


def test_subclasses_and_uses(leg: CodeLeg) -> None:
    assert [item.symbol.name for item in leg.index.subclasses("Valve")] == ["Gate"]
    uses = {doc_id: uses for _, doc_id, uses in leg.index.files()}
    assert uses["valves.py"] == 2
    assert uses["copy.py"] == 0


def test_files_are_ranked_by_path_names_and_body(leg: CodeLeg) -> None:
    ranker = leg.ranker()
    assert ranker is not None
    ranked = ranker.rank("convert units to bar", None, 3)
    assert ranked[0][0].endswith("tools/units.py")
    assert all(0 < score <= 1 for _, score in ranked)
    assert ranker.rank("zeppelin", None, 3) == []


def test_documents_of_a_code_collection_are_ranked_as_files(leg: CodeLeg, collections: Collections) -> None:
    (found,) = collections.search_many("code", ["convert units to bar"], 2, by_document=True)
    assert found[0].doc_id == "tools/units.py"
    assert "files" in found[0].parts
    (plain,) = collections.search_many("code", ["units"], 2, by_document=True, rerank=False)
    assert "files" not in plain[0].parts


def test_the_exact_lines_of_a_definition_are_cut_from_its_piece(leg: CodeLeg) -> None:
    found = one(leg, "Valve.check")
    piece = leg.lines_of(found.source, found.symbol.first, found.symbol.last)
    assert piece is not None
    assert piece.text == "    def check(self):\n        return open_valve('x')"
    assert piece.locator.lines == (18, 19)
    assert leg.text_of(found.source).rstrip() == FILES["valves.py"].rstrip()


def test_a_changed_file_is_read_again_and_the_rest_is_kept(
    leg: CodeLeg, collections: Collections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr(
        "knowledge.code.leg.read_graph",
        lambda doc_id, text: (read.append(doc_id), read_graph(doc_id, text))[1],
    )
    (tmp_path / "plant" / "copy.py").write_text("def shut_valve():\n    return 1\n")
    collections.add("code", [tmp_path / "plant"])
    assert read == ["copy.py"]
    assert len(leg.index.definitions("open_valve")) == 1
    assert one(leg, "shut_valve").doc_id == "copy.py"
    assert collections.verify("code").ok


def test_a_lost_code_leg_is_found_and_mended(leg: CodeLeg, collections: Collections) -> None:
    import shutil

    leg.close()
    shutil.rmtree(leg._folder)
    leg._manifest.put(code_version="")
    assert not collections.verify("code").ok
    assert collections.verify("code", repair=True).ok
    assert one(leg, "to_bar").doc_id == "tools/units.py"


def test_modules_are_named_by_their_path() -> None:
    assert module_of("a/b/__init__.py") == "a.b"
    assert module_of("a/b.py") == "a.b"
    assert read_graph("x.py", "def (").symbols == []


def test_a_form_feed_does_not_shift_lines() -> None:
    (symbol,) = read_graph("x.py", "# a\x0cb\n\n\ndef f():\n    return 1\n").symbols
    assert symbol.line == 4
