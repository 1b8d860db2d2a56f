"""What a tool is: a small class with a name, typed arguments, a cost class and its needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from core.contracts import Evidence, EvidenceKind, Locator, ToolResult, Trust
from core.images import ImageStore
from core.pressure import Part
from core.settings import Settings

if TYPE_CHECKING:
    from knowledge.collections import Collections
    from models.hub import ModelHub

Cost = Literal["free", "cheap", "moderate", "expensive"]
Need = Literal["image", "collection", "network", "vlm"]


class ToolArgs(BaseModel):
    """Base of every tool's arguments."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class ToolContext:
    """What a tool may use. Built once at the edge and passed down."""

    settings: Settings
    images: ImageStore
    models: ModelHub
    collections: Collections
    run_id: str = ""
    sources: dict[str, str] = field(default_factory=dict)
    """Image hash to the path or address that the user gave."""
    shed: frozenset[Part] = frozenset()
    """What a busy server leaves out."""

    def now(self) -> str:
        """Return the time as ISO 8601 in UTC, read at the call and never at import."""
        return datetime.now(UTC).isoformat(timespec="seconds")

    def source_of(self, sha256: str) -> str:
        """Return how the user named an image, or its hash."""
        return self.sources.get(sha256, f"image:{sha256[:12]}")


class Tool(Protocol):
    """A callable tool. `run` raises `VidenceError`; the registry turns it into a `ToolError`."""

    name: ClassVar[str]
    version: ClassVar[str]
    description: ClassVar[str]
    arguments: ClassVar[type[ToolArgs]]
    cost: ClassVar[Cost]
    needs: ClassVar[tuple[Need, ...]]

    async def run(self, args: Any, context: ToolContext) -> ToolResult:
        """Do the work and return typed evidence; raise `VidenceError` for a failure."""
        ...


def make_evidence(
    tool: type[Tool] | Tool,
    context: ToolContext,
    *,
    kind: EvidenceKind,
    source: str,
    content: str,
    locator: Locator | None = None,
    score: float = 1.0,
    trust: Trust = "retrieved",
    metadata: dict[str, Any] | None = None,
) -> Evidence:
    """Build evidence signed with the tool's name and version and the time of the call."""
    return Evidence(
        kind=kind,
        source=source,
        locator=locator or Locator(),
        content=content,
        score=score,
        trust=trust,
        retrieved_at=context.now(),
        tool=tool.name,
        tool_version=tool.version,
        metadata=metadata or {},
    )
