"""The part of a piece that is shown for a query."""

from __future__ import annotations

from core.text import content_words, sentences

_SNIPPET_CHARS = 240


def snippet(query: str, text: str) -> str:
    """Return the sentence that shares most words with the query, with what follows it if there is room."""
    asked = set(content_words(query))
    parts = sentences(text) or [text.strip()]
    shared = [len(asked & set(content_words(part))) for part in parts]
    best = shared.index(max(shared))
    shown = " ".join(" ".join(parts[best : best + 2]).split())
    return shown if len(shown) <= _SNIPPET_CHARS else shown[: _SNIPPET_CHARS - 1].rstrip() + "…"
