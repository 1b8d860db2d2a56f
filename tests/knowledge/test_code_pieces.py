"""Pieces of code: which have a vector of their own, what of, and at which commit or release they stand."""

from __future__ import annotations

import subprocess
from pathlib import Path

from knowledge.code.cards import file_card, spoken
from knowledge.collections import Collections
from knowledge.readers.source_code import code_pieces, parse
from knowledge.records import Piece

SOURCE = '''"""Valves of the plant."""

import os


def open_valve(name, pressure=2.5):
    """Open a valve slowly."""
    return os.path.join(name)


# Copied from plant.pumps.close_pump with pump->valve
def close_valve(name):
    """Close it."""
    return name


class Valve(Base):
    """A valve with a wheel."""

    def turn(self, angle):
        """Turn the wheel by degrees."""
        return angle

    def _hidden(self):
        return 1
'''


def pieces_of(source: str, doc_id: str = "plant/valves.py"):
    """The first piece of every name."""
    found: dict[str | None, Piece] = {}
    for piece in code_pieces(Path(f"/nowhere/{doc_id}"), source, doc_id):
        found.setdefault(piece.locator.section, piece)
    return found


def test_a_file_and_its_documented_definitions_have_vectors_of_names_and_first_words() -> None:
    pieces = pieces_of(SOURCE)
    assert pieces[None].embed == "plant valves. Valves of the plant.. Defines open valve, close valve, Valve"
    assert pieces["open_valve"].embed == "open valve (name, pressure): Open a valve slowly."
    assert pieces["Valve"].embed == "Valve (Base): A valve with a wheel."
    assert pieces["Valve.turn"].embed == "Valve turn (angle): Turn the wheel by degrees."


def test_copies_and_undocumented_methods_are_left_to_the_words() -> None:
    pieces = pieces_of(SOURCE)
    assert pieces["close_valve"].embed == ""
    assert pieces["Valve._hidden"].embed == ""
    generated = pieces_of("# This file was automatically generated from modular.py\n" + SOURCE)
    assert [piece.embed for name, piece in generated.items() if name] == [""] * 5
    assert generated[None].embed.startswith("plant valves")


def test_every_piece_is_an_exact_span_of_lines() -> None:
    lines = SOURCE.splitlines()
    for piece in pieces_of(SOURCE).values():
        first, last = piece.locator.lines
        assert piece.text == "\n".join(lines[first - 1 : last]).rstrip("\n")


def test_names_are_spoken_in_their_parts() -> None:
    assert spoken("models/llama/LlamaRMSNorm_v2") == "models llama Llama RMS Norm v2"
    assert file_card("a/b_c.py", None) == "a b c"
    assert parse("def (") is None


def test_a_piece_without_a_vector_is_found_by_words_and_the_legs_agree(
    collections: Collections, tmp_path: Path
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "valves.py").write_text(SOURCE)
    collections.add("code", [tmp_path / "src"])
    assert collections.verify("code").ok
    assert collections.search("code", "_hidden", 1)[0].locator.section == "Valve._hidden"
    hidden = collections.search("code", "_hidden", 1)[0]
    assert "dense" in hidden.parts, "it is scored with its file's vector"
    dense = {hit.locator.section for hit in collections.search("code", "hidden", 20, mode="dense")}
    assert "Valve._hidden" not in dense
    assert "Valve.turn" in dense


def test_an_unpacked_package_is_cited_by_its_release(tmp_path: Path) -> None:
    package = tmp_path / "plant_control"
    (package / "parts").mkdir(parents=True)
    (tmp_path / "plant_control-1.4.dist-info").mkdir()
    for folder in (package, package / "parts"):
        (folder / "__init__.py").write_text("")
    (piece,) = code_pieces(package / "parts" / "a.py", "x = 1\n", "parts/a.py")
    assert piece.locator.commit == "plant_control==1.4"


def test_a_file_of_a_checkout_is_cited_at_its_commit_unless_it_was_changed(tmp_path: Path) -> None:
    def git(*args: str) -> str:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@t", *args]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    for name in ("same.py", "changed.py"):
        (tmp_path / name).write_text("x = 1\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    (tmp_path / "changed.py").write_text("x = 2\n")
    (tmp_path / "new.py").write_text("x = 3\n")
    at = {
        name: code_pieces(tmp_path / name, "x = 1\n", name)[0].locator.commit
        for name in ("same.py", "changed.py", "new.py")
    }
    assert at == {"same.py": git("rev-parse", "HEAD"), "changed.py": None, "new.py": None}
    git("add", "changed.py")
    git("commit", "-qm", "second")
    (later,) = code_pieces(tmp_path / "changed.py", "x = 2\n", "changed.py")
    assert later.locator.commit == git("rev-parse", "HEAD")
