"""Every model by role, built on first use; results that depend only on an image are cached by content."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.contracts import ChartTable, ModelRef, OcrLine
from core.images import ImageStore
from core.settings import Settings
from models.pixels import PixelFacts
from models.vlm import ServedVlm, StandIn, Vlm, VlmReply
from models.worker import JobRunner, WorkerPool, WorkerProcess

if TYPE_CHECKING:
    from models.chat import ChatModel
    from models.embeddings import Embedder

ROLES = ("planner", "answerer", "vlm", "judge", "embeddings", "reranker")
PIXELS_VERSION = "pixels-3"


class ModelHub:
    """The runtimes of one process. Safe to share between runs; close it at the end."""

    def __init__(
        self,
        settings: Settings,
        images: ImageStore,
        *,
        runner: JobRunner | None = None,
        look_prompt: str = "",
        wrap_embedder: Callable[[Embedder], Embedder] | None = None,
    ) -> None:
        self._settings = settings
        self._wrap_embedder = wrap_embedder
        self._images = images
        self._runner = runner or WorkerPool([WorkerProcess() for _ in range(settings.image_workers)])
        self._look_prompt = look_prompt
        self._cache = settings.root / "cache"
        self._embedder: Embedder | None = None
        self._refs: dict[str, ModelRef] | None = None
        self._embedder_named = False
        self._embedded_vlm: Vlm | None = None
        self._locks: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Lock] = {}

    def close(self) -> None:
        """End the worker processes."""
        self._runner.close()

    async def ocr(self, sha256: str) -> list[OcrLine]:
        """Return the lines of text of a stored image, in reading order."""
        from models.ocr import OCR_VERSION

        lines = await self._cached("read_text", OCR_VERSION, sha256, threads=self._settings.ocr_threads)
        return [OcrLine.model_validate(line) for line in lines]

    async def chart(self, sha256: str) -> ChartTable:
        """Return the table behind a stored chart; raises `invalid_input` for what it declines."""
        from models.charts import CHARTS_VERSION
        from models.ocr import OCR_VERSION

        lines = [line.model_dump() for line in await self.ocr(sha256)]
        return ChartTable.model_validate(
            # Its numbers are what OCR read: another reader makes another table.
            await self._cached("read_chart", f"{CHARTS_VERSION}-{OCR_VERSION}", sha256, lines=lines)
        )

    async def pixels(self, sha256: str) -> PixelFacts:
        """Return what plain pixel statistics say about a stored image."""
        facts = await self._cached("describe_pixels", PIXELS_VERSION, sha256)
        return PixelFacts.model_validate(facts)

    async def nsfw(self, sha256: str) -> float:
        """Return how likely a stored image is pornographic, 0 to 1; `unavailable` without the package."""
        from models.nsfw import NSFW_VERSION

        return float(await self._cached("score_nsfw", NSFW_VERSION, sha256))

    async def look(self, images: Sequence[str], question: str) -> VlmReply:
        """Ask the VLM about stored images; raises `unavailable` for what it cannot answer."""
        paths = [self._images.path(sha256) for sha256 in images]
        facts = [await self.pixels(sha256) for sha256 in images]
        vlm = await asyncio.to_thread(self._vlm)  # it reads the card of the embedded one
        return await vlm.look(paths, facts, question)

    def embedder(self) -> Embedder:
        """Return the text embedder; loading blocks, so call it in a thread."""
        if self._embedder is None:
            from models.embeddings import open_embedder

            opened = open_embedder(self._settings)
            self._embedder = self._wrap_embedder(opened) if self._wrap_embedder else opened
        return self._embedder

    def chat(self, role: str) -> ChatModel | None:
        """Return the chat model of a role, or None when the role is embedded."""
        value = str(getattr(self._settings, role))
        if value == "embedded":
            return None
        from models.chat import open_chat

        return open_chat(
            value,
            api_key=self._settings.model_api_key,
            timeout_s=self._settings.model_timeout_s,
            logprobs=role == "vlm",
        )

    async def refs(self) -> dict[str, ModelRef]:
        """Return the model of every role, as a run records it."""
        if self._refs is None or (self._embedder is not None and not self._embedder_named):
            # In a thread: hashing the weights reads them.
            self._embedder_named = self._embedder is not None
            self._refs = await asyncio.to_thread(lambda: {role: self._ref(role) for role in ROLES})
        return self._refs

    def _ref(self, role: str) -> ModelRef:
        value = str(getattr(self._settings, role))
        if value != "embedded":
            name = value.split("#", 1)[1]
            return ModelRef(name=name, hash=hashlib.sha256(value.encode()).hexdigest()[:16])
        if role == "vlm":
            from models.vlm_shipped import read_manifest

            manifest = read_manifest()
            if manifest is not None:
                return ModelRef(name=manifest.name, hash=manifest.version)
        name = _EMBEDDED_NAMES[role]
        known = self._embedder.hash if role == "embeddings" and self._embedder else name
        return ModelRef(name=name, hash=hashlib.sha256(known.encode()).hexdigest()[:16])

    def _vlm(self) -> Vlm:
        chat = self.chat("vlm")
        if chat is not None:
            return ServedVlm(chat, self._look_prompt)
        if self._embedded_vlm is None:
            from models.vlm_embedded import EmbeddedVlm
            from models.vlm_shipped import read_manifest

            card = read_manifest()
            self._embedded_vlm = StandIn() if card is None else EmbeddedVlm(card, self._runner, self._cache)
        return self._embedded_vlm

    async def _cached(self, job: str, version: str, sha256: str, **kwargs: Any) -> Any:
        folder = self._cache / job / version
        path = folder / sha256[:2] / f"{sha256}.json"
        # Two routes often want the same reading at once; the second one waits for the first.
        running = (asyncio.get_running_loop(), str(path))
        lock = self._locks.setdefault(running, asyncio.Lock())
        try:
            async with lock:
                known = await asyncio.to_thread(_load, path)
                if known is not None:
                    return known
                result = await self._runner.call(job, path=str(self._images.path(sha256)), **kwargs)
                await asyncio.to_thread(_save, path, result)
                return result
        finally:
            if not lock.locked():
                # A server would keep one for every image it ever saw; who comes late finds the result.
                self._locks.pop(running, None)


_EMBEDDED_NAMES = {
    "planner": "rules-router",
    "answerer": "extraction",
    "vlm": "pixel-stand-in",
    "judge": "heuristic-ranker",
    "embeddings": "all-MiniLM-L6-v2",
    "reranker": "late-interaction",
}


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        # A cache entry that is missing or cut short is simply computed again.
        return None


def _save(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    partial.write_text(json.dumps(value))
    partial.replace(path)
