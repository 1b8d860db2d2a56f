"""The registry of models: `models/NAME/VERSION/{checkpoint/, model.json}` and a log of what happened.

A version is named by the content of its files, so that registering the same checkpoint twice is the same
version. Files come into place by one rename, stages change by one line in the log: a kill leaves either the
old state or the new one, and what a killed registration left behind is cleared by the next.
"""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import VidenceError, invalid_input, not_found
from finetune.data.dataset import write_whole
from finetune.release.hashing import check_files, file_hashes, version_of
from finetune.release.log import EventLog, now
from finetune.release.records import Event, EventKind, Lineage, MergeReport, ModelRecord, ModelState, Stage
from finetune.release.stages import check_promotion, fold, production_stack

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_INCOMING = ".incoming-"


class Registry:
    """The models of one data folder.

    Args:
        folder: `settings.root / "finetune" / "models"`; made when first written to.
        who: Who acts, for the history.
    """

    def __init__(self, folder: Path, *, who: str) -> None:
        self.folder = folder
        self._who = who
        self._log = EventLog(folder / ".registry.db")

    def close(self) -> None:
        """Close the log."""
        self._log.close()

    def register(
        self,
        name: str,
        checkpoint: Path,
        *,
        source: str,
        lineage: Lineage | None = None,
        merge: MergeReport | None = None,
        metrics: Mapping[str, Any] | None = None,
        why: str = "",
    ) -> ModelRecord:
        """Copy a checkpoint into the registry as a candidate; the same files again are the same version.

        Raises:
            VidenceError: `invalid_input` for a bad name or a folder that is no checkpoint; `blocked` when
                the merge gave other answers than the adapter, or belongs to other files; `unavailable` when
                the disk is full.
        """
        _check_name(name)
        architecture = _architecture(checkpoint)
        with self._writing(name):
            incoming = self.folder / name / f"{_INCOMING}{uuid.uuid4().hex}"
            try:
                with _disk(incoming):
                    shutil.copytree(checkpoint, incoming / "checkpoint")
                files = file_hashes(incoming / "checkpoint")
                version = version_of(files)
                _check_merge(merge, version, f"{name}@{version}")
                record = ModelRecord(
                    name=name,
                    version=version,
                    created_at=now(),
                    source=source,
                    architecture=architecture,
                    bytes=sum((incoming / "checkpoint" / path).stat().st_size for path in files),
                    files=files,
                    lineage=lineage or Lineage(),
                    merge=merge,
                    metrics=dict(metrics or {}),
                )
                final = self.folder / name / version
                if final.exists():
                    record = self._read(name, version)
                    check_files(final / "checkpoint", record.files, record.ref)
                else:
                    write_whole(incoming / "model.json", record.model_dump_json(indent=2).encode() + b"\n")
                    with _disk(final):
                        incoming.replace(final)
            finally:
                shutil.rmtree(incoming, ignore_errors=True)
            self._add_once(record, why)
            return record

    def names(self) -> list[str]:
        """Return the names of the models there are."""
        return self._log.names()

    def states(self, name: str) -> list[ModelState]:
        """Return the versions of a model, oldest first; raises `not_found`."""
        events = self._log.events(name)
        if not events:
            raise not_found(
                f"No model is registered as {name}",
                help=f"There are: {', '.join(self.names()) or 'none'}. Add one: vidence finetune register.",
            )
        return list(fold(events).values())

    def resolve(self, ref: str) -> ModelState:
        """Return the version that `NAME[@VERSION|@STAGE]` means.

        The version may be shortened to a unique start. Without one it is what is in production, or else the
        newest.

        Raises:
            VidenceError: `not_found`, or `invalid_input` for a start that several versions share.
        """
        name, _, wanted = ref.partition("@")
        states = self.states(name)
        if not wanted:
            live = [state for state in states if state.stage == "production"]
            return (live or states)[-1]
        if wanted in ("candidate", "staging", "production"):
            found = [state for state in states if state.stage == wanted]
            found = found[-1:]
        else:
            found = [state for state in states if state.version.startswith(wanted)]
        if len(found) == 1:
            return found[0]
        if found:
            raise invalid_input(f"{wanted} begins several versions of {name}", help="Give more digits.")
        known = ", ".join(state.version for state in states)
        raise not_found(f"{name} has no version {wanted}", help=f"There are: {known}.")

    def record(self, ref: str) -> ModelRecord:
        """Return what was registered; raises `not_found`, or `blocked` when its record was changed."""
        state = self.resolve(ref)
        return self._read(state.name, state.version)

    def checkpoint(self, ref: str) -> Path:
        """Return the checkpoint's folder after every file was hashed.

        Raises:
            VidenceError: `blocked`, naming the files that are not what was registered.
        """
        record = self.record(ref)
        folder = self.path(record.name, record.version) / "checkpoint"
        check_files(folder, record.files, record.ref)
        return folder

    def path(self, name: str, version: str) -> Path:
        """Return the folder of a version."""
        return self.folder / name / version

    def note(self, ref: str, kind: EventKind, body: Mapping[str, Any], why: str = "") -> Event:
        """Add an evaluation or a decision of the gate to a version's history."""
        state = self.resolve(ref)
        event = self._event(state.name, state.version, kind, why, body)
        added = self._log.add(state.name, lambda _: event)
        assert added is not None
        return added

    def promote(self, ref: str, to: Stage, why: str = "", *, runs_required: bool = False) -> ModelState:
        """Move a version to staging or production; the log then names the decisions that it rests on.

        Args:
            ref: The version.
            to: The stage.
            why: A note for the history.
            runs_required: Whether eval run files must have passed as well (`check_promotion`).

        Raises:
            VidenceError: `blocked` without the gate's pass for exactly these files, or when a file changed.
        """
        state = self.resolve(ref)
        self.checkpoint(f"{state.name}@{state.version}")

        def decide(events: Sequence[Event]) -> Event:
            decided = check_promotion(events, state.version, to, runs_required=runs_required)
            stack = production_stack(events)
            body = {"to": to, "replaces": stack[-1] if stack and to == "production" else None, "by": decided}
            return self._event(state.name, state.version, "promoted", why, body)

        self._log.add(state.name, decide)
        return self.resolve(f"{state.name}@{state.version}")

    def in_production(self, name: str) -> str | None:
        """Return the version of a model that is in production, or None; raises `not_found`."""
        return next((one.version for one in self.states(name) if one.stage == "production"), None)

    def rollback(self, name: str, why: str = "") -> ModelState:
        """Put the version back into production that was there before.

        Raises:
            VidenceError: `invalid_input` when there is none; `blocked` when its files changed.
        """
        self.states(name)
        back: list[str] = []

        def decide(events: Sequence[Event]) -> Event:
            stack = production_stack(events)
            if len(stack) < 2:
                raise invalid_input(
                    f"{name} has no earlier production version", help=f"See: vidence finetune show {name}"
                )
            current, previous = stack[-1], stack[-2]
            self.checkpoint(f"{name}@{previous}")
            back.append(previous)
            return self._event(name, current, "rolled_back", why, {"to": previous})

        self._log.add(name, decide)
        return self.resolve(f"{name}@{back[0]}")

    def _add_once(self, record: ModelRecord, why: str) -> None:
        """Log a registration unless it is logged: a kill after the rename is made good here."""
        body = {"model_json": file_hashes(self.path(record.name, record.version))["model.json"]}
        event = self._event(record.name, record.version, "registered", why or record.source, body)

        def decide(events: Sequence[Event]) -> Event | None:
            return None if any(one.version == record.version for one in events) else event

        self._log.add(record.name, decide)

    def _event(self, name: str, version: str, kind: EventKind, why: str, body: Mapping[str, Any]) -> Event:
        return Event(at=now(), who=self._who, name=name, version=version, kind=kind, why=why, body=dict(body))

    def _read(self, name: str, version: str) -> ModelRecord:
        path = self.path(name, version) / "model.json"
        known = [e for e in self._log.events(name) if e.version == version and e.kind == "registered"]
        if known:
            check_files_of_record(path, known[0].body.get("model_json", ""))
        try:
            return ModelRecord.model_validate_json(path.read_text())
        except (OSError, ValueError) as error:
            raise VidenceError(
                "blocked", f"{path} is missing or broken", help="Register the model anew."
            ) from error

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        """One registration of a name at a time; what a killed one left is cleared."""
        from filelock import FileLock

        folder = self.folder / name
        with _disk(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            for left in folder.glob(f"{_INCOMING}*"):
                shutil.rmtree(left, ignore_errors=True)
            yield


def check_files_of_record(path: Path, expected: str) -> None:
    """Refuse a `model.json` that is not the one that was registered; raises `blocked`."""
    from finetune.release.hashing import sha256_of

    if not path.is_file() or sha256_of(path) != expected:
        raise VidenceError(
            "blocked", f"{path} is not what was registered", help="Restore it, or register the model anew."
        )


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise invalid_input(
            f"Not a model's name: {name!r}", help="Use up to 64 of a-z, 0-9, dot, dash and underscore."
        )


def _architecture(checkpoint: Path) -> str:
    config = checkpoint / "config.json"
    if not config.is_file():
        raise invalid_input(
            f"{checkpoint} is not a checkpoint: it has no config.json",
            help="Give a run that was merged, or a folder that transformers can load.",
        )
    if not any(checkpoint.glob("*.safetensors")):
        raise invalid_input(
            f"{checkpoint} has no weights (*.safetensors)", help="Merge the run first: vidence finetune merge"
        )
    try:
        return str((json.loads(config.read_text()).get("architectures") or ["unknown"])[0])
    except (ValueError, AttributeError) as error:
        raise invalid_input(f"{config} is not JSON", help="Write the checkpoint anew.") from error


def _check_merge(merge: MergeReport | None, version: str, name: str) -> None:
    if merge is None:
        return
    if not merge.same:
        raise VidenceError(
            "blocked",
            f"The merged checkpoint gives other answers than its adapter: {merge.equal} of "
            f"{merge.questions} are equal",
            help="Merge in float32, and compare on questions of the run's own data.",
        )
    if merge.version != version:
        raise VidenceError(
            "blocked",
            f"{name} is not the checkpoint that was compared ({merge.version})",
            help="Merge again: vidence finetune merge",
        )


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    """Give what the disk refuses our type."""
    try:
        yield
    except (OSError, shutil.Error) as error:
        raise VidenceError(
            "unavailable",
            f"{path} cannot be written: {error}",
            help="Free some space; nothing was registered.",
            retryable=True,
        ) from error
