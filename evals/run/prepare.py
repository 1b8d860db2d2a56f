"""Everything a run needs before its first sample: suites at hand, their samples, solvers and the header."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from agents.prompts import prompt_versions
from core.errors import VidenceError, unavailable
from evals.run.header import Code, Header, Skip, SuiteHeader, suite_header
from evals.run.identity import code_identity, public_settings
from evals.run.options import Options, draw
from evals.run.pictures import IMAGES, picture_hashes
from evals.run.registry import Place, Solver, Suite
from evals.run.sample import Sample, content_hash


@dataclass(frozen=True)
class Ready:
    """A suite with its samples and an open solver."""

    suite: Suite
    samples: list[Sample]
    solver: Solver
    header: SuiteHeader
    pictures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """A run that can begin."""

    header: Header
    ready: tuple[Ready, ...]


@contextmanager
def prepared(
    suites: Sequence[Suite], place: Place, options: Options, identify: Callable[[], Code] = code_identity
) -> Iterator[Prepared]:
    """Load samples and open solvers; close these at the end. Blocking.

    A suite whose public set is missing or lacks a file, whose solver cannot be opened for want of a package,
    or that has no samples is skipped, and the header names it.

    Raises:
        VidenceError: `unavailable` when no suite is left, naming what each one lacks; what a loader raises.
    """
    with ExitStack() as stack:
        ready: list[Ready] = []
        skipped: list[Skip] = []
        for suite in suites:
            found = _open(suite, place, options, stack)
            if isinstance(found, Skip):
                skipped.append(found)
            else:
                ready.append(found)
        if not ready:
            reasons = "; ".join(f"{skip.suite}: {skip.reason}" for skip in skipped)
            raise unavailable(
                f"No suite can run: {reasons}",
                help="Give --data DIR (or VIDENCE_DATA) with the public sets, or install what is missing.",
                retryable=False,
            )
        header = Header(
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            code=identify(),
            settings=public_settings(place.settings),
            prompts=prompt_versions(),
            suites=tuple(one.header for one in ready),
            skipped=tuple(skipped),
            epochs=options.epochs,
            seed=options.seed,
            limit=options.limit,
            data=str(place.data or ""),
        )
        yield Prepared(header, tuple(ready))


def _open(suite: Suite, place: Place, options: Options, stack: ExitStack) -> Ready | Skip:
    def skip(reason: str, needs: str = "") -> Skip:
        return Skip(suite=suite.name, family=suite.family, needs=needs, reason=reason)

    found, lack = suite.at_hand(place)
    if lack:
        return skip(lack, suite.missing(place))
    samples = draw(found, options.limit)
    if not samples:
        return skip("it has no samples yet")
    try:
        solver = stack.enter_context(suite.open_solver(place))
        if suite.open_scorers is not None:
            opened = stack.enter_context(suite.open_scorers(place))
            suite = replace(suite, scorers=(*suite.scorers, *opened))
    except VidenceError as error:
        if error.kind != "unavailable":
            raise
        return skip(error.message)
    pictures = picture_hashes(samples, place.data)
    rests_on = dict(getattr(solver, "rests_on", {}))
    if pictures:
        rests_on[IMAGES] = content_hash(pictures)
    header = suite_header(suite, samples, solver.models, rests_on)
    return Ready(suite, samples, solver, header, pictures)
