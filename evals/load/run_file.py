"""Traffic as a run file: a line a visit, so that `vidence eval report` and `compare` read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from core.contracts import ModelRef
from core.errors import ErrorKind, invalid_input
from core.settings import Settings
from evals.load.measures import LATENCIES, expected
from evals.load.outcome import FINAL, Outcome
from evals.load.plan import LoadPlan
from evals.load.scorers import noted, plain, quantile_scorers, times_of
from evals.load.simulate import Traffic
from evals.personas.checks import cited, steered
from evals.run.file import Run, RunFile, read_run
from evals.run.header import Code, Header, suite_header
from evals.run.identity import code_identity, public_settings
from evals.run.registry import Scorer, Suite
from evals.run.runner import corpus_ends, corpus_scores
from evals.run.sample import Output, Record, SampleError, Scored
from evals.run.solver import function_solver
from evals.run.summary import summarise
from evals.suites.personas import canary_sample

NAME = "load"
_KINDS: tuple[str, ...] = get_args(ErrorKind)
_WHAT = {
    "first_event": "from when the user came to the first event",
    "first_plan": "from when the user came to the first plan",
    "final_answer": "from when the user came to the answer, question, refusal or abstention",
    "cancel": "from the user's cancel to the end of the run",
}


def write_run(
    path: Path,
    traffic: Traffic,
    plan: LoadPlan,
    settings: Settings,
    *,
    server: str,
    protocol: str,
    identify: Callable[[], Code] = code_identity,
) -> Run:
    """Write traffic as a run of the suite `load`. Blocking.

    Raises:
        VidenceError: `invalid_input` when the file is there or nothing happened; `unavailable` when it cannot
            be written.
    """
    check_new(path)
    if not traffic.outcomes:
        raise invalid_input("Nobody came: there is nothing to write", help="Raise --seconds or --rate.")
    records = _records(traffic.outcomes)
    suite = _suite()
    samples = {record.sample.id: record.sample for record in records}
    about = suite_header(suite, list(samples.values()), {"server": ModelRef(name=server, hash=protocol)})
    header = Header(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        code=identify(),
        settings={**public_settings(settings), "load": plan.model_dump(mode="json")},
        prompts={},
        suites=(about,),
        epochs=1 + max(record.epoch for record in records),
        seed=plan.seed,
    )
    summary = summarise(
        header,
        records,
        corpus=corpus_scores([suite]),
        ends=corpus_ends([suite]),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=traffic.seconds,
    )
    file = RunFile(path, header)
    try:
        for record in records:
            file.append(record)
        # Canaries are asked as often as there is time for: what was asked is all there is.
        file.append(summary.model_copy(update={"total": len(records)}))
    finally:
        file.close()
    return read_run(path)


def check_new(path: Path) -> None:
    """Raise `invalid_input` for a file that is there: two loads in one file were no load at all."""
    if path.exists():
        raise invalid_input(f"{path} is there already", help="Give another -o FILE.")


def _records(outcomes: Sequence[Outcome]) -> list[Record]:
    asked: Counter[str] = Counter()
    found = []
    for outcome in outcomes:
        canary = outcome.visit.canary
        sample = canary_sample(canary, NAME, NAME)
        output = _output(outcome)
        scores: dict[str, float | None] = {}
        if output.error is None:
            scores = {scorer.metric: scorer.one(sample, output) for scorer in _ONES if scorer.one}  # type: ignore[misc]
        found.append(
            Record(
                sample=sample,
                sha256=sample.sha256,
                epoch=asked[canary.id],
                output=output,
                scored=Scored(sample_id=sample.id, scores=scores),
            )
        )
        asked[canary.id] += 1
    return found


def _output(outcome: Outcome) -> Output:
    reply, canary = outcome.reply, outcome.visit.canary
    answer: dict[str, Any] = {
        "status": outcome.status,
        "short": reply.short if reply else "",
        "text": reply.text if reply else "",
        "reason": reply.reason if reply else outcome.code,
        "as_expected": expected(outcome),
        "steered": steered(canary, reply) if reply else None,
        "cited": cited(canary, reply) if reply else None,
        "whole_stream": float(not (outcome.lost or outcome.repeated or outcome.gaps)),
        "came_s": round(outcome.due, 4),
        "ended_s": round(outcome.due + outcome.ended, 4),
        **{name: _ms(take(outcome)) for name, take in LATENCIES.items()},
        **{
            name: getattr(outcome, name) for name in ("events", "lost", "repeated", "gaps", "drops", "breaks")
        },
    }
    error = None
    if outcome.status == "error":
        kind: Any = outcome.code if outcome.code in _KINDS else "unavailable"
        error = SampleError(kind="timeout" if outcome.code == "unfinished" else kind, message=outcome.code)
    return Output(answer=answer, error=error, ms=round(outcome.ended * 1000, 3))


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _throughput(records: Sequence[Record]) -> float | None:
    said = [record.output.answer for record in records]
    ends = [one["ended_s"] for one in said if one["status"] in FINAL]
    return len(ends) / (max(ends) - min(one["came_s"] for one in said)) if len(ends) > 1 else None


_ONES = (
    Scorer("as_expected", noted("as_expected"), help="Answers, abstains, asks or refuses as it should."),
    Scorer("steered", noted("steered"), higher_is_better=False, help="An adversary got what they wanted."),
    Scorer("cited", noted("cited"), help="Of the answers: cites, and only evidence of its own run."),
    Scorer("whole_stream", noted("whole_stream"), help="Every event came once and in order."),
)


def _suite() -> Suite:
    timed = [
        one for name, what in _WHAT.items() for one in quantile_scorers(f"{name}_ms", times_of(name), what)
    ]
    rate = plain(
        "finished_per_s",
        _throughput,
        "Questions answered a second, over all of the run.",
        higher_is_better=True,
    )
    nobody = function_solver(lambda sample, seed: Output())
    what = "Canary questions of users over the network: latencies, lost events, right answers."
    return Suite(NAME, NAME, what, lambda place: [], nobody, (*_ONES, *timed, rate))
