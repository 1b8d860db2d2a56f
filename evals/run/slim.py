"""What a comparison needs of a run, small enough to be committed: the base that CI holds new runs against."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evals.run.file import Run
from evals.run.sample import Output, Record, SampleError


def slim_lines(run: Run) -> Iterator[str]:
    """Yield the lines of a run file that has the same scores, groups, hashes and figures, and no texts.

    Questions, targets, answers, evidence, slices, times, settings and folders are left out: what is compared
    is told by its hash. It reads and compares like any run file; there is nothing in it to show samples by.
    """
    header = run.header.model_copy(update={"data": "", "settings": {}, "skipped": ()})
    yield _line(header.model_dump(mode="json"))
    for record in run.records:
        yield _line(_record(record))
    if run.summary is not None:
        whole = tuple(figure for figure in run.summary.figures if not figure.by)
        kept = run.summary.model_copy(update={"figures": whole, "seconds": 0.0})
        yield _line(kept.model_dump(mode="json"))


def write_slim(run: Run, path: Path) -> int:
    """Write them; return how many bytes they are."""
    body = "".join(line + "\n" for line in slim_lines(run)).encode("ascii")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return len(body)


def _record(record: Record) -> dict[str, Any]:
    none = dict.fromkeys(("kind", "modality", "difficulty", "source"), "")
    sample = record.sample.model_copy(update={"input": {}, "target": None, **none})
    scored = record.scored.model_copy(update={"error": _error(record.scored.error)})
    output = Output(error=_error(record.output.error))
    small = record.model_copy(update={"sample": sample, "output": output, "scored": scored})
    body = small.model_dump(mode="json", exclude_defaults=True)
    body["sample"] |= {"input": {}}
    return {"type": "sample", "output": {}, **body}


def _error(error: SampleError | None) -> SampleError | None:
    """A message may name places of this machine."""
    return None if error is None else error.model_copy(update={"message": ""})


def _line(body: dict[str, Any]) -> str:
    return json.dumps(body, separators=(",", ":"))
