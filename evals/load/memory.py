"""Memory of a process of its own that answers questions, and of its worker.

`measure_memory` starts it, so that nothing which this process has loaded is counted. The child reads its
order as JSON on stdin and prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from core.errors import VidenceError
from core.settings import Settings

_SAMPLE_S = 0.02
_MB = 1e6
_LAST = 800


def measure_memory(settings: Settings, asks: Sequence[dict[str, Any]], timeout_s: float) -> dict[str, Any]:
    """Answer questions in a fresh process and return its memory in MB. Blocking.

    Args:
        settings: Of an open bench, whose folder the process reads.
        asks: The fields of `Ask`; their collections and pictures must be there.
        timeout_s: The process is ended after so long.

    Returns:
        `peak_mb` and `steady_mb` (at the end) of the process, `worker_peak_mb` and `worker_steady_mb` of its
        children, `opened_mb` before the first question, `half_mb` after half of them, and `questions`.

    Raises:
        VidenceError: `timeout`, or `internal` with what the process said last.
    """
    order = {"settings": settings.model_dump(mode="json"), "asks": list(asks)}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "evals.load.memory"],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise VidenceError("timeout", f"The measured process took over {timeout_s:.0f} s") from error
    try:
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError) as error:
        said = done.stderr.strip()[-_LAST:]
        raise VidenceError("internal", f"The measured process failed: {said}") from error
    return found


class _Watch:
    """Samples the memory of this process and of its children; a peak of less than a sample is missed."""

    def __init__(self) -> None:
        import psutil  # type: ignore[import-untyped]

        self._process = psutil.Process()
        self._missing = psutil.NoSuchProcess
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.peak, self.worker_peak = 0.0, 0.0

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def now(self) -> tuple[float, float]:
        """Return the resident MB of the process, and of its children together."""
        workers = 0
        for child in self._process.children(recursive=True):
            try:
                workers += child.memory_info().rss
            except self._missing:
                continue
        return self._process.memory_info().rss / _MB, workers / _MB

    def _run(self) -> None:
        while not self._stop.wait(_SAMPLE_S):
            own, workers = self.now()
            self.peak, self.worker_peak = max(self.peak, own), max(self.worker_peak, workers)


def _child() -> dict[str, Any]:
    from evals.load.inprocess import Runner
    from evals.solvers.asking import Ask
    from evals.solvers.bench import Bench
    from evals.suites.personas import offline

    order = json.loads(sys.stdin.read())
    asks = [Ask(**one) for one in order["asks"]]
    bench = Bench(Settings.model_validate(order["settings"]), None)
    with _Watch() as watch, closing(bench.services):
        opened, _ = watch.now()

        async def ask_all() -> tuple[float, tuple[float, float]]:
            runner = Runner(offline(bench))
            for asked in asks[: len(asks) // 2]:
                await runner.run(asked)
            half, _ = watch.now()
            for asked in asks[len(asks) // 2 :]:
                await runner.run(asked)
            return half, watch.now()

        half, (steady, worker) = asyncio.run(ask_all())
    return {
        "questions": len(asks),
        "opened_mb": opened,
        "half_mb": half,
        "steady_mb": steady,
        "peak_mb": max(watch.peak, steady),
        "worker_steady_mb": worker,
        "worker_peak_mb": max(watch.worker_peak, worker),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_child()) + "\n")
