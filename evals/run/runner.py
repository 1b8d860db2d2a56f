"""Runs suites: in parallel with a limit, each sample alone, everything finished kept at once."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from evals.run.cache import OutputCache, kept_output, output_key
from evals.run.file import Run, RunFile, read_run
from evals.run.header import Code
from evals.run.identity import code_identity
from evals.run.isolate import GRACE_S, answer, score
from evals.run.options import Options, seed_of
from evals.run.prepare import Prepared, Ready, prepared
from evals.run.registry import Place, Suite
from evals.run.sample import Record, Sample, plain, spent
from evals.run.slices import CorpusEnds, CorpusScores
from evals.run.solver import in_thread
from evals.run.summary import Stop, Summary, summarise

T = TypeVar("T")
Progress = Callable[[str, int, int], None]
"""Hears the suite that finished a sample, and how many are done of how many."""

LONGEST_TEXT = 4_000
"""Characters of a text of an input that the run file keeps for people; hashes are of the whole."""


@dataclass(frozen=True)
class _Work:
    ready: Ready
    sample: Sample
    epoch: int

    @property
    def key(self) -> tuple[str, str, int]:
        return self.sample.suite, self.sample.id, self.epoch


def run_suites(
    suites: Sequence[Suite],
    place: Place,
    path: Path,
    options: Options | None = None,
    *,
    progress: Progress | None = None,
    cache: OutputCache | None = None,
    identify: Callable[[], Code] = code_identity,
) -> Run:
    """Run suites into a file, going on where an earlier part of the same run ended. Blocking.

    Ctrl-C and limits end it cleanly: the summary says so, and calling again goes on.

    Args:
        suites: What to run; those that lack something are skipped by name.
        place: Settings and the folder of the public sets.
        path: The run file.
        options: How.
        progress: Hears of finished samples.
        cache: Answers of earlier runs; without it everything is asked.
        identify: Names the code; tests name their own.

    Raises:
        VidenceError: `unavailable` when no suite can run or the file cannot be written, `invalid_input` when
            the file is of another run.
    """
    chosen = options or Options()
    with prepared(suites, place, chosen, identify) as ready:
        file = RunFile(path, ready.header)
        try:
            # The file keeps the header it was begun with: its time is when the run started.
            begun = Prepared(file.header, ready.ready)
            summary = _in_loop(_Execution(begun, file, chosen, progress, cache).run())
        finally:
            file.close()
    run = read_run(path)
    return Run(run.path, run.header, run.records, summary)


class _Execution:
    """One part of a run: what is left to do, what is under way, what was spent."""

    def __init__(
        self,
        prepared: Prepared,
        file: RunFile,
        options: Options,
        progress: Progress | None,
        cache: OutputCache | None,
    ) -> None:
        self._header = prepared.header
        self._ready = prepared.ready
        self._file = file
        self._options = options
        self._progress = progress
        self._cache = cache
        kept = [one for one in file.records if not (options.retry_errors and _failed(one))]
        self._records = {record.key: record for record in kept}
        self._reused = len(kept)
        self._spent = spent(kept)
        self._left = deque(
            work
            for ready in prepared.ready
            for epoch in range(prepared.header.epochs)
            for sample in ready.samples
            if (work := _Work(ready, sample, epoch)).key not in self._records
        )
        self._total = self._reused + len(self._left)

    async def run(self) -> Summary:
        if not self._left and self._file.summary is not None and self._file.summary.complete:
            # Nothing is new: the file stays as it is.
            return self._file.summary.model_copy(update={"reused": self._reused, "seconds": 0.0})
        started = time.monotonic()
        stop = await self._work(started)
        records = sorted(self._records.values(), key=lambda record: record.key)
        # In a thread: measures over all records may take long, and import what they need.
        summary = await in_thread(
            lambda: summarise(
                self._header,
                records,
                corpus=corpus_scores([ready.suite for ready in self._ready]),
                ends=corpus_ends([ready.suite for ready in self._ready]),
                stop=stop,
                finished=datetime.now(UTC).isoformat(timespec="seconds"),
                seconds=time.monotonic() - started,
                reused=self._reused,
            )
        )
        await asyncio.to_thread(self._file.append, summary)
        return summary

    async def _work(self, started: float) -> Stop:
        limits = self._options.limits
        running: dict[asyncio.Task[Record], str] = {}
        try:
            while self._left or running:
                stop = limits.reached(self._spent) if self._left else ""
                while not stop and len(running) < self._options.at_once:
                    work = self._take(Counter(running.values()))
                    if work is None:
                        break
                    running[asyncio.create_task(self._attempt(work))] = work.sample.suite
                if not running:
                    return stop
                left = None if limits.seconds is None else limits.seconds - (time.monotonic() - started)
                done, _ = await asyncio.wait(
                    running,
                    timeout=None if left is None else max(0.0, left),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for task in done:
                    running.pop(task)
                    await self._keep(task.result())
                if not done:
                    return "time_limit"
        except asyncio.CancelledError:
            return "interrupted"
        finally:
            await _cancel(list(running))
        return ""

    def _take(self, busy: Counter[str]) -> _Work | None:
        """Take the first piece of work whose suite, and its lane, may have one more under way."""
        strict = {ready.suite.name for ready in self._ready if ready.suite.undisturbed}
        lanes: Counter[str] = Counter()
        for ready in self._ready:
            lanes[ready.suite.lane or ready.suite.name] += busy[ready.suite.name]
        for place, work in enumerate(self._left):
            most, others = work.ready.suite.at_once, set(busy) - {work.ready.suite.name}
            if others and (work.ready.suite.undisturbed or others & strict):
                continue
            if most is None or lanes[work.ready.suite.lane or work.ready.suite.name] < most:
                del self._left[place]
                return work
        return None

    async def _attempt(self, work: _Work) -> Record:
        suite, sample = work.ready.suite, work.sample
        timeout = self._options.timeout_s or suite.timeout_s
        asked = suite.answers_of or suite
        seed = seed_of(self._header.seed, sample.model_copy(update={"suite": asked.name}), work.epoch)
        about = work.ready.header.model_copy(update={"name": asked.name, "version": asked.version})
        key = output_key(self._header, about, sample, seed, work.ready.pictures)
        cache = self._cache if suite.reuse else None
        output = await asyncio.to_thread(kept_output, cache, key) if cache else None
        if output is None:
            output = await answer(work.ready.solver, sample, seed, timeout)
            if cache and output.error is None:
                await asyncio.to_thread(cache.put, key, output.model_dump(mode="json"))
        scored = await score(suite.scorers, sample, output, timeout)
        shown = sample.model_copy(
            update={
                "input": plain(sample.input, LONGEST_TEXT),
                "target": plain(sample.target),
            }
        )
        return Record(sample=shown, sha256=sample.sha256, epoch=work.epoch, output=output, scored=scored)

    async def _keep(self, record: Record) -> None:
        await asyncio.to_thread(self._file.append, record)
        self._records[record.key] = record
        self._spent += spent([record])
        if self._progress:
            self._progress(record.sample.suite, len(self._records), self._total)


def corpus_scores(suites: Sequence[Suite]) -> CorpusScores:
    """Return what scores records as a whole, by the suites' own scorers; one that fails gives no value."""
    known = {(suite.name, one.metric): one.corpus for suite in suites for one in suite.scorers if one.corpus}

    def of(suite: str, metric: str, records: Sequence[Record]) -> float | None:
        found = known.get((suite, metric))
        try:
            value = found(records) if found else None
        except Exception:  # noqa: BLE001 - the run is done and must get its summary: shown as undefined
            return None
        return None if value is None else plain(float(value))

    return of


def corpus_ends(suites: Sequence[Suite]) -> CorpusEnds:
    """Return the intervals of measures that bring their own; one that fails gives none."""
    known = {(suite.name, one.metric): one.ends for suite in suites for one in suite.scorers if one.ends}

    def of(suite: str, metric: str, records: Sequence[Record]) -> tuple[float | None, float | None] | None:
        found = known.get((suite, metric))
        try:
            return found(records) if found else None
        except Exception:  # noqa: BLE001 - as above
            return None, None

    return of


def _failed(record: Record) -> bool:
    return record.error is not None or any(map(record.scored.failed, record.scored.reasons))


async def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=2 * GRACE_S)


def _in_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine; Ctrl-C cancels it; what ignores being cancelled is left behind.

    `asyncio.run` would wait for such a task, and for threads that hang, without end.
    """
    loop = asyncio.new_event_loop()
    try:
        task = loop.create_task(work)
        if threading.current_thread() is threading.main_thread():
            with contextlib.suppress(NotImplementedError):  # Windows
                loop.add_signal_handler(signal.SIGINT, task.cancel)
        result = loop.run_until_complete(task)
        loop.run_until_complete(_cancel([one for one in asyncio.all_tasks(loop) if not one.done()]))
        return result
    finally:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.remove_signal_handler(signal.SIGINT)
        loop.close()
