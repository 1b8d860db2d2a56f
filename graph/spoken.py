"""What the answerer says while it says it, over LangGraph's custom stream, for whoever asked to hear it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langgraph.config import get_config, get_stream_writer

SPEAK = "speak"
"""The key of `configurable` that asks for a served model's words before they are checked."""


def speaker() -> Callable[[str], None] | None:
    """Return what passes on words of the answer as they come, or None where nobody asked to hear them.

    Each piece goes out as `{"answer.delta": text, "at": place}`: `at` is where it begins in what was said, so
    that a node that runs again is heard from its beginning.
    """
    try:
        wanted = get_config().get("configurable", {}).get(SPEAK)
    except RuntimeError:  # outside a graph
        wanted = False
    if not wanted:
        return None
    write: Callable[[Any], None] = get_stream_writer()
    at = 0

    def say(text: str) -> None:
        nonlocal at
        write({"answer.delta": text, "at": at})
        at += len(text)

    return say
