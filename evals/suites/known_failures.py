"""Known failures: single samples that once went wrong, asked for ever after.

`known_failures.jsonl` has a line each: `{suite, since, note, sample}`. The sample is one of the named suite,
written out whole, so that it stays when that suite's data changes or is not at hand. It is answered and
scored by that suite's solver and its leading scorer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from core.contracts import Contract, ModelRef
from core.errors import invalid_input
from evals.run.registry import Place, Scorer, Solver, Suite, suites
from evals.run.sample import Output, Sample

FILE = Path(__file__).parent / "known_failures.jsonl"
NAME = "known_failures"
_OF = "of"
"""Key of a sample's input that names the suite that it is of."""


class KnownFailure(Contract):
    """A line of the file."""

    suite: str = Field(description="Whose solver and leading scorer it goes through.")
    since: str = Field(description="The day on which it was found, YYYY-MM-DD.")
    note: str = Field(description="What went wrong, in a sentence.")
    sample: dict[str, Any] = Field(description="`Sample` without suite and family.")


def read_known_failures(path: Path = FILE) -> list[KnownFailure]:
    """Return the lines of the file; a missing or empty one has none.

    Raises:
        VidenceError: `invalid_input`, naming the line.
    """
    if not path.is_file():
        return []
    found: list[KnownFailure] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found.append(KnownFailure.model_validate(json.loads(line)))
        except (ValueError, ValidationError) as error:
            raise invalid_input(
                f"{path.name}, line {number}: {error}",
                help="Write {suite, since, note, sample: {id, input, ...}}.",
            ) from error
    return found


def make_suite(path: Path = FILE, known: Mapping[str, Suite] | None = None) -> Suite:
    """Return the suite of a file.

    Args:
        path: The file.
        known: The suites whose samples may be in it; by default all.
    """

    def by_name() -> Mapping[str, Suite]:
        return known if known is not None else suites().suites

    def load(place: Place) -> Iterator[Sample]:
        for row in read_known_failures(path):
            if row.suite not in by_name() or row.suite == NAME:
                raise invalid_input(
                    f"{path.name}: there is no suite {row.suite}", help="See `vidence eval list`."
                )
            body = {"kind": row.suite, **row.sample}
            yield Sample.model_validate(
                {
                    **body,
                    "id": f"{row.suite}/{body.get('id', '')}",
                    "suite": NAME,
                    "family": NAME,
                    "input": {**body.get("input", {}), _OF: row.suite, "note": row.note},
                }
            )

    @contextmanager
    def opened(place: Place) -> Iterator[_Delegate]:
        with ExitStack() as stack:
            names = sorted({row.suite for row in read_known_failures(path)} & set(by_name()))
            yield _Delegate({name: stack.enter_context(by_name()[name].open_solver(place)) for name in names})

    def passes(sample: Sample, output: Output) -> Any:
        name = sample.input[_OF]
        scorer = by_name()[name].scorers[0]
        if scorer.one is None:
            raise ValueError(f"the leading scorer of {name} scores no single sample")
        return scorer.one(_as_of(sample), output)

    description = "Single samples that once went wrong, through the suites that they are of."
    scorers = (Scorer("score", passes, help="The leading measure of the suite that a sample is of."),)
    return Suite(NAME, NAME, description, load, opened, scorers)


class _Delegate:
    """Hands each sample to the solver of the suite that it is of."""

    def __init__(self, solvers: dict[str, Solver]) -> None:
        self._solvers = solvers
        self.models: dict[str, ModelRef] = {
            f"{name}.{role}": ref for name, solver in solvers.items() for role, ref in solver.models.items()
        }

    async def solve(self, sample: Sample, seed: int) -> Output:
        """Answer by the solver of the sample's suite."""
        return await self._solvers[sample.input[_OF]].solve(_as_of(sample), seed)


def _as_of(sample: Sample) -> Sample:
    name = sample.input[_OF]
    given = {key: value for key, value in sample.input.items() if key not in {_OF, "note"}}
    return sample.model_copy(update={"suite": name, "id": sample.id.removeprefix(f"{name}/"), "input": given})


SUITES = (make_suite(),)
