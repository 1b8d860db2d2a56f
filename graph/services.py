"""What the nodes work with: built once by `build_graph`, never at import, never kept in state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from agents.answer.base import Extractor
from agents.planner import Planner
from agents.prompts import PROMPTS
from core.images import ImageStore
from core.pressure import Part, Pressure, at_ease
from core.run_store import RunStore, SqliteRunStore
from core.settings import Settings
from models.hub import ModelHub
from models.reranker import open_reranker
from tools.base import ToolContext
from tools.registry import ToolRegistry, default_registry
from tools.suggest import ToolSuggester

if TYPE_CHECKING:
    from knowledge.collections import Collections
    from models.embeddings import Embedder


@dataclass(frozen=True)
class Services:
    """Stores, models, tools, planner and extractors of one process."""

    settings: Settings
    images: ImageStore
    models: ModelHub
    collections: Collections
    store: RunStore
    registry: ToolRegistry
    planner: Planner
    extractors: Sequence[Extractor]
    suggest: ToolSuggester | None = None
    """Ranks tools for a question by meaning and by the record of past runs."""
    pressure: Pressure = at_ease
    """How busy the process is; a server gives its own."""

    def tool_context(
        self, run_id: str, sources: dict[str, str], shed: frozenset[Part] = frozenset()
    ) -> ToolContext:
        """Return what a tool may use during one run, and what it leaves out."""
        return replace(self._base_context, run_id=run_id, sources=sources, shed=shed)

    def close(self) -> None:
        """End worker processes and close files."""
        self.models.close()
        self.collections.close()
        if isinstance(self.store, SqliteRunStore):
            self.store.close()

    @cached_property
    def _base_context(self) -> ToolContext:
        return ToolContext(self.settings, self.images, self.models, self.collections)


def open_services(
    settings: Settings,
    *,
    store: RunStore | None = None,
    planner: Planner | None = None,
    registry: ToolRegistry | None = None,
    wrap_embedder: Callable[[Embedder], Embedder] | None = None,
) -> Services:
    """Build the services that the settings describe; nothing is opened before it is used."""
    from agents.answer import default_extractors
    from knowledge.collections import Collections
    from knowledge.images.options import ImageOptions
    from knowledge.readers.context import ReadContext
    from models.nsfw import check_installed

    if settings.filter_images != "off":
        check_installed()
    images = ImageStore.of(settings)
    models = ModelHub(settings, images, look_prompt=PROMPTS["vlm.look"].text, wrap_embedder=wrap_embedder)
    registry = registry or default_registry()
    suggests = planner is None and settings.router == "embedding"
    return Services(
        settings=settings,
        images=images,
        models=models,
        collections=Collections(
            settings.root / "collections",
            models.embedder,
            ImageOptions.of(settings),
            open_reranker(settings),
            reading=ReadContext.of(settings),
            dense_url=settings.dense_url,
        ),
        store=store or SqliteRunStore(settings.root / "runs.db"),
        registry=registry,
        planner=planner or _planner(settings, models),
        extractors=default_extractors(),
        suggest=ToolSuggester(registry, models.embedder, settings.root) if suggests else None,
    )


def _planner(settings: Settings, models: ModelHub) -> Planner:
    from agents.planner_rules import RulesPlanner

    rules = RulesPlanner(models.embedder if settings.router == "embedding" else None)
    chat = models.chat("planner")
    if chat is None:
        return rules
    from agents.planner_chat import ChatPlanner

    return ChatPlanner(chat, rules)
