"""Makes a data set of made items: in parts that survive a kill, on one or several threads, always the same."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from core.contracts import Contract
from core.errors import VidenceError, invalid_input
from finetune.data.dataset import Dataset, parse_row, write_whole
from finetune.data.lines import file_lines
from finetune.data.rows import DatasetRecord, Step, TrainRow
from finetune.synth.balance import balanced
from finetune.synth.made import Maker, MakerFactory, to_rows

PART = 32
_FATAL = {"unavailable", "rate_limited"}
Progress = Callable[[int, int], None]


class SynthReport(Contract):
    """What a run made."""

    record: DatasetRecord
    folder: str
    made: int
    reused: int
    skipped: dict[str, int]
    left_out: int


def synthesise(
    dataset: Dataset,
    name: str,
    factory: MakerFactory,
    count: int,
    options: Mapping[str, Any],
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> SynthReport:
    """Make items 0 to `count` - 1 and write the data set.

    Finished parts are kept in `.parts` while the run goes on: the same call after a kill goes on from there. The
    rows do not depend on the number of workers, nor on where a run was cut.

    Args:
        dataset: Where to write.
        name: The data set's name.
        factory: Makes a maker; each worker has one.
        count: How many items.
        options: Everything that the items depend on; other options in a folder that is begun are refused.
        workers: Threads, each with a drawing process of its own.
        progress: Called with the items done and their number.

    Raises:
        VidenceError: `invalid_input` when the folder holds something else; `unavailable` when the disk is full or
            a chat model cannot be reached (what was finished is kept).
    """
    if count < 1:
        raise invalid_input("--count must be 1 or more", help="For example --count 1000.")
    plan = {**options, "count": count}
    parts = _begin(dataset, plan)
    if parts is None:
        return SynthReport(
            record=dataset.record, folder=str(dataset.folder), made=0, reused=count, skipped={}, left_out=0
        )
    missing = [number for number in range(-(-count // PART)) if not _part(parts, number).exists()]
    done = count - sum(min(PART, count - number * PART) for number in missing)
    work = _Work(dataset, parts, count, factory)
    if progress:
        progress(done, count)
    try:
        _run_parts(work, missing, workers, lambda items: progress and progress(done + items, count))
    finally:
        work.close()
    rows, skipped = _collect(parts, count)
    kept, left_out = balanced(rows)
    if not kept:
        raise invalid_input(f"Nothing was made: {dict(skipped)}", help="See the reasons; change the input.")
    reasons = {**skipped, "balance": left_out}
    step = Step(name="synth", options=plan, rows_in=len(rows), rows_out=len(kept), reasons=reasons)
    record = dataset.write(name, kept, steps=[step])
    shutil.rmtree(parts)
    return SynthReport(
        record=record,
        folder=str(dataset.folder),
        made=count - done,
        reused=done,
        skipped=dict(skipped),
        left_out=left_out,
    )


def _begin(dataset: Dataset, plan: dict[str, Any]) -> Path | None:
    """Return the folder of parts, or None when these very options are done."""
    parts = dataset.folder / ".parts"
    plan = json.loads(json.dumps(plan))
    other = invalid_input(
        f"{dataset.folder} holds a data set that was made otherwise",
        help="Take another --out, or remove that folder.",
    )
    if (dataset.folder / "dataset.json").exists():
        steps = dataset.record.steps
        if len(steps) == 1 and steps[0].name == "synth" and json.loads(json.dumps(steps[0].options)) == plan:
            return None
        raise other
    known = parts / "plan.json"
    if known.exists():
        # More items than before are fine: the parts that are whole are the same ones.
        if {**json.loads(known.read_text()), "count": 0} != {**plan, "count": 0}:
            raise other
        if json.loads(known.read_text())["count"] != plan["count"]:
            _drop_last(parts)
    write_whole(known, json.dumps(plan).encode())
    return parts


def _drop_last(parts: Path) -> None:
    for path in parts.glob("*.jsonl"):
        header = json.loads(file_lines(path)[0])
        if header["items"] < PART:
            path.unlink()


class _Work:
    """Makes one part; each thread has its maker."""

    def __init__(self, dataset: Dataset, parts: Path, count: int, factory: MakerFactory) -> None:
        self.dataset, self.parts, self.count, self._factory = dataset, parts, count, factory
        self._local = threading.local()
        self._makers: list[Maker] = []
        self.stop = threading.Event()

    def part(self, number: int) -> int:
        """Make a part and write it whole; return how many items it has."""
        maker = self._maker()
        lines: list[str] = []
        skipped: Counter[str] = Counter()
        items = range(number * PART, min(self.count, (number + 1) * PART))
        for index in items:
            if self.stop.is_set():
                return 0
            try:
                made = maker.make(index)
            except VidenceError as error:
                if error.kind in _FATAL:
                    raise
                skipped[f"{error.kind}: {error.message}"[:160]] += 1
                continue
            if made is None:
                skipped["nothing to ask"] += 1
                continue
            image = None if made.png is None else self.dataset.add_image(made.png)
            lines += [row.model_dump_json() for row in to_rows(made, image)]
        header = json.dumps({"items": len(items), "skipped": skipped})
        write_whole(_part(self.parts, number), "\n".join([header, *lines]).encode() + b"\n")
        return len(items)

    def close(self) -> None:
        """Close every maker."""
        for maker in self._makers:
            maker.close()

    def _maker(self) -> Maker:
        if not hasattr(self._local, "maker"):
            self._local.maker = self._factory()
            self._makers.append(self._local.maker)
        maker: Maker = self._local.maker
        return maker


def _run_parts(work: _Work, numbers: list[int], workers: int, tell: Callable[[int], object]) -> None:
    finished = 0
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        waiting: set[Future[int]] = {pool.submit(work.part, number) for number in numbers}
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    finished += future.result()
                    tell(finished)
        except BaseException:
            # Parts under way end at their next item; whole ones are kept.
            work.stop.set()
            for future in waiting:
                future.cancel()
            raise


def _collect(parts: Path, count: int) -> tuple[list[TrainRow], Counter[str]]:
    rows: list[TrainRow] = []
    skipped: Counter[str] = Counter()
    for number in range(-(-count // PART)):
        path = _part(parts, number)
        header, *lines = file_lines(path)
        skipped.update(json.loads(header)["skipped"])
        rows += [parse_row(line, str(path)) for line in lines if line]
    return rows, skipped


def _part(parts: Path, number: int) -> Path:
    return parts / f"{number:06d}.jsonl"


def options_hash(options: Mapping[str, Any]) -> str:
    """Return a short name for options."""
    return hashlib.sha256(json.dumps(options, sort_keys=True, default=str).encode()).hexdigest()[:12]
