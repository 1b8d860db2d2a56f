"""The embedded VLM for suites: a worker of its own, whose answers are kept by picture and weights."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.contracts import ModelRef
from core.errors import VidenceError, unavailable
from evals.run.cache import OutputCache
from evals.run.registry import OpenSolver, Place
from evals.run.sample import Output, Sample, Seen
from evals.solvers.bench import Bench, open_bench
from models.hub import ModelHub
from models.worker import JobRunner, WorkerProcess

_REFUSED = "cannot answer this"


class KeptRunner:
    """Runs jobs, and keeps what the VLM said: other code may change, the weights say the same again.

    What runs the weights is part of the name of a kept answer (`models/vlm_*.py`), and so is the picture's
    hash; what decides whether the model is asked at all is not kept.
    """

    def __init__(self, inner: JobRunner, cache: OutputCache, model: ModelRef) -> None:
        self._inner = inner
        self._cache = cache
        self._model = model
        self._job = f"look {running_code()}"

    async def call(self, job: str, **kwargs: Any) -> Any:
        """Run a job; raises as the runner does."""
        if job != "look":
            return await self._inner.call(job, **kwargs)
        loop = asyncio.get_running_loop()

        def ask() -> Any:
            return asyncio.run_coroutine_threadsafe(self._inner.call(job, **kwargs), loop).result()

        def kept() -> Any:
            pixels = hashlib.sha256(Path(kwargs["path"]).read_bytes()).hexdigest()
            content = {"image": pixels, "question": kwargs["question"]}
            return self._cache.model_call(self._job, self._model, content, ask)

        return await asyncio.to_thread(kept)

    def close(self) -> None:
        """End the worker."""
        self._inner.close()


def running_code() -> str:
    """Return a hash of the code between weights and answer."""
    import models

    digest = hashlib.sha256()
    for path in sorted(Path(models.__file__).parent.glob("vlm_*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def vlm_solver(prepare: Callable[[Bench, Sample], None]) -> OpenSolver:
    """Return what asks the VLM a sample's question about its image, as the tool `look` does.

    The answer holds what it said, its confidence, and why it declined, if so: that is an answer, and wrong.

    Args:
        prepare: Makes the sample's image; blocking.
    """

    @contextmanager
    def opened(place: Place) -> Iterator[_Looker]:
        from models.vlm_shipped import read_manifest

        if place.settings.vlm == "embedded" and read_manifest() is None:
            raise unavailable(
                "This installation ships no embedded VLM", help="Set VIDENCE_VLM.", retryable=False
            )
        with open_bench(place) as bench:
            model = bench.models("vlm")["vlm"]
            # Not in the eval's own folder: the assembled checkpoint (290 MB) is the one that the agent uses.
            cache = OutputCache(place.settings.root / "cache" / "model_calls.sqlite")
            hub = ModelHub(
                place.settings, bench.services.images, runner=KeptRunner(WorkerProcess(), cache, model)
            )
            try:
                yield _Looker(bench, hub, prepare, model)
            finally:
                hub.close()

    return opened


class _Looker:
    def __init__(
        self, bench: Bench, hub: ModelHub, prepare: Callable[[Bench, Sample], None], model: ModelRef
    ) -> None:
        self._bench = bench
        self._hub = hub
        self._prepare = prepare
        self.models = {"vlm": model}

    async def solve(self, sample: Sample, seed: int) -> Output:
        """Ask about the sample's image."""
        await asyncio.to_thread(self._prepare, self._bench, sample)
        image = await self._bench.image(sample.input["images"][0])
        try:
            reply = await self._hub.look([image], sample.input["question"])
        except VidenceError as error:
            if error.kind != "unavailable" or _REFUSED not in error.message:
                raise
            return Output(answer={"short": "", "confidence": 0.0, "declined": error.message})
        return Output(
            answer={"short": reply.short_answer, "confidence": reply.confidence, "declined": ""},
            evidence=(Seen(kind="vlm", text=reply.answer),),
        )
