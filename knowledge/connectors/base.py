"""What a connector is: a class with `search(query)` and its options. Adding one is adding its file here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from core.contracts import EvidenceKind, Locator, drop_none
from core.settings import Settings

if TYPE_CHECKING:
    from knowledge.collections import Collections

MARK = "@"
"""A name with this mark among collections is a connector: `--collection @wiki`."""


@dataclass(frozen=True)
class Found:
    """One result of a source. `score` is in 0 to 1; `text` is what may be quoted."""

    id: str
    title: str
    text: str
    source: str
    """Where people read it: an address or a path."""
    score: float
    kind: EvidenceKind = "passage"
    locator: Locator = field(default_factory=Locator)
    metadata: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return {
            "id": self.id,
            "score": self.score,
            "title": self.title,
            "text": self.text,
            "source": self.source,
            "kind": self.kind,
            "locator": drop_none(self.locator.model_dump(mode="json")),
            "metadata": self.metadata,
        }


class Options(BaseModel):
    """Base of a connector's options; an option that does not exist is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Surroundings:
    """What a connector may use beside its options. Built once at the edge and passed down."""

    settings: Settings
    collections: Collections | None = None


class Connector(ABC):
    """A source that can be searched.

    A subclass in a file of this folder is found by itself. Its `kind` is the name in the settings, `options`
    what may stand beside it there, and `short`, if any, the option that `KIND:VALUE` fills.
    """

    kind: ClassVar[str]
    description: ClassVar[str]
    options: ClassVar[type[Options]] = Options
    short: ClassVar[str] = ""

    def __init__(self, name: str, options: Any, around: Surroundings) -> None:
        self.name = name
        self.given = options
        self.around = around

    @abstractmethod
    async def search(self, query: str, k: int = 10) -> list[Found]:
        """Return the best results for a query, best first.

        Args:
            query: A question or key words.
            k: How many results at most.

        Raises:
            VidenceError: typed, like a tool's failures.
        """
