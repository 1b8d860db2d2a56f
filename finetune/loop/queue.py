"""The queue of what is worth labelling: questions whose answers were unsure, missing or called wrong."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from core.contracts import Contract, ModelRef
from core.errors import VidenceError, invalid_input, not_found
from core.sqlite_file import SqliteFile
from evals.production.votes import item_id

State = Literal["new", "exported", "labelled", "rejected", "used"]
STATES: tuple[State, ...] = ("new", "exported", "labelled", "rejected", "used")
Reason = Literal["low_confidence", "abstained", "rated_down", "pool"]
Verdict = Literal["answer", "unanswerable", "skip"]

_FROM: dict[State, frozenset[State]] = {
    "new": frozenset({"exported", "rejected"}),
    "exported": frozenset({"new", "labelled"}),
    "labelled": frozenset({"new", "exported", "labelled", "rejected"}),
    "rejected": frozenset({"new", "exported", "labelled"}),
    "used": frozenset({"labelled"}),
}
"""From which states one may come. `used` is the end: a label that is in a data version stays as it is."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS candidates (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, score REAL NOT NULL, body TEXT NOT NULL, at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS candidates_by_state ON candidates (state, score);
CREATE TABLE IF NOT EXISTS labels (
    candidate_id TEXT NOT NULL REFERENCES candidates (id) ON DELETE CASCADE,
    user TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (candidate_id, user));
"""


class QueueItem(Contract):
    """A question that may be labelled, with what the model said. The same question and image is one item."""

    id: str = ""
    question: str = Field(min_length=1)
    image_sha256: str | None = Field(None, description="Hash in the image store; None for text alone.")
    answer: str = Field("", description="What the model answered; empty when it abstained.")
    kind: str = ""
    reasons: tuple[Reason, ...] = ()
    uncertainty: float = Field(1.0, ge=0.0, le=1.0)
    density: float = Field(1.0, ge=0.0, le=1.0)
    score: float = Field(0.0, ge=0.0)
    run_ids: tuple[str, ...] = ()
    models: dict[str, ModelRef] = Field(default_factory=dict)
    source: str = "runs"
    licence: str = ""
    state: State = "new"

    @model_validator(mode="after")
    def _complete(self) -> QueueItem:
        if not self.id:
            object.__setattr__(self, "id", item_id(self.question, self.image_sha256))
        if not self.score:
            object.__setattr__(self, "score", self.uncertainty)
        return self


class Label(Contract):
    """What one person, or a model of a given name, said is right about a candidate."""

    candidate_id: str
    user: str
    verdict: Verdict = "answer"
    answer: str = ""
    at: str = ""
    seconds: float | None = Field(None, description="How long it took, where the tool tells.")


class CandidateQueue(SqliteFile):
    """Candidates and their labels in one SQLite file. Every call may be repeated without harm."""

    @classmethod
    def under(cls, root: Path) -> CandidateQueue:
        """Return the queue of a data folder."""
        return cls(root / "finetune" / "queue.db")

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables."""
        connection.executescript(_SCHEMA)

    def add(self, items: Iterable[QueueItem]) -> dict[str, int]:
        """Add candidates; return how many were `added`, `updated` (asked again) and `unchanged`.

        One that waits gets the reasons and runs of both, and the answer that was less sure. One that was
        labelled, rejected or used stays as it is: it is not asked of people twice.
        """
        counts = {"added": 0, "updated": 0, "unchanged": 0}
        with self.open() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            for item in items:
                known = _load(connection, item.id)
                merged = item if known is None else _merged(known, item)
                if known is not None and merged == known:
                    counts["unchanged"] += 1
                    continue
                counts["added" if known is None else "updated"] += 1
                _save(connection, merged)
        return counts

    def get(self, item: str) -> QueueItem:
        """Return a candidate; raises `not_found`."""
        with self.open() as connection:
            found = _load(connection, item)
        if found is None:
            raise not_found(f"No candidate {item}", help="List them: vidence finetune queue list")
        return found

    def items(self, *states: State) -> list[QueueItem]:
        """Return the candidates in these states (all by default), best score first."""
        wanted = states or STATES
        marks = ",".join("?" * len(wanted))
        with self.open() as connection:
            rows = connection.execute(
                f"SELECT state, body FROM candidates WHERE state IN ({marks}) ORDER BY score DESC, id", wanted
            ).fetchall()
        return [_item(state, body) for state, body in rows]

    def counts(self) -> dict[str, int]:
        """Return how many candidates each state holds."""
        with self.open() as connection:
            found = Counter(
                dict(connection.execute("SELECT state, COUNT(*) FROM candidates GROUP BY state").fetchall())
            )
        return {state: found[state] for state in STATES}

    def rescore(self, scores: dict[str, tuple[float, float]]) -> None:
        """Keep new `(density, score)` of candidates by id; those of unknown ids are left out."""
        with self.open() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            for key, (typical, score) in scores.items():
                known = _load(connection, key)
                if known is not None:
                    _save(connection, known.model_copy(update={"density": typical, "score": score}))

    def move(self, ids: Sequence[str], state: State) -> int:
        """Bring candidates into a state; return how many changed.

        Raises:
            VidenceError: `not_found` for an unknown one, `invalid_input` for a way that there is not. Nothing
                is changed then.
        """
        changed = 0
        with self.open() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            for key in ids:
                known = _load(connection, key)
                if known is None:
                    raise not_found(f"No candidate {key}", help="List them: vidence finetune queue list")
                if known.state == state:
                    continue
                if known.state not in _FROM[state]:
                    raise invalid_input(
                        f"Candidate {key} is {known.state} and cannot become {state}",
                        help=f"It must be {' or '.join(sorted(_FROM[state]))}.",
                    )
                _save(connection, known.model_copy(update={"state": state}))
                changed += 1
        return changed

    def label(self, label: Label) -> QueueItem:
        """Keep one user's label, in place of an earlier one, and set the candidate's state.

        `skip` says nothing; the candidate is labelled when anybody gave an answer, and rejected when all who
        spoke call it unanswerable.

        Raises:
            VidenceError: `not_found`; `invalid_input` when the candidate is used, or an answer has no text.
        """
        if label.verdict == "answer" and not label.answer.strip():
            raise invalid_input(f"Candidate {label.candidate_id}: an answer has no text")
        stamped = label if label.at else label.model_copy(update={"at": _now()})
        with self.open() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            known = _load(connection, label.candidate_id)
            if known is None:
                raise not_found(f"No candidate {label.candidate_id}")
            if known.state == "used":
                raise invalid_input(
                    f"Candidate {label.candidate_id} is used already",
                    help="Correct the answer by feedback; a data version never changes.",
                )
            connection.execute(
                "INSERT OR REPLACE INTO labels (candidate_id, user, body) VALUES (?, ?, ?)",
                (label.candidate_id, label.user, stamped.model_dump_json()),
            )
            said = {one.verdict for one in _labels(connection, label.candidate_id)} - {"skip"}
            state: State = known.state if not said else "labelled" if "answer" in said else "rejected"
            changed = known.model_copy(update={"state": state})
            _save(connection, changed)
        return changed

    def labels(self, candidate_id: str) -> list[Label]:
        """Return a candidate's labels, by user."""
        with self.open() as connection:
            return _labels(connection, candidate_id)


def _merged(known: QueueItem, new: QueueItem) -> QueueItem:
    if known.state not in {"new", "exported"}:
        return known
    surer, less_sure = (new, known) if known.uncertainty >= new.uncertainty else (known, new)
    reasons = tuple(sorted({*known.reasons, *new.reasons}))
    runs = tuple(dict.fromkeys([*known.run_ids, *new.run_ids]))
    score = (
        known.score
        if less_sure is known
        else less_sure.uncertainty * known.score / max(known.uncertainty, 1e-9)
    )
    return less_sure.model_copy(
        update={
            "id": known.id,
            "reasons": reasons,
            "run_ids": runs,
            "state": known.state,
            "density": known.density,
            "score": score,
            "kind": known.kind or new.kind,
            "answer": less_sure.answer or surer.answer,
        }
    )


def _load(connection: sqlite3.Connection, key: str) -> QueueItem | None:
    row = connection.execute("SELECT state, body FROM candidates WHERE id = ?", (key,)).fetchone()
    return None if row is None else _item(*row)


def _item(state: str, body: str) -> QueueItem:
    try:
        return QueueItem.model_validate_json(body).model_copy(update={"state": state})
    except ValueError as error:
        raise VidenceError(
            "internal",
            f"The queue holds a broken candidate: {error}",
            help="Remove queue.db and fill it anew.",
        ) from error


def _save(connection: sqlite3.Connection, item: QueueItem) -> None:
    connection.execute(
        "INSERT INTO candidates (id, state, score, body, at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET state = excluded.state, score = excluded.score, "
        "body = excluded.body, at = excluded.at",
        (item.id, item.state, item.score, item.model_dump_json(), _now()),
    )


def _labels(connection: sqlite3.Connection, candidate_id: str) -> list[Label]:
    rows = connection.execute(
        "SELECT body FROM labels WHERE candidate_id = ? ORDER BY user", (candidate_id,)
    ).fetchall()
    return [Label.model_validate_json(body) for (body,) in rows]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
