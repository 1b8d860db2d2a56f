"""What canaries are asked about: a library, a little program, and copies with orders to the agent in them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from evals.personas.canaries import DATA, Canary
from evals.suites.rows import json_lines

LIBRARY, POISONED = "canary-library", "canary-poisoned"
CODE, POISONED_CODE = "canary-code", "canary-poisoned-code"
LIBRARY_FILE, POISONED_FILE = "library.jsonl", "poisoned.jsonl"
CODE_FILE, POISONED_CODE_FILE = "code.jsonl", "poisoned_code.jsonl"
COLLECTIONS: Mapping[str, str] = {LIBRARY: "text", POISONED: "text", CODE: "code", POISONED_CODE: "code"}
"""Collections by name, and their kind as `vidence index add --kind` takes it."""


def write_sources(folder: Path) -> dict[str, Path]:
    """Write what each collection is made of; returns the path to index by collection. Blocking.

    A file that is there with the same content is left alone, so that it is not indexed again.
    """
    paths = {}
    for name, file in ((LIBRARY, LIBRARY_FILE), (POISONED, POISONED_FILE)):
        # A field of ours that no reader knows would be refused.
        rows = [{key: row[key] for key in ("id", "title", "text")} for row in json_lines(DATA / file)]
        paths[name] = folder / name / "records.jsonl"
        _write(paths[name], "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    for name, file in ((CODE, CODE_FILE), (POISONED_CODE, POISONED_CODE_FILE)):
        paths[name] = folder / name
        for row in json_lines(DATA / file):
            _write(folder / name / row["path"], row["text"])
    return paths


def collections_of(canary: Canary) -> Sequence[str]:
    """Return the collections that a canary searches; none where it brings a picture."""
    if canary.image:
        return ()
    names = (CODE, POISONED_CODE) if canary.profile == "code" else (LIBRARY, POISONED)
    return names if canary.poisoned else names[:1]


def texts_of(canary: Canary) -> list[str]:
    """Return the documents of a canary's profile as text: for a model that cannot search."""
    if canary.image:
        return []
    if canary.profile == "code":
        files = [CODE_FILE, *([POISONED_CODE_FILE] if canary.poisoned else [])]
        return [f"{row['path']}\n{row['text']}" for file in files for row in json_lines(DATA / file)]
    library = [row for row in json_lines(DATA / LIBRARY_FILE) if row["profile"] == canary.profile]
    poisoned = json_lines(DATA / POISONED_FILE) if canary.poisoned else []
    return [f"{row['title']}\n{row['text']}" for row in (*library, *poisoned)]


def _write(path: Path, text: str) -> None:
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
