"""Reading the rows of suites: our own data beside the suites, and files of the public sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.errors import invalid_input, not_found
from evals.run.registry import Place

OWN = Path(__file__).parent / "data"


def json_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file of JSON lines; only a line feed ends a line.

    Raises:
        VidenceError: `not_found`, or `invalid_input` naming the line.
    """
    if not path.is_file():
        raise not_found(f"No such file: {path}", help="Check --data: the set's folder lacks a file.")
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found.append(json.loads(line))
        except ValueError as error:
            raise invalid_input(
                f"{path}, line {number}: {error}", help="Write one JSON object a line."
            ) from error
    return found


def own(name: str) -> list[dict[str, Any]]:
    """Return the rows of our own data."""
    return json_lines(OWN / name)


def public(place: Place, name: str) -> list[dict[str, Any]]:
    """Return the rows of a file of the public sets, named from their folder.

    Raises:
        VidenceError: `not_found` without the folder or the file; `invalid_input` for a line that is no JSON.
    """
    if place.data is None:
        raise not_found(f"No public sets to read {name} from", help="Give --data, or set VIDENCE_DATA.")
    return json_lines(place.data / name)
