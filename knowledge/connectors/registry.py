"""Finding connectors: the classes in the files of this folder, and the names that the settings give them."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from pydantic import ValidationError

import knowledge.connectors as folder
from core.errors import invalid_input, not_found
from core.settings import Settings
from knowledge.connectors.base import MARK, Connector, Surroundings


@cache
def kinds() -> Mapping[str, type[Connector]]:
    """Return every connector class by its kind."""
    found: dict[str, type[Connector]] = {}
    for module in pkgutil.iter_modules(folder.__path__):
        if module.name in ("base", "registry"):
            continue
        for value in vars(import_module(f"{folder.__name__}.{module.name}")).values():
            if isinstance(value, type) and issubclass(value, Connector) and value is not Connector:
                found[value.kind] = value
    return found


def names(settings: Settings) -> list[str]:
    """Return what may be searched by name: the kinds that need no options, and what the settings name."""
    ready = [kind for kind, made in kinds().items() if not _needed(made)]
    return sorted({*ready, *settings.connectors})


def open_connector(name: str, around: Surroundings) -> Connector:
    """Return a connector by its name.

    Args:
        name: A name from the settings, a kind, or `KIND:VALUE`; a mark before it is left out.
        around: Settings and collections.

    Raises:
        VidenceError: `not_found`, listing what exists; `invalid_input` for options that are wrong.
    """
    name = name.removeprefix(MARK)
    kind, _, value = name.partition(":")
    given: dict[str, Any] = {}
    if name in around.settings.connectors:
        given = dict(around.settings.connectors[name])
        kind = str(given.pop("kind", ""))
    elif value and kind in kinds() and kinds()[kind].short:
        given = {kinds()[kind].short: value}
    elif name not in kinds():
        raise not_found(
            f"No connector is called `{name}`",
            help=f"There are {', '.join(names(around.settings))}; `connectors` in config.yaml adds others.",
        )
    if kind not in kinds():
        raise invalid_input(
            f"The connector `{name}` is of no known kind: `{kind}`",
            help=f"Kinds: {', '.join(sorted(kinds()))}.",
        )
    made = kinds()[kind]
    try:
        options = made.options.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise invalid_input(
            f"The connector `{name}`: `{where}` {first['msg']}",
            help=f"Options of `{kind}`: {', '.join(made.options.model_fields) or 'none'}.",
        ) from error
    return made(name, options, around)


def _needed(made: type[Connector]) -> bool:
    return any(option.is_required() for option in made.options.model_fields.values())
