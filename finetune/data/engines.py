"""Where curation's work per row runs: in this process, or over Ray Data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from core.errors import invalid_input, unavailable
from finetune.data.marks import Engine

Progress = Callable[[str, int, int], None]
_BATCH = 256


class LocalEngine:
    """Batch after batch in this process."""

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress

    def map(
        self, function: Callable[[Sequence[Any]], list[Any]], items: Sequence[Any], stage: str
    ) -> list[Any]:
        """Return the results in the order of the items."""
        results: list[Any] = []
        for start in range(0, len(items), _BATCH):
            results += function(items[start : start + _BATCH])
            if self._progress:
                self._progress(stage, len(results), len(items))
        return results


class RayEngine:
    """Batches over Ray Data: on this machine's cores, or on the cluster that `RAY_ADDRESS` names.

    Raises:
        VidenceError: `unavailable` where Ray is not installed or cannot be started.
    """

    def __init__(self) -> None:
        try:
            import ray
            import ray.data
        except ImportError as error:
            raise unavailable(
                "The engine ray was asked for, and the package ray is not installed",
                help="pip install 'vidence[ray]', or use --engine local.",
                retryable=False,
            ) from error
        self._ray = ray
        if not ray.is_initialized():
            try:
                ray.init(include_dashboard=False, log_to_driver=False, logging_level="error")
            except Exception as error:  # Ray raises whatever its parts raise
                raise unavailable(
                    f"Ray cannot be started: {error}", help="Use --engine local, or check RAY_ADDRESS."
                ) from error

    def map(
        self, function: Callable[[Sequence[Any]], list[Any]], items: Sequence[Any], stage: str
    ) -> list[Any]:
        """Return the results in the order of the items, which travel as pickles."""
        import pickle

        def run(batch: dict[str, Any]) -> dict[str, Any]:
            done = function([pickle.loads(item) for item in batch["item"]])  # noqa: S301 - our own pickles
            return {"at": batch["at"], "done": [pickle.dumps(one) for one in done]}

        context = self._ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        rows = [{"at": at, "item": pickle.dumps(item)} for at, item in enumerate(items)]
        done = self._ray.data.from_items(rows).map_batches(run, batch_size=_BATCH).take_all()
        ordered = sorted(done, key=lambda row: row["at"])
        return [pickle.loads(row["done"]) for row in ordered]  # noqa: S301 - our own pickles


def open_engine(name: str, progress: Progress | None = None) -> Engine:
    """Return the engine of this name; raises `invalid_input` for another, `unavailable` without Ray."""
    if name == "local":
        return LocalEngine(progress)
    if name == "ray":
        return RayEngine()
    raise invalid_input(f"No engine is called `{name}`", help="Use local or ray.")
