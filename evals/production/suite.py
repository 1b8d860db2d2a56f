"""A data set from use as a suite: its questions through the real graph, over the collections of the runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from evals.production.record import FAMILY, MARK
from evals.production.store import ProductionSet, find_set
from evals.run.registry import OpenSolver, Place, Scorer, Solver, Suite
from evals.run.sample import Output, Sample
from evals.run.scorers import metric_scorer
from evals.solvers.asking import Ask, asker_over
from evals.solvers.bench import Bench, open_bench
from evals.suites.answers import ANSWERED, INVENTED, RIGHT, confidences, said
from graph.services import open_services

if TYPE_CHECKING:
    from knowledge.collections import Collections


def _gold(sample: Sample) -> list[str]:
    return list(sample.target["answers"])


def _short(sample: Sample, output: Output) -> str:
    return said(output)


SCORERS: tuple[Scorer, ...] = (
    RIGHT,
    metric_scorer("token_f1", _short, _gold, judged=False),
    INVENTED,
    ANSWERED,
    confidences("ece"),
    confidences("aurc"),
)


def dataset_suite(ref: str, root: Path) -> Suite:
    """Return the suite of `[dataset:]NAME[@VERSION]`, or of a data set's folder.

    Collections are read where the user has them, as they are now; everything else (images, what was read from
    them) stays in the eval's own folder.

    Raises:
        VidenceError: `not_found`; `invalid_input` when the data set was changed.
    """
    found = find_set(root, ref)

    def load(place: Place) -> Iterable[Sample]:
        return (line.sample for line in found.lines())

    rated = ", ".join(f"{count} {kind or 'other'}" for kind, count in sorted(found.info.kinds.items()))
    return Suite(
        name=f"{MARK}{found.info.name}",
        family=FAMILY,
        description=f"Questions that people rated the answers to, version {found.info.version}: {rated}.",
        load=load,
        open_solver=_over_own_collections(found),
        scorers=SCORERS,
        timeout_s=300.0,
    )


class _LiveBench(Bench):
    """A bench that reads the user's collections, and a data set's images."""

    def __init__(self, bench: Bench, collections: Collections, folder: Path) -> None:
        self.__dict__.update(bench.__dict__)
        self.services = replace(bench.services, collections=collections)
        self._folder = folder

    def path(self, name: str) -> Path:
        """Return where an image of the data set lies."""
        own = self._folder / name
        return own if own.is_file() else super().path(name)


def _versions(found: ProductionSet, collections: Collections) -> dict[str, str]:
    """Return what the collections that the questions search are at: answers of an earlier state are stale."""
    wanted = {str(name) for line in found.lines() for name in line.sample.input["collections"]}
    there = set(collections.names())
    return {name: collections.version(name) if name in there else "" for name in sorted(wanted)}


def _over_own_collections(found: ProductionSet) -> OpenSolver:
    def asking(sample: Sample) -> Ask:
        given = sample.input
        return Ask(given["question"], given["images"], given["collections"], given["profile"])

    @contextmanager
    def opened(place: Place) -> Iterator[Solver]:
        with open_bench(place) as bench:
            live = open_services(place.settings)
            try:
                own = _LiveBench(bench, live.collections, found.folder)
                yield asker_over(own, asking, "ocr", rests_on=_versions(found, live.collections))
            finally:
                live.close()

    return opened
