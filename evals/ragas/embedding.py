"""Our text embeddings behind RAGAS's interface."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.embeddings import Embedder

_BLANK = " "


class RagasEmbedding:
    """What RAGAS asks for vectors. Waiting never blocks the event loop: the model runs in a thread.

    Args:
        open_embedder: Gives the embedder; called when first needed, in a thread.
    """

    def __init__(self, open_embedder: Callable[[], Embedder]) -> None:
        self._open = open_embedder

    def embed_text(self, text: str, **kwargs: Any) -> list[float]:
        """Return the unit vector of a text. Blocking."""
        return self.embed_texts([text])[0]

    def embed_texts(self, texts: list[str], **kwargs: Any) -> list[list[float]]:
        """Return a unit vector for each text, from one call. Blocking."""
        if not texts:
            return []
        rows: list[list[float]] = self._open().embed([text or _BLANK for text in texts]).tolist()
        return rows

    async def aembed_text(self, text: str, **kwargs: Any) -> list[float]:
        """Return the unit vector of a text."""
        return (await self.aembed_texts([text]))[0]

    async def aembed_texts(self, texts: list[str], **kwargs: Any) -> list[list[float]]:
        """Return a unit vector for each text."""
        return await asyncio.to_thread(self.embed_texts, texts)
