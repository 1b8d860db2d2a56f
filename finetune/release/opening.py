"""Where the registry lies, and who acts in it."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager

from core.settings import Settings
from finetune.release.registry import Registry


@contextmanager
def open_registry(settings: Settings) -> Iterator[Registry]:
    """Open the registry of the data folder; the history names the user of this machine."""
    registry = Registry(settings.root / "finetune" / "models", who=_user())
    try:
        yield registry
    finally:
        registry.close()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user may have no name.
        return "unknown"
