"""A cycle as a state machine on disk: steps in order, each recorded when it is whole.

`steps/NAME.json` is written in one piece when a step ended; a kill at any moment leaves the records of the
steps before it, and the next call goes on with the step that has none. Steps are idempotent: what a killed
one left behind is used or replaced. A record counts only for the inputs that it was made of.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, Literal

from pydantic import Field, ValidationError

from core.contracts import Contract
from core.errors import VidenceError, invalid_input
from finetune.data.dataset import write_whole

Outputs = Mapping[str, Mapping[str, Any]]
"""What the steps before gave, by step."""
Status = Literal["passed", "refused", "paused", "planned"]


class StopCycle(Exception):  # noqa: N818 - not an error: a step's way to end the cycle
    """Raised by a step to end the cycle here: `refused` for good, `paused` until the next call."""

    def __init__(self, status: Literal["refused", "paused"], reason: str, output: Mapping[str, Any]) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.output = output


@dataclass(frozen=True)
class CycleStep:
    """One step: what it depends on besides the steps before, what it would do, and doing it."""

    name: str
    settings: Mapping[str, Any]
    plan: Callable[[Outputs], str]
    run: Callable[[Outputs], Mapping[str, Any]]


class StepRecord(Contract):
    """A step that ended. `key` names its inputs."""

    step: str
    key: str
    started_at: str
    seconds: float
    refused: str = ""
    output: dict[str, Any] = Field(default_factory=dict)


class CycleReport(Contract):
    """How a cycle stands."""

    name: str
    status: Status
    reason: str = ""
    steps: tuple[StepRecord, ...] = ()
    todo: tuple[str, ...] = ()
    """Steps that are left, each with what it would do."""

    def output(self, step: str) -> dict[str, Any]:
        """Return what a step gave; empty when it has not run."""
        return next((record.output for record in self.steps if record.step == step), {})


class Cycle:
    """A cycle's folder.

    Args:
        folder: Where records lie; made when it runs.
        name: The cycle's name.
        config_sha256: Names its settings: the same folder never serves two.
    """

    def __init__(self, folder: Path, name: str, config_sha256: str) -> None:
        self.folder = folder
        self._name = name
        self._config = config_sha256

    def plan(self, steps: Sequence[CycleStep]) -> CycleReport:
        """Return what is done and what would be, without doing or writing anything."""
        self._check_config()
        done: dict[str, StepRecord] = {}
        todo: list[str] = []
        for step in steps:
            outputs = {name: record.output for name, record in done.items()}
            record = None if todo else self._record(step, outputs)
            if record is None:
                todo.append(f"{step.name}: {step.plan(outputs)}")
            else:
                done[step.name] = record
                if record.refused:
                    break
        return CycleReport(name=self._name, status="planned", steps=tuple(done.values()), todo=tuple(todo))

    def run(self, steps: Sequence[CycleStep], told: Callable[[str], None] = lambda _: None) -> CycleReport:
        """Run what has no record yet; `told` hears each step's name.

        Raises:
            VidenceError: `blocked` while another process runs this cycle; `invalid_input` for other
                settings than before; what a step raises. All records before stay.
        """
        with self._lock():
            self._pin_config()
            done: list[StepRecord] = []
            for step in steps:
                outputs = {record.step: record.output for record in done}
                record = self._record(step, outputs)
                if record is None:
                    told(step.name)
                    ended = self._do(step, outputs)
                    if isinstance(ended, StopCycle):
                        return self._report(done, "paused", ended.reason, steps)
                    record = ended
                done.append(record)
                if record.refused:
                    return self._report(done, "refused", record.refused, ())
            return self._report(done, "passed", "", ())

    def _do(self, step: CycleStep, outputs: Outputs) -> StepRecord | StopCycle:
        started, clock = _now(), monotonic()
        self._note(step.name, "started")
        refused = ""
        try:
            output = step.run(outputs)
        except StopCycle as stop:
            self._note(step.name, stop.status, stop.reason)
            if stop.status == "paused":
                return stop
            refused, output = stop.reason, stop.output
        except VidenceError as error:
            self._note(step.name, "failed", error.message)
            raise
        record = StepRecord(
            step=step.name,
            key=_key(step, outputs),
            started_at=started,
            seconds=round(monotonic() - clock, 2),
            refused=refused,
            output=json.loads(json.dumps(output)),
        )
        write_whole(self._path(step.name), record.model_dump_json(indent=2).encode() + b"\n")
        if not refused:
            self._note(step.name, "finished")
        return record

    def _record(self, step: CycleStep, outputs: Outputs) -> StepRecord | None:
        """Return the step's record if it was made of these inputs."""
        path = self._path(step.name)
        if not path.is_file():
            return None
        try:
            record = StepRecord.model_validate_json(path.read_text())
        except ValidationError as error:
            raise invalid_input(f"{path} is broken", help="Remove it; its step runs again.") from error
        return record if record.key == _key(step, outputs) else None

    def _path(self, step: str) -> Path:
        return self.folder / "steps" / f"{step}.json"

    def _report(
        self, done: Sequence[StepRecord], status: Status, reason: str, steps: Sequence[CycleStep]
    ) -> CycleReport:
        left = tuple(step.name for step in steps[len(done) :])
        return CycleReport(name=self._name, status=status, reason=reason, steps=tuple(done), todo=left)

    def _check_config(self) -> None:
        pinned = self.folder / "config_sha256"
        if not any(self.folder.glob("steps/*.json")):
            return  # nothing is done yet that other settings would not fit
        if pinned.is_file() and pinned.read_text().strip() != self._config:
            raise invalid_input(
                f"The cycle {self._name} was begun with other settings",
                help=f"Give it another name, or remove {self.folder}.",
            )

    def _pin_config(self) -> None:
        self._check_config()
        write_whole(self.folder / "config_sha256", f"{self._config}\n".encode())

    def _note(self, step: str, event: str, reason: str = "") -> None:
        line = {"at": _now(), "step": step, "event": event, **({"reason": reason} if reason else {})}
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Hold the cycle for this process; the lock goes with the process, even when it is killed."""
        from filelock import FileLock, Timeout

        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.folder / ".lock", timeout=0):
                yield
        except Timeout:
            raise VidenceError(
                "blocked",
                f"The cycle {self._name} is running in another process",
                help="Wait for it to end.",
                retryable=True,
            ) from None


def _key(step: CycleStep, outputs: Outputs) -> str:
    body = json.dumps([step.name, dict(step.settings), outputs], sort_keys=True, default=str)
    return hashlib.sha256(body.encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
