"""Finding source code: the files that a request is about.

`own_code` asks about this project's own source as it stands, in words of a user. `transformers_commits` are
commits of a public library, asked by their subject alone.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from core.errors import unavailable
from evals.run.identity import ROOMS
from evals.run.registry import OpenSolver, Place, suite
from evals.run.sample import Output, Sample
from evals.run.scorers import metric_scorer
from evals.solvers.bench import Bench, bench_solver
from evals.suites.rows import own, public

_ROOT = Path(__file__).resolve().parents[2]
_PREFIX = "src/transformers/"
_FOUND = 10
_ROOMS_ASKED = tuple(room for room in ROOMS if room != "evals")
"""The suites are left out: their rows hold the questions."""


def file_solver(name: str, place: Callable[[], tuple[Path, list[Path]]]) -> OpenSolver:
    """Return what searches source as `vidence search` does; the answer is paths, best first.

    Args:
        name: The collection.
        place: Returns what paths are counted from, and the folders to index.
    """

    def prepare(bench: Bench) -> Callable[[Sample, int], Output]:
        root, folders = place()
        collection = bench.collection(name, paths=folders, kind="code")
        collections = bench.services.collections

        def answer(sample: Sample, seed: int) -> Output:
            query = sample.input["question"]
            hits = collections.search_many(collection, [query], _FOUND, by_document=True)[0]
            return Output(answer=[_below(root, hit.source) for hit in hits if hit.score > 0])

        return answer

    return bench_solver(prepare, "embeddings")


def _below(root: Path, source: str) -> str:
    path = Path(source)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else source


@suite(
    "own_code",
    family="code",
    open_solver=file_solver("own-code", lambda: (_ROOT, [_ROOT / room for room in _ROOMS_ASKED])),
    scorers=(
        metric_scorer("recall@5"),
        metric_scorer("mrr", judged=False),
        metric_scorer("hit@1", judged=False),
    ),
)
def own_code(place: Place) -> Iterator[Sample]:
    """Questions in our own words about this project's source: the files that do it."""
    for row in own("code_questions.jsonl"):
        if all((_ROOT / file).is_file() for file in row["files"]):
            yield Sample(
                id=row["id"],
                suite="own_code",
                family="code",
                kind=row["files"][0].split("/")[0],
                modality="text",
                source="own",
                input={"question": row["question"]},
                target=row["files"],
            )


def package_folder(name: str) -> Path:
    """Return the folder of an installed package, without importing it.

    Raises:
        VidenceError: `unavailable` when it is not installed.
    """
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise unavailable(
            f"The package {name} is not installed", help="Run `make setup-ml`.", retryable=False
        )
    return Path(next(iter(found.submodule_search_locations)))


def package_files(row: Mapping[str, Any]) -> set[str]:
    """Return the files that a commit of the library changed, from the package's folder."""
    return {path.removeprefix(_PREFIX) for path in row["gold_files"]}


def names_file(subject: str, files: Iterable[str]) -> bool:
    """Whether a subject names one of the files, with or without its ending."""
    lowered = subject.lower()
    return any(Path(path).stem.lower() in lowered for path in files if Path(path).stem != "__init__")


def _transformers() -> tuple[Path, list[Path]]:
    return package_folder("transformers"), [package_folder("transformers")]


@suite(
    "transformers_commits",
    family="code",
    needs="transformers_corpus",
    open_solver=file_solver("transformers", _transformers),
    scorers=(metric_scorer("recall@10"), metric_scorer("mrr", judged=False)),
)
def transformers_commits(place: Place) -> Iterator[Sample]:
    """Which files a commit changed, from its subject alone, over the installed transformers package."""
    if importlib.util.find_spec("transformers") is None:
        return
    root = package_folder("transformers")
    for row in public(place, "transformers_corpus/commit_to_file_dev.jsonl"):
        held = sorted(path for path in package_files(row) if (root / path).is_file())
        if held:
            yield Sample(
                id=row["id"],
                suite="transformers_commits",
                family="code",
                kind="names a file" if names_file(row["query"], held) else "names none",
                modality="text",
                source="transformers",
                input={"question": row["query"]},
                target=held,
            )


SUITES = (own_code, transformers_commits)
