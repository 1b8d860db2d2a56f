"""What every key of a recipe means, read off its types."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from finetune.train.config import ContrastiveConfig, DpoConfig, SftConfig


class KeyHelp(NamedTuple):
    """One key: where it stands, what it takes, what it is without being given, what it does."""

    key: str
    takes: str
    default: str
    description: str


def explain() -> list[KeyHelp]:
    """Return every key of the three tasks' recipes once, in their order."""
    found: dict[str, KeyHelp] = {}
    for model in (SftConfig, DpoConfig, ContrastiveConfig):
        for item in _keys(model, ""):
            found.setdefault(item.key, item)
    return list(found.values())


def _keys(model: type[BaseModel], prefix: str) -> Iterator[KeyHelp]:
    for name, field in model.model_fields.items():
        inner, listed = _section(field.annotation)
        key = prefix + name + ("[]" if listed else "")
        if inner is not None:
            yield KeyHelp(key, "list" if listed else "section", _default(field), field.description or "")
            yield from _keys(inner, f"{key}.")
        else:
            yield KeyHelp(key, _type_name(field.annotation), _default(field), field.description or "")


def _section(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the section that an annotation holds, if any, and whether it is a list of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    listed = get_origin(annotation) is tuple
    for part in get_args(annotation):
        inner, deeper = _section(part)
        if inner is not None:
            return inner, listed or deeper
    return None, False


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, BaseModel):
        return ""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "" if value in (None, {}) else str(value)


def _type_name(annotation: Any) -> str:
    arguments = get_args(annotation)
    origin = get_origin(annotation)
    if origin is tuple:
        return f"list of {_type_name(arguments[0])}"
    if origin is dict:
        return f"{_type_name(arguments[0])} to {_type_name(arguments[1])}"
    if origin is types.UnionType:
        return " or ".join(_type_name(item) for item in arguments if item is not type(None))
    if origin is not None:
        return " | ".join(str(item) for item in arguments)
    return {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}.get(
        annotation.__name__, str(annotation.__name__)
    )
