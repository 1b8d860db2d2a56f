"""What an answer depends on beside the question's words: two runs of one scope would find the same."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from core.errors import VidenceError
from core.secrets import secret_settings
from core.settings import Settings
from server.runs.records import RunSpec

if TYPE_CHECKING:
    from graph.services import Services

_ROOMS = ("core", "models", "knowledge", "tools", "agents", "graph", "server/cache")


async def scope_of(spec: RunSpec, services: Services) -> str | None:
    """Return a hash of all that the answer to a request depends on, its question's wording left out.

    Images by hash and in order, the profile that the question gets, declared items, collections with their
    version, models by hash, prompts by version, every setting and the code itself. None where something that
    has no version is asked for: a connector's source.

    Raises:
        VidenceError: `not_found` for a collection that does not exist.
    """
    # The agent is imported by the time that runs begin, not when the server starts.
    from agents.profiles import PROFILES, pick_profile
    from agents.prompts import prompt_versions
    from knowledge.connectors.base import MARK

    profile = spec.profile or pick_profile(
        spec.question, has_images=bool(spec.images), declared=bool(spec.declared)
    )
    names = spec.collections or PROFILES[profile].default_collections
    if any(name.startswith(MARK) for name in names):
        return None
    versions = await asyncio.to_thread(lambda: [services.collections.version(name) for name in names])
    with suppress(VidenceError):  # without the text model there is none whose hash would change
        await asyncio.to_thread(services.models.embedder)
    models = await services.models.refs()
    parts: dict[str, Any] = {
        "images": [image.sha256 for image in spec.images],
        "profile": profile,
        "declared": spec.declared,
        "collections": list(zip(names, versions, strict=True)),
        "models": {role: ref.hash for role, ref in models.items()},
        "prompts": prompt_versions(),
        "settings": settings_digest(services.settings),
        "code": await asyncio.to_thread(code_digest),
    }
    return _digest(parts)


def settings_digest(settings: Settings) -> str:
    """Return a hash of every setting but secrets and the data folder: a changed one starts afresh."""
    values = settings.model_dump(mode="json", exclude={"home", *secret_settings()})
    return _digest(values)


@cache  # the code of a process does not change
def code_digest() -> str:
    """Return a hash of the code that makes answers, and of its data files. Blocking."""
    from evals.run.identity import hash_rooms

    return hash_rooms(_ROOMS)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
