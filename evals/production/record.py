"""An eval data set from use: its rules, its samples with where they come from, and what was put aside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field

from core.contracts import Contract, ModelRef
from evals.run.sample import Sample

FAMILY = "production"
MARK = "dataset:"
"""What `vidence eval run` and a suite's name begin with."""

Rated = Literal["up", "down", "any"]


class Rules(Contract):
    """Which ratings count."""

    rating: Rated = Field("any", description="up: approved answers; down: corrections; any: both.")
    since: str = Field("", description="Ratings last edited at or after this time, ISO 8601.")
    min_agreement: float = Field(
        0.6, ge=0, le=1, description="Share of those who rated a question that must agree; always over half."
    )
    share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Share of the questions, drawn by hash; the rest may be learned from.",
    )
    exclude_users: tuple[str, ...] = Field((), description="Whose ratings do not count.")


class Lineage(Contract):
    """Where a sample comes from; users by a hash that finds their ratings again, not by name."""

    run_ids: tuple[str, ...]
    users: tuple[str, ...]
    votes_for: int
    votes_against: int
    rated_at: str = Field("", description="The latest of its ratings.")
    corrects: bool = Field(description="Whether people put another answer in place of the agent's.")
    masked: tuple[str, ...] = Field((), description="Kinds of personal data masked in the question.")
    models: dict[str, ModelRef] = Field(default_factory=dict, description="What had answered.")
    prompts: dict[str, str] = Field(default_factory=dict)


class Line(Contract):
    """A line of `samples.jsonl`."""

    sample: Sample
    lineage: Lineage


class PutAside(Contract):
    """A question on which people do not agree. `answers` counts who says so."""

    question: str
    image_sha256: str | None = None
    answers: dict[str, int]


class DatasetInfo(Contract):
    """`dataset.json`: what the data set is, and what became of every rating."""

    name: str
    version: str = Field(description="16 hexadecimal digits over all lines.")
    created_at: str
    samples: int
    kinds: dict[str, int]
    rules: Rules
    ratings: int = Field(description="Ratings that were looked at.")
    aside: dict[str, int] = Field(description="Reason to the number of questions (or ratings) put aside.")
    conflicts: tuple[PutAside, ...] = ()
    trained_on: tuple[str, ...] = Field((), description="`NAME@VERSION` of the training data held against.")

    @property
    def ref(self) -> str:
        """`NAME@VERSION`."""
        return f"{self.name}@{self.version}"


def version_of(lines: Iterable[Line]) -> str:
    """Return 16 hexadecimal digits that name these lines, in whatever order they come."""
    digest = hashlib.sha256()
    for text in sorted(json.dumps(line.model_dump(mode="json"), sort_keys=True) for line in lines):
        digest.update(text.encode())
    return digest.hexdigest()[:16]


def anonymous(user: str) -> str:
    """Return a user as the hash that training data knows them by, too."""
    return hashlib.sha256(f"vidence-user:{user}".encode()).hexdigest()[:12]


def summary_of(info: DatasetInfo) -> dict[str, Any]:
    """Return the record as the command line prints it."""
    return {**info.model_dump(mode="json"), "run": f"vidence eval run {MARK}{info.name}"}
