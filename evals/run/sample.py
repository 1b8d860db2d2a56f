"""The contracts of a run: what is asked, what came back, and what it scored."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import Field, FiniteFloat

from core.contracts import Box, Contract
from core.errors import ErrorKind

SampleErrorKind = ErrorKind | Literal["bug", "undefined"]
"""`bug`: what was raised is no `VidenceError`; `undefined`: a score has no value."""


class UndefinedScoreError(Exception):
    """Raised by a scorer whose measure has no value for a sample, with the reason."""


class Sample(Contract):
    """One question of a suite. What is not said stays empty, and no slice is made of it."""

    id: str = Field(min_length=1, description="Unique in its suite.")
    suite: str
    family: str
    kind: str = ""
    modality: str = ""
    difficulty: str = ""
    source: str = ""
    language: str = Field("", description="ISO 639-1, where a suite asks in several.")
    group: str = Field("", description="What samples share that are not independent; empty: its own id.")
    input: dict[str, Any] = Field(description="What the solver sees; `images` are paths, if there are any.")
    target: Any = Field(None, description="What the scorers compare with; the solver never sees it.")

    @property
    def unit(self) -> str:
        """What a bootstrap draws."""
        return self.group or self.id

    @property
    def sha256(self) -> str:
        """Names input and target: two runs compare a sample only when they agree on it."""
        return content_hash([self.suite, self.id, self.input, self.target])


class SampleError(Contract):
    """Why a sample has no answer, or no score."""

    kind: SampleErrorKind
    message: str
    where: Literal["solver", "scorer"] = "solver"


class Seen(Contract):
    """A piece of evidence of an answer, as the report shows it. `box` is in pixels of `image`."""

    id: str = ""
    kind: str = ""
    text: str = ""
    image: str = Field("", description="One of the sample's `images`; empty: the first one.")
    box: Box | None = None


class Spent(Contract):
    """What a sample cost. `cost` is in the currency of the price settings."""

    tokens_in: int = Field(0, ge=0)
    tokens_out: int = Field(0, ge=0)
    calls: int = Field(0, ge=0)
    cost: float = Field(0.0, ge=0)

    def __add__(self, other: Spent) -> Spent:
        """Add two spends field by field."""
        mine, theirs = self.model_dump(), other.model_dump()
        return Spent(**{name: mine[name] + theirs[name] for name in mine})


class Output(Contract):
    """What a solver gave. `ms` is its wall time in milliseconds; `cached` when it was not asked again."""

    answer: Any = None
    evidence: tuple[Seen, ...] = ()
    usage: Spent = Spent()
    error: SampleError | None = None
    ms: float = 0.0
    cached: bool = False


class Scored(Contract):
    """The scores of a sample. None is a score that is not defined for it: counted, never averaged."""

    sample_id: str
    scores: dict[str, FiniteFloat | None] = Field(default_factory=dict)
    error: SampleError | None = None
    reasons: dict[str, SampleError] = Field(
        default_factory=dict, description="By measure: why it has no score, although the sample is fine."
    )

    def failed(self, metric: str) -> SampleError | None:
        """Return why a measure alone failed, if it did; one that is merely undefined did not."""
        reason = self.reasons.get(metric)
        return None if reason is None or reason.kind == "undefined" else reason


class Record(Contract):
    """A line of the run file: one sample in one epoch, finished."""

    type: Literal["sample"] = "sample"
    sample: Sample
    sha256: str = Field(description="Of the whole sample; the one here may have long texts cut.")
    epoch: int = Field(0, ge=0)
    output: Output
    scored: Scored

    @property
    def key(self) -> tuple[str, str, int]:
        """Which piece of work this finishes."""
        return self.sample.suite, self.sample.id, self.epoch

    @property
    def error(self) -> SampleError | None:
        """Why it has no score, if so."""
        return self.output.error or self.scored.error

    def failure(self, metric: str) -> SampleError | None:
        """Return why it has no such score: the sample failed, or the measure alone did."""
        return self.error or self.scored.failed(metric)


def spent(records: Iterable[Record]) -> Spent:
    """Add up what records cost; answers from the cache cost nothing."""
    return sum((record.output.usage for record in records if not record.output.cached), Spent())


def content_hash(value: Any) -> str:
    """Return the SHA-256 of a JSON value, the same for the same content in any order of keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def plain(value: Any, longest: int | None = None) -> Any:
    """Return a value as JSON that any file can hold: no lone surrogates, no NaN, texts cut if asked.

    Raises:
        TypeError: It is no JSON, an object of some class for example.
    """
    if isinstance(value, str):
        clean = value.encode("utf-8", "replace").decode()
        return clean if longest is None or len(clean) <= longest else f"{clean[:longest]}..."
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(plain(str(key))): plain(one, longest) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one, longest) for one in value]
    raise TypeError(f"{type(value).__name__} is no JSON value")
