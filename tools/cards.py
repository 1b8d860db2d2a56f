"""Tools as a selector sees them: cards of the registry or of a catalogue file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import invalid_input, not_found

if TYPE_CHECKING:
    from tools.registry import ToolRegistry

_MAX_CATALOGUE = 20_000
_COMMON = frozenset({"k", "collections"})
"""Arguments that say how to call and nothing of what for."""


@dataclass(frozen=True)
class ToolCard:
    """A tool as a catalogue describes it."""

    name: str
    description: str
    parameters: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    """Requests that the tool is right for."""

    @property
    def title(self) -> str:
        """The name as words: `getWeather_v2` is "get Weather v2"."""
        return words_of(self.name)


def words_of(name: str) -> str:
    """Return an identifier as words."""
    return re.sub(r"[_\-./]+", " ", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)).strip()


def registry_cards(registry: ToolRegistry, names: Iterable[str] | None = None) -> list[ToolCard]:
    """Return the cards of registered tools, all of them without names."""
    from tools.examples import examples_of

    cards = []
    for name in registry.names() if names is None else names:
        tool = registry.get(name)
        given = tuple(field for field in tool.arguments.model_fields if field not in _COMMON)
        cards.append(ToolCard(tool.name, tool.description, given, examples_of(tool)))
    return cards


def read_catalogue(path: Path) -> list[ToolCard]:
    """Read catalogue lines `{name, description, parameters?, examples?}`.

    Raises:
        VidenceError: `not_found` for a missing file; `invalid_input` naming the line that is wrong.
    """
    cards: list[ToolCard] = []
    for number, row in read_lines(path):
        name, description = row.get("name"), row.get("description")
        if not isinstance(name, str) or not name or not isinstance(description, str):
            raise invalid_input(
                f"{path}, line {number}: `name` and `description` are needed, both text",
                help='Write {"name": ..., "description": ...}, one tool a line.',
            )
        given = tuple(_parameter_names(row.get("parameters")))
        cards.append(ToolCard(name, description, given, _examples(row.get("examples"), path, number)))
        if len(cards) > _MAX_CATALOGUE:
            raise invalid_input(f"{path} has more than {_MAX_CATALOGUE} tools", help="Split the catalogue.")
    return cards


def read_lines(path: Path) -> Iterable[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of a JSON-lines file, skipping empty lines; raises as `read_catalogue`."""
    if not path.is_file():
        raise not_found(f"No such file: {path}", help="Check the path.")
    try:
        # Not splitlines: a JSON text may hold U+2028 and other marks that it would cut at.
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise invalid_input(f"{path} is not UTF-8 text", help="Save it as UTF-8 JSON lines.") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise invalid_input(f"{path}, line {number}: not JSON ({error})", help="Fix the line.") from error
        if not isinstance(row, dict):
            raise invalid_input(f"{path}, line {number}: not a JSON object", help="Fix the line.")
        yield number, row


def _examples(value: Any, path: Path, number: int) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid_input(
            f"{path}, line {number}: `examples` must be a list of texts", help='Write ["request", ...].'
        )
    return tuple(item for item in value if item.strip())


def _parameter_names(value: Any) -> list[str]:
    """Return the parameter names of a JSON schema, a mapping, or a list of names or `{name}` objects."""
    if isinstance(value, dict):
        inner = value.get("properties", value)
        return [str(name) for name in inner] if isinstance(inner, dict) else []
    if isinstance(value, list):
        return [str(item.get("name", "") if isinstance(item, dict) else item) for item in value]
    return []
