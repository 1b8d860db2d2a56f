"""One set of services for all suites of a run: the real graph, collections, OCR, charts and embeddings.

They work in a folder of their own below the data folder, named by the code and settings that an index
depends on: an eval never reads what another version indexed, and never touches the user's collections.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from core.contracts import ModelRef
from core.settings import Settings
from evals.run.identity import ROOMS, public_settings
from evals.run.registry import OpenSolver, Place
from evals.run.sample import Output, Sample
from evals.run.solver import FunctionSolver
from graph.services import Services, open_services

T = TypeVar("T")
AsyncAnswer = Callable[[Sample], Awaitable[Output]]
_INDEXING = ("core", "models", "knowledge")
"""Rooms whose code decides what an index holds."""
_KEPT = 3
_lock = threading.Lock()
_open: dict[Path, tuple[Bench, int]] = {}


class Bench:
    """Services of a run.

    Args:
        settings: Settings whose home is the eval's own folder.
        data: The folder of the public sets, or None.
    """

    def __init__(self, settings: Settings, data: Path | None) -> None:
        self.settings = settings
        self.data = data
        self.services: Services = open_services(settings)
        self._once: dict[str, Any] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    @property
    def home(self) -> Path:
        """Where collections, drawings and what was read from images are kept."""
        return self.settings.root

    def once(self, key: str, make: Callable[[], T]) -> T:
        """Return what `make` makes, made once for a key; others wait for it. Blocking."""
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._once:
                self._once[key] = make()
            made: T = self._once[key]
            return made

    def path(self, name: str) -> Path:
        """Return where an image that a sample names is: among the public sets, or among our drawings."""
        if self.data is not None and (self.data / name).is_file():
            return self.data / name
        return self.home.parent.parent / name

    async def image(self, name: str) -> str:
        """Put an image that a sample names into the store, and return its content hash."""
        stored = await asyncio.to_thread(self.services.images.add_path, self.path(name))
        return stored.sha256

    def collection(
        self,
        name: str,
        records: Sequence[Mapping[str, Any]] = (),
        *,
        folder: Path | None = None,
        paths: Sequence[Path] = (),
        kind: Any = "auto",
    ) -> str:
        """Index records, or files, once and return the collection's name. Blocking.

        Args:
            name: What it is called; a hash of the records is added.
            records: Lines `{id, title?, text?, image?}`.
            folder: Where the records' images lie.
            paths: Files and folders to index instead.
            kind: As `vidence index add --kind`.

        Raises:
            VidenceError: As `Collections.add`; `unavailable` while another process indexes the same.
        """
        return self.once(f"collection {name}", lambda: self._index(name, records, folder, paths, kind))

    def _index(
        self,
        name: str,
        records: Sequence[Mapping[str, Any]],
        folder: Path | None,
        paths: Sequence[Path],
        kind: Any,
    ) -> str:
        collections = self.services.collections
        if paths:
            collections.add(name, list(paths), kind=kind)
            return name
        text = "".join(json.dumps(record, sort_keys=True) + "\n" for record in records)
        name = f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
        done = self.home / "input" / name / "done"
        if done.is_file() and name in collections.names():
            return name
        place = done.parent
        place.mkdir(parents=True, exist_ok=True)
        # Images are copied: captions that lie beside them in the data's folder would be indexed too.
        for image in {str(record["image"]) for record in records if "image" in record}:
            (place / image).parent.mkdir(parents=True, exist_ok=True)
            assert folder is not None
            shutil.copyfile(folder / image, place / image)
        (place / "records.jsonl").write_text(text, encoding="utf-8")
        collections.add(name, [place / "records.jsonl"])
        done.touch()
        return name

    def models(self, *roles: str) -> dict[str, ModelRef]:
        """Return the models of roles, as a run file records them. Blocking: it hashes weights."""
        found = {}
        for role in roles:
            if role == "embeddings":
                embedder = self.services.models.embedder()
                found[role] = ModelRef(name=embedder.name, hash=embedder.hash)
            elif role == "ocr":
                from models.ocr import OCR_VERSION

                found[role] = ModelRef(name="rapidocr", hash=OCR_VERSION)
            else:
                found[role] = self.once(f"model {role}", partial(_model, self.services, role))
        return found


def _model(services: Services, role: str) -> ModelRef:
    return asyncio.run(services.models.refs())[role]


@contextmanager
def open_bench(place: Place) -> Iterator[Bench]:
    """Open the services of a place, or share those that are open."""
    home = eval_home(place.settings)
    with _lock:
        bench, users = _open.get(home) or (_new(place, home), 0)
        _open[home] = bench, users + 1
    try:
        yield bench
    finally:
        with _lock:
            bench, users = _open[home]
            if users > 1:
                _open[home] = bench, users - 1
            else:
                del _open[home]
                bench.services.close()


def _new(place: Place, home: Path) -> Bench:
    home.mkdir(parents=True, exist_ok=True)
    home.touch()
    for old in sorted(home.parent.iterdir(), key=lambda one: -one.stat().st_mtime)[_KEPT:]:
        if old != home and len(old.name) == len(home.name):
            shutil.rmtree(old, ignore_errors=True)
    settings = place.settings.model_copy(update={"home": home, "dense_url": ""})
    return Bench(settings, place.data)


def eval_home(settings: Settings) -> Path:
    """Return the folder of evals of this code and these settings, below the data folder."""
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256(json.dumps(public_settings(settings), sort_keys=True).encode())
    for room in _INDEXING:
        assert room in ROOMS
        for path in sorted((root / room).rglob("*.py")):
            digest.update(path.read_bytes())
    return settings.root / "evals" / digest.hexdigest()[:16]


class _AsyncSolver:
    def __init__(self, answer: AsyncAnswer, models: Mapping[str, ModelRef]) -> None:
        self._answer = answer
        self.models = models

    async def solve(self, sample: Sample, seed: int) -> Output:
        """Answer without a thread of its own."""
        return await self._answer(sample)


def async_solver(make: Callable[[Bench], AsyncAnswer], *roles: str) -> OpenSolver:
    """Return what opens a solver that awaits; like `bench_solver` otherwise."""

    @contextmanager
    def opened(place: Place) -> Iterator[_AsyncSolver]:
        with open_bench(place) as bench:
            yield _AsyncSolver(make(bench), bench.models(*roles))

    return opened


def bench_solver(make: Callable[[Bench], Callable[[Sample, int], Output]], *roles: str) -> OpenSolver:
    """Return what opens a blocking solver over a bench.

    Args:
        make: Prepares (indexes, loads) and returns what answers one sample.
        roles: The models that it uses.
    """

    @contextmanager
    def opened(place: Place) -> Iterator[FunctionSolver]:
        with open_bench(place) as bench:
            answer = make(bench)
            yield FunctionSolver(answer, bench.models(*roles))

    return opened
