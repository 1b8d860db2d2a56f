"""The tools that fit a question best among those that are possible, for the planner."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import VidenceError
from tools.cards import registry_cards
from tools.registry import ToolRegistry
from tools.selector import ToolSelector
from tools.track_record import adjustments, read_records
from tools.vectors import VectorCache

if TYPE_CHECKING:
    from models.embeddings import Embedder

TOP_K = 3


class ToolSuggester:
    """Ranks the registry's tools for a question. Blocking; the selector is built on first use.

    Args:
        registry: The tools.
        embedder: Returns the text model.
        root: The data folder, with recorded runs and the cache of vectors.
    """

    def __init__(self, registry: ToolRegistry, embedder: Callable[[], Embedder], root: Path) -> None:
        self._registry = registry
        self._embedder = embedder
        self._root = root
        self._lock = threading.Lock()
        self._selector: ToolSelector | None = None

    def __call__(self, question: str, allowed: Collection[str], k: int = TOP_K) -> tuple[str, ...]:
        """Return the k best of the allowed tools, best first; nothing without a text model."""
        try:
            selector = self._open()
            ranked = selector.select(question, len(self._registry.names()))
        except VidenceError:
            return ()
        return tuple(choice.name for choice in ranked if choice.name in allowed)[:k]

    def _open(self) -> ToolSelector:
        with self._lock:
            if self._selector is None:
                embedder = self._embedder()
                self._selector = ToolSelector(
                    registry_cards(self._registry),
                    embedder,
                    cache=VectorCache(embedder, self._root / "cache" / "tools.db"),
                    adjustments=adjustments(read_records(self._root / "runs.db")),
                )
            return self._selector
