"""What is secret: which settings, their values, and the forms that providers give their keys.

A setting is secret when its field is declared with `repr=False`; nothing else has to be told of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from urllib.parse import urlsplit

from core.settings import Settings

KEYS = re.compile(
    r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}\b"
    r"|\bgithub_pat_[A-Za-z0-9_]{22,}|\bglpat-[A-Za-z0-9_-]{20,}|\bsk-[A-Za-z0-9_-]{20,}|\bxox[abprs]-[A-Za-z0-9-]{10,}"
    r"|\bAIza[0-9A-Za-z_-]{35}\b|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
    r"|\bvdn_[0-9a-f]{12}_[A-Za-z0-9_-]{43}|\blsv2_[a-z]{2}_[0-9a-f]{32}|\bhf_[A-Za-z0-9]{30,}"
)
"""Whole keys: private ones, of clouds, code hosts, chats and model providers, tokens, ours.

Strict, for texts that are kept back when they hold one.
"""
KEYS_OR_PARTS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\bvdn_[\w-]{6,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"  # JSON web tokens
    r"|\bsk-[\w-]{16,}|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|\bya29\.[\w-]{10,}"
    r"|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bxox[abeprs]-[\w-]{10,}"
    r"|\bhf_[A-Za-z0-9]{20,}|\blsv2_[a-z]{2}_\w{16,}",
    re.S,
)
"""The same and pieces of them, to the end: for texts in which too much may be masked, never too little."""
_NAMES = ("key", "secret", "password", "token")
"""What options of connectors end with that are secret: they have no fields."""


@cache
def secret_settings() -> frozenset[str]:
    """Return the names of the settings that are secret."""
    return frozenset(name for name, field in Settings.model_fields.items() if not field.repr)


def secret_values(settings: Settings) -> list[str]:
    """Return what must not be told: keys, and the passwords within addresses."""
    found: list[str] = []
    for name, value in _strings(settings.model_dump()):
        if "://" in value:
            found.append(_password(value))
        elif name in secret_settings() or name.endswith(_NAMES):
            found.append(value)
    return [value for value in found if value]


def _password(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return ""


def _strings(values: object, name: str = "") -> Iterable[tuple[str, str]]:
    if isinstance(values, str):
        yield name, values
    elif isinstance(values, dict):
        for key, value in values.items():
            yield from _strings(value, str(key))
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from _strings(value, name)
