"""RAGAS over an existing run file: its answers are scored, nothing is asked again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import fields, replace

from core.contracts import ModelRef
from core.errors import invalid_input
from evals.ragas.judge import RagasJudge
from evals.ragas.row import Row, is_answer, row_of
from evals.ragas.scorers import EMBEDDED, VERSION, judge_ref, lacks_package, plain_scorers, with_judge
from evals.run.file import Run
from evals.run.registry import Place, Scorer, Suite
from evals.run.sample import Output, Record, Sample, content_hash

FAMILY = "rag"
PREFIX = "ragas_"
_TIMEOUT_S = 900.0


def replayed(run: Run, *, keep: bool = True, judges: list[RagasJudge] | None = None) -> list[Suite]:
    """Return a suite for each one of a run that asked the graph questions; `run_suites` scores them.

    Epochs become samples of one group. Failed samples stay failed.

    Args:
        run: The run.
        keep: Whether a judge's replies are kept, and kept ones taken.
        judges: Gets every judge that is opened, to count what it was asked.

    Raises:
        VidenceError: `invalid_input` when the run has no answers of the graph.
    """
    found = []
    for suite in run.header.suites:
        records = [record for record in run.records if record.sample.suite == suite.name]
        if any(is_answer(record.sample, record.output) for record in records):
            found.append(_suite(suite.name, records, dict(suite.models), keep, judges))
    if not found:
        raise invalid_input(
            f"{run.path} has no answers of the graph to questions",
            help="Score a run of such suites: vidence eval run answers -o FILE",
        )
    return found


def _suite(
    name: str,
    records: Sequence[Record],
    models: Mapping[str, ModelRef],
    keep: bool,
    judges: list[RagasJudge] | None,
) -> Suite:
    mine = PREFIX + name.removeprefix(PREFIX)
    outputs = {_id(record): record.output for record in records}
    answers = content_hash([[id_, output.answer] for id_, output in sorted(outputs.items())])
    given = {**models, "answers": ModelRef(name=name, hash=answers[:16])}
    there = _fields(records)

    @contextmanager
    def opened(place: Place) -> Iterator[_Replay]:
        served = place.settings.judge != EMBEDDED
        yield _Replay(outputs, {**given, "ragas_judge": judge_ref(place.settings)} if served else given)

    @contextmanager
    def scorers(place: Place) -> Iterator[tuple[Scorer, ...]]:
        # An eval's folder belongs to its settings, and old ones go: one more judge must not push one out.
        calm = replace(place, settings=place.settings.model_copy(update={"judge": EMBEDDED}))
        with ExitStack() as stack:
            found = stack.enter_context(plain_scorers(calm, there))
            if place.settings.judge != EMBEDDED:
                found += stack.enter_context(
                    with_judge(
                        place,
                        texts=True,
                        images=True,
                        fields=there,
                        keep=keep,
                        bench_at=calm,
                        watch=None if judges is None else judges.append,
                    )
                )
            yield found

    return Suite(
        name=mine,
        family=FAMILY,
        description=f"RAGAS's measures on the answers of {name}.",
        load=lambda place: [_sample(record, mine) for record in records],
        open_solver=opened,
        scorers=(),
        open_scorers=scorers,
        lacks=lacks_package,
        version=VERSION,
        timeout_s=_TIMEOUT_S,
        reuse=False,
    )


class _Replay:
    """Gives the answers of a run file."""

    def __init__(self, outputs: Mapping[str, Output], models: Mapping[str, ModelRef]) -> None:
        self._outputs = outputs
        self.models = models

    async def solve(self, sample: Sample, seed: int) -> Output:
        """Return the answer that the file has; its cost was paid there."""
        return self._outputs[sample.id].model_copy(update={"cached": True})


def _id(record: Record) -> str:
    return record.sample.id if not record.epoch else f"{record.sample.id}@{record.epoch}"


def _sample(record: Record, suite: str) -> Sample:
    changed = {"id": _id(record), "suite": suite, "family": FAMILY, "group": record.sample.unit}
    return record.sample.model_copy(update=changed)


def _fields(records: Sequence[Record]) -> set[str]:
    """Return the fields that at least one row of the records has."""
    rows = [row_of(one.sample, one.output) for one in records if is_answer(one.sample, one.output)]
    return {field.name for field in fields(Row) if any(getattr(row, field.name) for row in rows)}
