"""Reading a recipe, changing keys of it, and naming it by a hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from core.errors import invalid_input, not_found
from finetune.train.config import AnyConfig, TrainConfig

_ADAPTER: TypeAdapter[AnyConfig] = TypeAdapter(TrainConfig)


def load_config(path: Path, overrides: Sequence[str] = ()) -> AnyConfig:
    """Read a recipe and apply overrides.

    Args:
        path: A YAML file.
        overrides: `key=value` with dots and list positions, as `phases.0.train.lora=1e-4`; values are YAML.

    Raises:
        VidenceError: `not_found` or `invalid_input`, naming the key that is wrong.
    """
    import yaml

    if not path.is_file():
        raise not_found(f"There is no recipe at {path}", help="The recipes that come along are in configs/.")
    try:
        body = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise invalid_input(f"{path} is not YAML: {error}", help="Mend the file.") from error
    if not isinstance(body, dict):
        raise invalid_input(f"{path} holds no keys", help="See configs/smoke.yaml.")
    for override in overrides:
        apply_override(body, override)
    return parse_config(body, str(path))


def parse_config(body: dict[str, Any], where: str) -> AnyConfig:
    """Check a recipe's keys and values; raises `invalid_input`, naming the first key that is wrong."""
    try:
        return _ADAPTER.validate_python({"task": "sft", **body})
    except ValidationError as error:
        first = error.errors()[0]
        parts = [str(part) for part in first["loc"][1:]]
        said = _misspelt(parts) if first["type"] == "extra_forbidden" else str(first["msg"])
        raise invalid_input(
            f"{where}: {'.'.join(parts) or 'recipe'}: {said}",
            help="Every key: vidence finetune train --explain",
        ) from error


def _misspelt(parts: Sequence[str]) -> str:
    """Say that there is no such key, and which ones are spelt like it or have its name elsewhere."""
    from difflib import get_close_matches

    from finetune.train.explain import explain

    keys = [one.key.replace("[]", "") for one in explain()]
    asked = ".".join(part for part in parts if not part.isdigit())
    close = get_close_matches(asked, keys, n=1, cutoff=0.75)
    elsewhere = [key for key in keys if key.rpartition(".")[2] == parts[-1]]
    found = dict.fromkeys([*close, *elsewhere[:2]])
    return "there is no such key" + (f"; did you mean {' or '.join(found)}?" if found else "")


def resolved(config: AnyConfig) -> dict[str, Any]:
    """Return the recipe with every default filled in, as plain values."""
    return config.model_dump(mode="json")


def config_sha256(config: AnyConfig) -> str:
    """Return the SHA-256 that names the resolved recipe."""
    return hashlib.sha256(json.dumps(resolved(config), sort_keys=True).encode()).hexdigest()


def differing_keys(old: Any, new: Any, prefix: str = "") -> list[str]:
    """Return the dotted keys at which two resolved recipes differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            key
            for name in sorted({*old, *new})
            for key in differing_keys(old.get(name), new.get(name), f"{prefix}{name}.")
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [key for at, (a, b) in pairs for key in differing_keys(a, b, f"{prefix}{at}.")]
    return [] if old == new else [prefix.rstrip(".")]


def apply_override(body: dict[str, Any], override: str) -> None:
    """Change one key of a recipe in place, by `key=value`; raises `invalid_input` for one that is not."""
    import yaml

    key, equals, text = override.partition("=")
    if not equals or not key:
        raise invalid_input(f"--set {override}: no key=value", help="For example --set seed=1")
    at: Any = body
    *parents, last = key.split(".")
    try:
        for name in parents:
            at = at[int(name)] if isinstance(at, list) else at.setdefault(name, {})
        value = _number(yaml.safe_load(text))
        if isinstance(at, list):
            at[int(last)] = value
        else:
            at[last] = value
    except (ValueError, IndexError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise invalid_input(
            f"--set {override}: there is no such key", help="Lists are counted from 0: phases.0.steps=10"
        ) from error


def _number(value: Any) -> Any:
    """Return `1e-4` as a number, which YAML 1.1 takes for a word."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
