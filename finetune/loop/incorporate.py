"""Feedback, corrections and labels become a new data version, each row with where it comes from.

Nothing else than votes goes in, so that the same votes give the same version whenever it is made: a kill
half way needs no repair, and a vote that was taken back is gone from the next version.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.contracts import Contract
from core.errors import invalid_input
from core.images import ImageStore
from evals.exact_match import normal_answer
from evals.production.record import anonymous
from evals.production.votes import Conflict, Settled, Vote, item_id, resolve
from finetune.data.dataset import Dataset, write_whole
from finetune.data.rows import PreferenceRow, Step, TrainRow, dataset_version
from finetune.loop.checks import Known, Overlap, Personal
from finetune.loop.measured import Habits
from finetune.loop.suspicion import Suspicion, suspicious

REPORT = "incorporate.json"
LICENCE = "user-provided"
MAX_ANSWER = 200
"""Characters: what is trained on is a short answer; a longer one is a comment."""


class IncorporateReport(Contract):
    """What became of the votes."""

    name: str
    version: str
    votes: int
    merged: int
    """Votes that said what another vote says already."""
    settled: int
    conflicts: tuple[Conflict, ...]
    rows: int
    preferences: int
    replaced: int
    """Rows of the data sets below that a correction took the place of."""
    left_out: dict[str, int]
    suspicions: tuple[Suspicion, ...]
    kinds: dict[str, int]
    parents: tuple[str, ...]
    used_candidates: tuple[str, ...]


@dataclass(frozen=True)
class Options:
    """How votes become rows."""

    agreement: float = 0.6
    licence: str = LICENCE
    excluded: frozenset[str] = frozenset()
    """Users whose votes do not count."""
    made_by: str = ""
    """Kept in the data set's record, for whoever made it to know it again."""


@dataclass
class _Made:
    base: dict[str, TrainRow]
    by_question: dict[str, list[TrainRow]]
    rows: list[TrainRow] = field(default_factory=list)
    preferences: list[PreferenceRow] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    replaced: int = 0


def incorporate(
    votes: Iterable[Vote],
    target: Dataset,
    name: str,
    images: ImageStore,
    *,
    overlap: Overlap,
    personal: Personal,
    known: Known = lambda _question, _image: (),
    habits: Habits | None = None,
    onto: Sequence[Dataset] = (),
    options: Options | None = None,
) -> IncorporateReport:
    """Write the data set that the votes make; a data set that holds other rows is never written over.

    Args:
        votes: From feedback, the queue and files.
        target: Where to write.
        name: What the data set is called.
        images: Where the pictures of the votes lie.
        overlap: Tells which evaluation set holds a row.
        personal: Finds personal data in a text.
        known: Tells the answers that are known, for who answers against them.
        habits: How right the model's answers are where it was measured, likewise.
        onto: Data sets whose rows come along; a settled answer replaces theirs.
        options: How votes become rows.

    Raises:
        VidenceError: `invalid_input` when no row is left, or another version lies at the target.
    """
    chosen = options or Options()
    cast = list(votes)
    counted = [vote for vote in cast if vote.user not in chosen.excluded]
    settled, conflicts = resolve(counted, agreement=chosen.agreement)
    base, parents = _base(target, onto)
    made = _Made(base=base, by_question=_by_question(base.values()))
    if len(counted) < len(cast):
        made.left_out["excluded user"] = len(cast) - len(counted)
    for item in settled:
        _add(item, target, images, made, overlap, personal, chosen)
    if not made.rows and not onto:
        why = ", ".join(f"{reason} {count}" for reason, count in made.left_out.items())
        raise invalid_input(
            f"No row is left of {len(cast)} votes" + (f" ({why})" if why else ""),
            help="Rate answers (vidence feedback) or label the queue (vidence finetune label) first.",
        )
    rows = [*made.rows, *base.values()]
    step = Step(
        name="incorporate",
        options={
            "agreement": chosen.agreement,
            "excluded": sorted(map(anonymous, chosen.excluded)),
            "made_by": chosen.made_by,
        },
        rows_in=len(cast),
        rows_out=len(made.rows),
        reasons={**made.left_out, "conflict": len(conflicts)},
    )
    version = dataset_version(rows)
    _check_version(target, name, version)
    report = IncorporateReport(
        name=name,
        version=version,
        votes=len(cast),
        merged=len(counted) - len({(vote.key, normal_answer(vote.answer)) for vote in counted}),
        settled=len(settled),
        conflicts=tuple(conflicts),
        rows=len(made.rows),
        preferences=len(made.preferences),
        replaced=made.replaced,
        left_out=dict(made.left_out),
        suspicions=tuple(suspicious(cast, _known(cast, images, known), habits)),
        kinds=dict(Counter(row.kind for row in made.rows)),
        parents=parents,
        used_candidates=tuple(sorted(made.used)),
    )
    _write_preferences(target, made.preferences)
    write_whole(target.folder / REPORT, report.model_dump_json(indent=2).encode() + b"\n")
    # The record comes last: a data set without one is not there yet.
    target.write(name, rows, parents=parents, steps=(step,))
    return report


def read_report(folder: Path) -> IncorporateReport:
    """Return the report of a data set that was made here; raises `invalid_input` for another one."""
    try:
        return IncorporateReport.model_validate_json((folder / REPORT).read_text())
    except (OSError, ValueError) as error:
        raise invalid_input(
            f"{folder} was not made by `vidence finetune incorporate`", help="Give another name."
        ) from error


def _known(votes: Iterable[Vote], images: ImageStore, known: Known) -> dict[str, Sequence[str]]:
    """Return the answers that are known, by the votes' key."""
    asked = {vote.key: vote for vote in votes}
    return {
        key: answers
        for key, vote in asked.items()
        if (answers := known(vote.question, images.path(vote.image_sha256) if vote.image_sha256 else None))
    }


def _base(target: Dataset, onto: Sequence[Dataset]) -> tuple[dict[str, TrainRow], tuple[str, ...]]:
    """Return the rows that come along, by id, with their images copied, and the names of their versions."""
    rows: dict[str, TrainRow] = {}
    parents: list[str] = []
    for dataset in onto:
        record = dataset.record
        parents.append(f"{record.name}@{record.version}")
        for row in dataset.rows():
            path = dataset.image_path(row)
            if path is not None:
                _bring(path, target)
                rows[row.id] = row.model_copy(update={"image": f"images/{path.name}"})
            else:
                rows[row.id] = row
    return rows, tuple(parents)


def _bring(path: Path, target: Dataset) -> None:
    """Let an image of another data set lie in this one, too: by a hard link where the disk allows it."""
    place = target.folder / "images" / path.name
    if place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Files of data sets are named by their content and never changed, so that they can be shared.
        place.hardlink_to(path)
    except OSError:
        write_whole(place, path.read_bytes())


def _by_question(rows: Iterable[TrainRow]) -> dict[str, list[TrainRow]]:
    found: dict[str, list[TrainRow]] = {}
    for row in rows:
        found.setdefault(item_id(row.question, row.image_sha256), []).append(row)
    return found


def _add(
    item: Settled,
    target: Dataset,
    images: ImageStore,
    made: _Made,
    overlap: Overlap,
    personal: Personal,
    options: Options,
) -> None:
    """Make the row and, where the model had said something else, the preference of a settled question."""
    first = item.votes[0]
    problem = _problem(item, personal)
    stored = images.path(first.image_sha256) if first.image_sha256 else None
    if not problem and stored is not None and not stored.exists():
        problem = "image is gone"
    if problem:
        made.left_out[problem] += 1
        return
    content = stored.read_bytes() if stored is not None else None
    sha = hashlib.sha256(content).hexdigest() if content is not None else None
    # The store names a picture by the file as given, a data set by the file that lies in it.
    keys = {item_id(first.question, sha), first.key}
    older = [row for key in sorted(keys) for row in made.by_question.get(key, ())]
    row = TrainRow(
        image=f"images/{sha}.png" if sha else None,
        image_sha256=sha,
        question=first.question,
        answers=(item.answer,),
        kind=next((row.kind for row in older), first.kind or "other"),
        source="+".join(sorted({vote.origin for vote in item.votes})),
        licence=first.licence or options.licence,
        group=first.image_sha256 or "",
        parents=tuple(sorted(row.id for row in older)),
        metadata=_lineage(item),
    )
    held = overlap(row, stored) or next((f"{row.split} split" for row in older if row.split != "train"), "")
    if held:
        made.left_out[f"in evaluation set {held}"] += 1
        return
    if content is not None:
        target.add_image(content)
    for old in older:
        made.replaced += made.base.pop(old.id, None) is not None
    made.rows.append(row)
    made.used += [vote.candidate_id for vote in item.votes if vote.candidate_id]
    if wrong := _rejected(item):
        made.preferences.append(
            PreferenceRow(
                image=row.image,
                image_sha256=row.image_sha256,
                question=row.question,
                chosen=item.answer,
                rejected=wrong,
                source=row.source,
                licence=row.licence,
                metadata={**row.metadata, "row": row.id},
            )
        )


def _problem(item: Settled, personal: Personal) -> str:
    if len(item.answer) > MAX_ANSWER:
        return "answer too long"
    if not normal_answer(item.answer):
        return "answer without words"
    found = [*personal(item.votes[0].question), *personal(item.answer)]
    return f"personal data: {found[0]}" if found else ""


def _rejected(item: Settled) -> str:
    """Return the model's answer where the votes correct it."""
    wrong = [vote.model_answer for vote in item.votes if vote.corrects and normal_answer(vote.model_answer)]
    return Counter(wrong).most_common(1)[0][0] if wrong else ""


def _lineage(item: Settled) -> dict[str, object]:
    """Return where an answer comes from; users by a hash that finds their rows again, not by name."""
    return {
        "run_ids": sorted({run for vote in item.votes for run in vote.run_ids}),
        "candidates": sorted({vote.candidate_id for vote in item.votes if vote.candidate_id}),
        "users": sorted({anonymous(vote.user) for vote in item.votes}),
        "votes_for": len(item.votes),
        "votes_against": len(item.against),
        "by_person": any(vote.by_person for vote in item.votes),
        "corrects": any(vote.corrects for vote in item.votes),
        "model_answer": item.votes[0].model_answer,
        "given_sha256": item.votes[0].image_sha256 or "",
    }


def _check_version(target: Dataset, name: str, version: str) -> None:
    if (target.folder / "dataset.json").exists() and target.record.version != version:
        raise invalid_input(
            f"{name} exists already, with other rows (version {target.record.version})",
            help="Give another name with --out: a data version is never changed.",
        )


def _write_preferences(target: Dataset, preferences: Sequence[PreferenceRow]) -> None:
    path = target.folder / "preferences.train.jsonl"
    if preferences:
        lines = sorted(row.model_dump_json() for row in preferences)
        write_whole(path, ("\n".join(lines) + "\n").encode())
    else:
        path.unlink(missing_ok=True)
