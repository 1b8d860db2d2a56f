"""The state of a run: ids, scores and short snippets as plain JSON values; content lives in the run store.

Reducers are pure. A new question on an old thread starts clean: an update that carries the `NEW` mark
replaces what was there instead of merging with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypedDict, get_type_hints

REFS_PER_SUBQUESTION = 12
"""How many of a sub-question's pieces of evidence the state shows to the planner."""


class ImageInput(TypedDict, total=False):
    """An image of the question: by hash once intake has stored it, by path before."""

    sha256: str
    source: str
    width: int
    height: int
    kind: str
    path: str


class EvidenceRef(TypedDict):
    """What the state keeps of a piece of evidence."""

    kind: str
    score: float
    snippet: str
    subquestion: str


NEW = "$new"
"""The mark of an update that starts a channel anew."""


def merge_mapping(old: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    """Merge by key; the newer value wins."""
    if NEW in new:
        return {key: value for key, value in new.items() if key != NEW}
    return {**(old or {}), **new}


def append_items(old: list[Any] | None, new: list[Any]) -> list[Any]:
    """Append."""
    if new[:1] == [NEW]:
        return new[1:]
    return [*(old or []), *new]


def add_usage(old: dict[str, float] | None, new: dict[str, float]) -> dict[str, float]:
    """Add counters by name."""
    if NEW in new:
        return {name: value for name, value in new.items() if name != NEW}
    total = dict(old or {})
    for name, value in new.items():
        total[name] = total.get(name, 0) + value
    return total


class InputState(TypedDict, total=False):
    """What a caller gives: a question and, optionally, images, profile, collections, declared items."""

    question: str
    images: list[ImageInput]
    profile: str
    collections: list[str]
    declared: list[str]
    run_id: str
    thread_id: str


class State(InputState, total=False):
    """Everything that survives between nodes."""

    collection_kinds: dict[str, list[str]]
    round: int
    plan: Annotated[dict[str, dict[str, Any]], merge_mapping]
    refs: Annotated[dict[str, EvidenceRef], merge_mapping]
    errors: Annotated[dict[str, dict[str, Any]], merge_mapping]
    answers: Annotated[dict[str, str], merge_mapping]
    replies: Annotated[list[list[str]], append_items]
    usage: Annotated[dict[str, float], add_usage]
    steps: Annotated[list[dict[str, Any]], append_items]
    decision: dict[str, Any]
    candidates: list[dict[str, Any]]
    checked: list[dict[str, Any]]
    ranking: list[dict[str, Any]]
    retried: bool
    last_draft: bool
    stopped: str
    error: dict[str, Any] | None
    blocked: dict[str, Any] | None
    outcome: dict[str, Any]


REDUCERS: dict[str, Callable[[Any, Any], Any]] = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(State, include_extras=True).items()
    if hasattr(hint, "__metadata__")
}
"""The reducer of every merged channel, read off the annotations above."""


class ActInput(TypedDict):
    """What one `Send` carries to `act`: a sub-question, ready to run."""

    run_id: str
    subquestion: dict[str, Any]
    sources: dict[str, str]
    seconds_left: float
