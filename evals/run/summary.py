"""The last line of a run file: how it ended and its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from core.contracts import Contract
from evals.run.header import Header
from evals.run.sample import Record, Spent, spent
from evals.run.slices import CorpusEnds, CorpusScores, Figure, figures

Stop = Literal["", "time_limit", "token_limit", "cost_limit", "interrupted"]


class Summary(Contract):
    """How a run ended. `stop` is empty when every sample is finished."""

    type: Literal["summary"] = "summary"
    finished: str = Field("", description="ISO 8601, UTC.")
    stop: Stop = ""
    done: int = Field(description="Samples times epochs that are finished.")
    total: int
    seconds: float = Field(0.0, description="Wall time of this part of the run.")
    reused: int = Field(0, description="Finished by an earlier part of the run.")
    cached: int = Field(0, description="Answers taken from the cache.")
    usage: Spent = Spent()
    errors: dict[str, int] = Field(default_factory=dict, description="Failed samples by kind.")
    figures: tuple[Figure, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every sample is finished."""
        return self.done == self.total

    @property
    def failed(self) -> int:
        """How many samples failed."""
        return sum(self.errors.values())


def summarise(
    header: Header,
    records: Sequence[Record],
    *,
    corpus: CorpusScores | None = None,
    ends: CorpusEnds | None = None,
    stop: Stop = "",
    finished: str = "",
    seconds: float = 0.0,
    reused: int = 0,
) -> Summary:
    """Add up a run."""
    kinds = Counter(str(record.error.kind) for record in records if record.error is not None)
    return Summary(
        finished=finished,
        stop=stop,
        done=len(records),
        total=sum(suite.samples for suite in header.suites) * header.epochs,
        seconds=round(seconds, 3),
        reused=reused,
        cached=sum(record.output.cached for record in records),
        usage=spent(records),
        errors=dict(sorted(kinds.items())),
        figures=tuple(figures(header, records, corpus, ends)),
    )
