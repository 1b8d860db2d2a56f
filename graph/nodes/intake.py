"""intake: check the question, store the images by content hash, pick the profile, start a clean run."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from agents.profiles import PROFILES, pick_profile
from agents.safety import unsafe_request
from core.contracts import Blocked, ProfileName, ToolError
from core.errors import VidenceError, invalid_input
from core.questions import clean_question
from graph.services import Services
from graph.state import NEW, ImageInput, State
from knowledge.connectors.base import MARK, Surroundings
from knowledge.connectors.registry import open_connector

_MERGED_ANEW: dict[str, Any] = {
    "plan": {NEW: 1},
    "refs": {NEW: 1},
    "errors": {NEW: 1},
    "answers": {NEW: 1},
    "replies": [NEW],
}
_EMPTY: dict[str, Any] = {
    "decision": {},
    "candidates": [],
    "checked": [],
    "ranking": [],
    "retried": False,
    "last_draft": False,
    "stopped": "",
    "error": None,
    "blocked": None,
    "outcome": {},
}


async def intake(state: State, services: Services) -> dict[str, Any]:
    """Return a normalised question with stored images, or the error that ends the run."""
    # Only what an earlier run left on this thread has to be cleared.
    left: Any = state
    run_id = state.get("run_id") or uuid.uuid4().hex
    if not state.get("plan"):
        services.store.begin(run_id)
    fresh: dict[str, Any] = {
        **{name: value for name, value in {**_MERGED_ANEW, **_EMPTY}.items() if left.get(name)},
    }
    try:
        question = clean_question(state.get("question", ""), services.settings.max_question_chars)
        if blocked := await _unsafe(question, services):
            return {**fresh, "run_id": run_id, "question": question, "images": [], "blocked": blocked}
        images = await _store_images(list(state.get("images") or []), services)
        if blocked := await _unsafe_image(images, services):
            return {**fresh, "run_id": run_id, "question": question, "images": images, "blocked": blocked}
        profile = _profile(state, question, has_images=bool(images))
        # Naming a collection that does not exist is a mistake to point out, not an empty search.
        names = list(state.get("collections") or []) or list(PROFILES[profile].default_collections)
        kinds = await asyncio.to_thread(_kinds, names, services) if names else {}
    except VidenceError as error:
        return {**fresh, "run_id": run_id, "images": [], "error": ToolError.of(error).model_dump()}
    known = {
        "run_id": run_id,
        "round": 0,
        "question": question,
        "images": images,
        "profile": profile,
        "collections": names,
        "collection_kinds": kinds,
    }
    # What the caller gave in this very form is in the state already.
    return {
        **fresh,
        **{name: value for name, value in known.items() if left.get(name, type(value)()) != value},
    }


async def _unsafe(question: str, services: Services) -> dict[str, Any] | None:
    level = services.settings.filter_requests
    found = await asyncio.to_thread(unsafe_request, question, level, services.models.embedder)
    return found.model_dump() if found else None


async def _unsafe_image(images: list[ImageInput], services: Services) -> dict[str, Any] | None:
    if services.settings.filter_images == "off":
        return None
    for image in images:
        if await services.models.nsfw(image["sha256"]) > services.settings.filter_image_score:
            return Blocked(
                kind="unsafe_image",
                message="An image looks pornographic",
                help="Send another one; for medical images set VIDENCE_FILTER_IMAGES=off.",
            ).model_dump()
    return None


def _kinds(names: list[str], services: Services) -> dict[str, list[str]]:
    return {name: _held(name, services) for name in names}


def _held(name: str, services: Services) -> list[str]:
    """Return the kinds of piece that a collection holds; a connector among them (`@wiki`) gives passages."""
    if name.startswith(MARK):
        open_connector(name, Surroundings(services.settings, services.collections))
        return ["passage"]
    return list(services.collections.kinds(name))


async def _store_images(images: list[ImageInput], services: Services) -> list[ImageInput]:
    limit = services.settings.max_images
    if len(images) > limit:
        raise invalid_input(
            f"{len(images)} images, over the limit of {limit}",
            help="Ask about fewer images at once, or raise VIDENCE_MAX_IMAGES.",
        )
    return [await _store_image(image, services) for image in images]


async def _store_image(image: ImageInput, services: Services) -> ImageInput:
    if not image.get("sha256"):
        stored = await asyncio.to_thread(services.images.add_path, image.get("path", ""))
        image = {
            "sha256": stored.sha256,
            "source": image.get("source") or stored.source,
            "width": stored.width,
            "height": stored.height,
        }
    if "kind" in image:
        return image
    facts = await services.models.pixels(image["sha256"])
    return {**image, "kind": facts.kind}


def _profile(state: State, question: str, *, has_images: bool) -> ProfileName:
    name = state.get("profile") or ""
    if not name:
        return pick_profile(question, has_images=has_images, declared=bool(state.get("declared")))
    if name not in PROFILES:
        raise invalid_input(
            f"No profile is called `{name}`", help=f"Profiles: {', '.join(sorted(PROFILES))}."
        )
    return PROFILES[name].name
