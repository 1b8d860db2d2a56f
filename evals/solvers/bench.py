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
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

from core.contracts import ModelRef
from core.settings import Settings
from evals.run.identity import ROOMS, public_settings
from evals.run.registry import OpenSolver, Place
from evals.run.sample import Output, Sample
from evals.run.solver import FunctionSolver
from evals.solvers.closed import closed_registry
from graph.services import Services, open_services
from models.kept import keeping

T = TypeVar("T")
Progress = Callable[[str, int, int], None]
AsyncAnswer = Callable[[Sample], Awaitable[Output]]
_INDEXING = ("core", "models", "knowledge")
"""Rooms whose code decides what an index holds."""
_KEPT = 3
_IMAGE_WORKERS = 2
"""One for each lane of suites that read images (`Suite.lane`)."""
_lock = threading.Lock()
_open: dict[Path, tuple[Bench, int]] = {}


class Bench:
    """Services of a run.

    Args:
        settings: Settings whose home is the eval's own folder.
        data: The folder of the public sets, or None.
        vectors: The file of vectors that all versions of the code share; without one all are made.
        progress: Hears of indexing: what, how much of how much.
    """

    def __init__(
        self,
        settings: Settings,
        data: Path | None,
        vectors: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.settings = settings
        self.data = data
        self.services: Services = open_services(
            settings, registry=closed_registry(), wrap_embedder=keeping(vectors) if vectors else None
        )
        self._progress = progress
        self._once: dict[str, Any] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._asked_for: list[str] = []
        self._contents: dict[str, str] = {}

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
            name: What it is called; a hash of the records and of their images is added.
            records: Lines `{id, title?, text?, image?}`.
            folder: Where the records' images lie; needed when they have some.
            paths: Files and folders to index instead.
            kind: As `vidence index add --kind`.

        Raises:
            VidenceError: As `Collections.add`; `unavailable` while another process indexes the same.
        """
        made = self.once(f"collection {name}", lambda: self._index(name, records, folder, paths, kind))
        self._asked_for.append(made)
        return made

    @contextmanager
    def noting(self) -> Iterator[dict[str, str]]:
        """Note which collections are asked for, each with what names its content; filled in at the end.

        Suites are opened one after another, so that what is noted is of one suite.
        """
        first, noted = len(self._asked_for), dict[str, str]()
        yield noted
        noted.update({name: self._contents[name] for name in self._asked_for[first:]})

    def _index(
        self,
        name: str,
        records: Sequence[Mapping[str, Any]],
        folder: Path | None,
        paths: Sequence[Path],
        kind: Any,
    ) -> str:
        collections = self.services.collections
        told = self._telling(name)
        if paths:
            seen = self.home / "input" / name / "done"
            state = _state_of(paths)
            self._contents[name] = _content_of(paths)
            if not (name in collections.names() and seen.is_file() and seen.read_text() == state):
                collections.add(name, list(paths), kind=kind, progress=told)
                seen.parent.mkdir(parents=True, exist_ok=True)
                seen.write_text(state)
            return name
        text = "".join(json.dumps(record, sort_keys=True) + "\n" for record in records)
        images = {
            str(record["image"]): folder / str(record["image"])
            for record in records
            if "image" in record and folder
        }
        pixels = "".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in images.values())
        digest = hashlib.sha256((text + pixels).encode()).hexdigest()
        name = f"{name}-{digest[:10]}"
        self._contents[name] = digest
        done = self.home / "input" / name / "done"
        if done.is_file() and name in collections.names():
            return name
        place = done.parent
        place.mkdir(parents=True, exist_ok=True)
        # Images are copied: captions that lie beside them in the data's folder would be indexed too.
        for image, path in images.items():
            (place / image).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place / image)
        (place / "records.jsonl").write_text(text, encoding="utf-8")
        collections.add(name, [place / "records.jsonl"], progress=told)
        done.touch()
        return name

    def _telling(self, name: str) -> Progress | None:
        progress = self._progress
        if progress is None:
            return None
        return lambda stage, done, total: progress(f"indexing {name} ({stage})", done, total)

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


def _state_of(paths: Sequence[Path]) -> str:
    """Return a hash of which files there are, how long and of when: the same when none has changed."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*") if path.is_dir() else [path]):
            if file.is_file() and "__pycache__" not in file.parts:
                found = file.stat()
                digest.update(f"{file}|{found.st_size}|{found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _content_of(paths: Sequence[Path]) -> str:
    """Return a hash of names and contents, the same wherever and whenever the files were written."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*") if path.is_dir() else [path]):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(path.parent)}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


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
    # Run files and what all versions share lie beside them, under names of other lengths.
    homes = [one for one in home.parent.iterdir() if one.is_dir() and len(one.name) == len(home.name)]
    for old in sorted(homes, key=lambda one: -one.stat().st_mtime)[_KEPT:]:
        if old != home:
            shutil.rmtree(old, ignore_errors=True)
    # Several samples are under way: the threads of one reading would only wait for each other, and spin.
    shared = {"home": home, "dense_url": "", "ocr_threads": 1, "image_workers": _IMAGE_WORKERS}
    settings = place.settings.model_copy(update=shared)
    _share_what_was_read(home)
    vectors = place.settings.root / "cache" / "vectors.sqlite"
    return Bench(settings, place.data, vectors, place.progress)


def _share_what_was_read(home: Path) -> None:
    """Let all versions of the code share what OCR read: it is kept by image and by OCR's own version."""
    shared = home.parent / "read_text"
    shared.mkdir(exist_ok=True)
    (home / "cache").mkdir(exist_ok=True)
    # Where links are not allowed, each version reads for itself.
    with suppress(OSError):
        (home / "cache" / "read_text").symlink_to(shared, target_is_directory=True)


def eval_home(settings: Settings) -> Path:
    """Return the folder of evals of this code and these settings, below the data folder."""
    digest = hashlib.sha256(json.dumps(public_settings(settings), sort_keys=True).encode())
    digest.update(_indexing_code())
    return settings.root / "evals" / digest.hexdigest()[:16]


@cache
def _indexing_code() -> bytes:
    """Return a hash of the code of this process; every suite asks for it, and it stays."""
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for room in _INDEXING:
        assert room in ROOMS
        for path in sorted((root / room).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.digest()


class _AsyncSolver:
    def __init__(
        self, answer: AsyncAnswer, models: Mapping[str, ModelRef], rests_on: Mapping[str, str]
    ) -> None:
        self._answer = answer
        self.models = models
        self.rests_on = rests_on

    async def solve(self, sample: Sample, seed: int) -> Output:
        """Answer without a thread of its own."""
        return await self._answer(sample)


def async_solver(make: Callable[[Bench], AsyncAnswer], *roles: str) -> OpenSolver:
    """Return what opens a solver that awaits; like `bench_solver` otherwise."""

    @contextmanager
    def opened(place: Place) -> Iterator[_AsyncSolver]:
        with open_bench(place) as bench:
            with bench.noting() as noted:
                answer = make(bench)
            yield _AsyncSolver(answer, bench.models(*roles), noted)

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
            with bench.noting() as noted:
                answer = make(bench)
            yield FunctionSolver(answer, bench.models(*roles), noted)

    return opened
