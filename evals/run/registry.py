"""Suites: a task is data, a solver and scorers. `evals/suites` declares each in a file and lists them.

A suite's file imports nothing heavy: data loads when a run starts, a solver's models when it is opened.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from core.contracts import ModelRef
from core.errors import VidenceError, invalid_input, not_found
from core.settings import Settings
from evals.run.sample import Output, Record, Sample

ALL = "all"
ANY_SET = "(any of them)"
"""What a suite needs that is ours but so large that it runs only beside public sets."""


@dataclass(frozen=True)
class Place:
    """Where a run takes place. `data` is the folder of the public sets, or None without them.

    `progress` hears of what takes long before the first sample: what, how much of how much.
    """

    settings: Settings
    data: Path | None = None
    progress: Callable[[str, int, int], None] | None = field(default=None, compare=False)


class Solver(Protocol):
    """Answers samples; open for one run. It sees the input and never the target.

    One that searches has `rests_on` too: its collections by name, each with what names its content. When
    that changes, kept answers are not used, and a run does not go on.
    """

    @property
    def models(self) -> Mapping[str, ModelRef]:
        """The models it uses by role, as the run file records them."""
        ...

    async def solve(self, sample: Sample, seed: int) -> Output:
        """Answer one sample. What it raises is recorded as that sample's error."""
        ...


OpenSolver = Callable[[Place], AbstractContextManager[Solver]]
ScoreOne = Callable[[Sample, Output], Awaitable[float | None] | float | None]
ScoreAll = Callable[[Sequence[Record]], float | None]
Ends = Callable[[Sequence[Record]], tuple[float | None, float | None]]


@dataclass(frozen=True)
class Scorer:
    """A measure of a suite.

    Attributes:
        metric: Its name, the same in every suite that measures the same thing.
        one: Scores one sample; None where the measure is not defined for it.
        corpus: Scores all records at once, for measures that are no mean (BLEU, CIDEr, calibration error).
        higher_is_better: The direction.
        version: Changes whenever the same answer may score otherwise.
        judged: Whether the gate compares it. Measures that follow from another one need not be.
        alone: Whether its failure is its own: an error of this measure, not of the sample. Such scorers
            run at the same time.
        ends: Of a corpus measure: its own 95% interval, where a jackknife would not do (quantiles). Such a
            measure is not judged.
        help: What it says, in a sentence.
    """

    metric: str
    one: ScoreOne | None = None
    corpus: ScoreAll | None = None
    higher_is_better: bool = True
    version: str = "1"
    judged: bool = True
    alone: bool = False
    ends: Ends | None = None
    help: str = ""

    def __post_init__(self) -> None:
        """Check that it scores in exactly one way."""
        if (self.one is None) == (self.corpus is None):
            raise ValueError(f"{self.metric}: give `one` or `corpus`")
        if self.ends is not None and (self.corpus is None or self.judged):
            raise ValueError(f"{self.metric}: only a corpus measure that is not judged has its own interval")


@dataclass(frozen=True)
class Suite:
    """A task.

    Attributes:
        name: Unique.
        family: What it measures, in one word; gates judge families.
        description: One sentence.
        load: Yields its samples.
        open_solver: Opens what answers them.
        scorers: The first one leads.
        version: Changes whenever results stop being comparable.
        needs: A folder of the public sets; where it is missing the suite is skipped, by that name.
        timeout_s: Seconds that one sample may take.
        reuse: Whether an answer may be taken from the cache; not where time itself is measured.
        at_once: So many samples at a time at most, whatever the run allows; None: no limit of its own.
        lane: What its samples wait for (a worker process): suites of one lane share their `at_once`. Reading
            has two, and as many workers: one alone was the last to end while a core stood idle.
        undisturbed: Whether no sample of another suite may be under way: where time and memory are measured.
        open_scorers: Opens scorers that need something of the place (a judge, embeddings), after `scorers`.
        lacks: Says in a sentence what else is missing there (a package, a setting), or an empty string.
        answers_of: A suite with the same solver, ids and inputs: its kept answers are used.
    """

    name: str
    family: str
    description: str
    load: Callable[[Place], Iterable[Sample]]
    open_solver: OpenSolver
    scorers: tuple[Scorer, ...]
    version: str = "1"
    needs: str | None = None
    timeout_s: float = 120.0
    reuse: bool = True
    at_once: int | None = None
    lane: str = ""
    undisturbed: bool = False
    open_scorers: Callable[[Place], AbstractContextManager[Sequence[Scorer]]] | None = None
    lacks: Callable[[Place], str] | None = None
    answers_of: Suite | None = None

    def lack(self, place: Place) -> str:
        """Return why it cannot run here, in a sentence, or an empty string."""
        missing = self.missing(place)
        if missing:
            return f"the public set {missing} is not there"
        return self.lacks(place) if self.lacks else ""

    def missing(self, place: Place) -> str:
        """Return the name of the public set that it needs and that is not there, or an empty string."""
        if self.needs is None or (place.data is not None and (place.data / self.needs).is_dir()):
            return ""
        if self.needs == ANY_SET and place.data is not None and place.data.is_dir():
            return ""
        return self.needs

    def at_hand(self, place: Place) -> tuple[list[Sample], str]:
        """Return the samples, or none and why it cannot run here: a public set may lack a file.

        Raises:
            VidenceError: As `samples`, for any other fault.
        """
        lack = self.lack(place)
        if lack:
            return [], lack
        try:
            return self.samples(place), ""
        except (VidenceError, FileNotFoundError) as error:
            gone = isinstance(error.__cause__ or error, FileNotFoundError)
            if self.needs is None or not (gone or getattr(error, "kind", "") == "not_found"):
                raise
            return [], f"the public set {self.needs} is not whole: {error}"

    def samples(self, place: Place) -> list[Sample]:
        """Load and check the samples.

        Raises:
            VidenceError: `invalid_input` when two samples have one id or belong elsewhere.
        """
        rows = list(self.load(place))
        seen: set[str] = set()
        for row in rows:
            if row.id in seen or row.suite != self.name or row.family != self.family:
                raise invalid_input(
                    f"Suite {self.name}: sample {row.id} comes twice, or names another suite or family",
                    help="Mend the suite's loader.",
                )
            seen.add(row.id)
        return rows


def suite(
    name: str, *, family: str, open_solver: OpenSolver, scorers: Iterable[Scorer], **options: Any
) -> Callable[[Callable[[Place], Iterable[Sample]]], Suite]:
    """Make a suite of the function that loads its data; the function's docstring describes it.

    The options are those of `Suite`.
    """

    def of(load: Callable[[Place], Iterable[Sample]]) -> Suite:
        description = " ".join((load.__doc__ or "").split())
        return Suite(name, family, description, load, open_solver, tuple(scorers), **options)

    return of


@dataclass(frozen=True)
class Registry:
    """Suites by name."""

    suites: Mapping[str, Suite] = field(default_factory=dict)

    @classmethod
    def of(cls, suites: Iterable[Suite]) -> Registry:
        """Collect suites; raises `ValueError` for a name that comes twice."""
        found: dict[str, Suite] = {}
        for one in suites:
            if one.name in found:
                raise ValueError(f"two suites are called {one.name}")
            found[one.name] = one
        return cls(found)

    def __iter__(self) -> Iterator[Suite]:
        """Yield the suites in order."""
        return iter(self.suites.values())

    def pick(self, names: Sequence[str]) -> list[Suite]:
        """Return the suites of names and families, each once, in the registry's order.

        Raises:
            VidenceError: `not_found` for a name that is neither.
        """
        wanted: set[str] = set()
        for name in names:
            found = {one.name for one in self if name in (ALL, one.name, one.family)}
            if not found:
                known = sorted({ALL, *self.suites, *(one.family for one in self)})
                raise not_found(
                    f"There is no suite or family called {name}", help=f"Known: {', '.join(known)}."
                )
            wanted |= found
        return [one for one in self if one.name in wanted]


def suites() -> Registry:
    """Return every suite of `evals/suites`, in the order of its list."""
    from evals.suites import MODULES

    found: list[Suite] = []
    for module in MODULES:
        found += importlib.import_module(f"evals.suites.{module}").SUITES
    return Registry.of(found)
