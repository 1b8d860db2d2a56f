"""What a run file becomes at LangSmith: a data set and an experiment for each suite. Pure.

Everything has an id that follows from its content, so that what was sent before is known again: an example
from the sample and its hash, a run from the experiment, the sample and the epoch, a score from its run and
measure. A score that is not defined is not sent; a sample that failed is an error there, and counts as wrong
in the figures of the experiment. Personal data is masked in every text.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any

from core.personal import find_personal, mask
from evals.run.file import Run
from evals.run.header import Header, SuiteHeader
from evals.run.sample import Record, Sample, content_hash
from evals.run.slices import Figure

_NAMESPACE = uuid.UUID("6f0d1c3e-56a7-5b1c-9d43-0c9b7a4e2f11")
_IDS = 12


@dataclass(frozen=True)
class Example:
    """A sample as an example of a data set. `images` are names of files, not yet read."""

    key: str
    body: dict[str, Any]
    images: tuple[str, ...] = ()

    def id_in(self, dataset: str) -> str:
        """Return its id in a data set."""
        return stable_id("example", dataset, self.key)


@dataclass(frozen=True)
class Answer:
    """An attempt at an example, with its scores by measure."""

    example: str
    epoch: int
    body: dict[str, Any]
    scores: dict[str, float]

    def id_in(self, experiment: str) -> str:
        """Return the id of its run in an experiment."""
        return stable_id("run", experiment, self.example, str(self.epoch))


@dataclass(frozen=True)
class SuitePlan:
    """One suite of a run.

    Attributes:
        dataset: What the data set is called.
        description: Of the data set.
        examples: Its samples.
        experiment: What the experiment is called; empty: there is none.
        metadata: Of the experiment: what was measured, of which code and models, with the figures.
        answers: Its runs.
        undefined: Scores that are not defined and not sent.
    """

    dataset: str
    description: str
    examples: tuple[Example, ...]
    experiment: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()
    undefined: int = 0


def plan_run(run: Run, project: str) -> list[SuitePlan]:
    """Return what a run file becomes.

    Args:
        run: The run.
        project: What the names of data sets and experiments begin with.
    """
    by_suite: dict[str, list[Record]] = {}
    for record in run.records:
        by_suite.setdefault(record.sample.suite, []).append(record)
    figures = run.summary.figures if run.summary else ()
    plans = []
    for suite in run.header.suites:
        if records := by_suite.get(suite.name):
            mine = [figure for figure in figures if figure.suite == suite.name]
            plans.append(_plan(suite, records, mine, run.header, project))
    return plans


def plan_samples(samples: Sequence[Sample], dataset: str, description: str) -> SuitePlan:
    """Return what samples alone become: a data set without an experiment."""
    examples = tuple(_example(sample, sample.sha256) for sample in samples)
    return SuitePlan(dataset, description, examples)


def stable_id(*parts: str) -> str:
    """Return a UUID that follows from its parts."""
    return str(uuid.uuid5(_NAMESPACE, "\0".join(parts)))


def clean(value: Any) -> Any:
    """Return a JSON value with the personal data of every text masked."""
    if isinstance(value, str):
        return mask(value, find_personal(value))
    if isinstance(value, dict):
        return {clean(key): clean(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [clean(one) for one in value]
    return value


def _plan(
    suite: SuiteHeader, records: Sequence[Record], figures: Sequence[Figure], header: Header, project: str
) -> SuitePlan:
    samples = {record.sample.id: record for record in records}
    examples = {id_: _example(record.sample, record.sha256) for id_, record in samples.items()}
    run_key = content_hash([header.identity(), header.started, suite.name])[:_IDS]
    answers = tuple(_answer(record, examples[record.sample.id], header) for record in records)
    return SuitePlan(
        dataset=f"{project}-{suite.name}",
        description=f"Samples of the suite {suite.name} (family {suite.family}).",
        examples=tuple(examples.values()),
        experiment=f"{project}-{suite.name}-{run_key}",
        metadata=_metadata(suite, figures, header),
        answers=answers,
        undefined=sum(
            name not in answer.scores
            for answer in answers
            for name, metric in suite.metrics.items()
            if not metric.corpus and not answer.body["error"]
        ),
    )


def _example(sample: Sample, sha256: str) -> Example:
    about = ("suite", "family", "kind", "modality", "difficulty", "source", "group")
    named = sample.input.get("images")
    images = tuple(str(name) for name in named) if isinstance(named, list | tuple) else ()
    inputs = {**sample.input, **({"images": [_file_name(name) for name in images]} if images else {})}
    body = {
        "inputs": clean(inputs),
        "reference_outputs": {"target": clean(sample.target)},
        "metadata": {
            "sample": clean(sample.id),
            "sha256": sha256,
            **{name: clean(value) for name in about if (value := getattr(sample, name))},
        },
        "split": sample.suite,
    }
    return Example(f"{sample.id}\0{sha256}", body, images)


def _answer(record: Record, example: Example, header: Header) -> Answer:
    started = datetime.fromisoformat(header.started)
    ended = started + timedelta(milliseconds=record.output.ms)
    error = record.error
    usage = record.output.usage
    body = {
        "name": record.sample.suite,
        "run_type": "chain",
        "inputs": example.body["inputs"],
        "outputs": {
            "answer": clean(record.output.answer),
            "evidence": [clean(seen.model_dump(mode="json")) for seen in record.output.evidence],
        },
        "error": f"{error.kind}: {clean(error.message)}" if error else None,
        "start_time": started.isoformat(),
        "end_time": ended.isoformat(),
        "extra": {
            "metadata": {
                "epoch": record.epoch,
                "cached": record.output.cached,
                "tokens_in": usage.tokens_in,
                "tokens_out": usage.tokens_out,
                "cost": usage.cost,
            }
        },
    }
    scored = {} if error else record.scored.scores
    scores = {name: value for name, value in scored.items() if value is not None and math.isfinite(value)}
    return Answer(example.key, record.epoch, body, scores)


def _metadata(suite: SuiteHeader, figures: Iterable[Figure], header: Header) -> dict[str, Any]:
    """Return what an experiment says about itself; no settings, no folders of this machine."""
    return {
        "vidence": header.code.version,
        "commit": header.code.commit,
        "dirty": header.code.dirty,
        "code": header.code.sha256,
        "suite": suite.name,
        "suite_version": suite.version,
        "family": suite.family,
        "data_sha256": suite.data_sha256,
        "models": {role: ref.model_dump() for role, ref in suite.models.items()},
        "prompts": header.prompts,
        "epochs": header.epochs,
        "seed": header.seed,
        "figures": {
            one.metric: {
                "value": one.value,
                "low": one.low,
                "high": one.high,
                "samples": one.n,
                "failed": one.errors,
                "undefined": one.undefined,
            }
            for one in figures
            if not one.by
        },
    }


def _file_name(name: str) -> str:
    """Return a relative name as it is; of a place on this machine only the last part."""
    return PurePath(name).name if PurePath(name).is_absolute() else name
