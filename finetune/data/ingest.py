"""From a public set's files to a data set of ours: checked row by row, resumable, with every skip counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.contracts import Box
from core.errors import VidenceError, invalid_input
from finetune.data.convert.base import Blob, Converter, Draft, Options, Skip
from finetune.data.convert.places import box_text, place_text
from finetune.data.dataset import Dataset
from finetune.data.journal import Journal
from finetune.data.pictures import Kept, Pictures
from finetune.data.rows import SPLITS, DatasetRecord, Step, TrainRow
from finetune.data.views import other_data_set

Progress = Callable[[str, int, int], None]
_EXAMPLES = 5
_EDGE = 1.5
"""Pixels by which a box may stand over the image's edge: annotators round. It is cut to the image."""
_SHOW_EVERY = 50


@dataclass
class ConvertReport:
    """What became of the records of a source."""

    name: str
    converter: str
    version: str = ""
    read: int = 0
    kept: int = 0
    resumed: int = 0
    duplicates: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    images: int = 0
    leaks: dict[str, Any] = field(default_factory=dict)

    def skip(self, skip: Skip) -> None:
        """Count a skip and keep the first few as examples."""
        self.skipped[skip.reason] += 1
        shown = self.examples.setdefault(skip.reason, [])
        if len(shown) < _EXAMPLES:
            shown.append(f"{skip.where}: {skip.detail}" if skip.detail else skip.where)

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {**asdict(self), "skipped": dict(self.skipped)}


def convert(
    converter: Converter,
    source: Path,
    dataset: Dataset,
    name: str,
    *,
    options: Options | None = None,
    verify: bool = False,
    max_samples: int | None = None,
    progress: Progress | None = None,
) -> ConvertReport:
    """Read a source into a data set's folder.

    A run that was interrupted goes on where it was: what is done stands in `convert.part.jsonl` until the
    whole is written. Broken records are skipped and counted.

    Args:
        converter: What reads the layout.
        source: The set's folder or file.
        dataset: Where rows and images go.
        name: The data set's name.
        options: Splits, languages and the images' folder.
        verify: Decode every image wholly and read back what was stored. Without it headers are read.
        max_samples: Stop after so many rows, in the order of the source.
        progress: Called with a stage, what is done and what there is in all (0 when that is not known).

    Raises:
        VidenceError: `not_found` and `invalid_input` for a source that is not there or of another layout,
            `invalid_input` when nothing at all could be kept or another data set has the name, `unavailable`
            on a full disk.
    """
    options = options or Options()
    if max_samples is not None and max_samples < 1:
        raise invalid_input("--max-samples is at least 1", help="Leave it out to take every row.")
    work = {
        "converter": f"{converter.name}@{converter.version}",
        "source": str(source.expanduser().resolve()),
        "options": _plain(options),
        "verify": verify,
    }
    _check_target(dataset, converter, str(work["source"]))
    report = ConvertReport(name, f"{converter.name}@{converter.version}")
    drafts = converter.read(source.expanduser(), options)
    rows: dict[str, TrainRow] = {}
    with Journal(dataset.folder / "convert.part.jsonl", work) as journal:
        for entry in journal.done:
            if max_samples is not None and len(rows) >= max_samples:
                break
            _take(_from_journal(entry), rows, report)
            report.resumed += 1
            next(drafts, None)
        pictures = Pictures(dataset, thorough=verify)
        for draft in _until(drafts, rows, max_samples):
            made = draft if isinstance(draft, Skip) else row_of(draft, converter, pictures)
            journal.add(_to_journal(made))
            _take(made, rows, report)
            if progress and report.read % _SHOW_EVERY == 0:
                progress(f"{converter.name}: {report.kept:,} kept", report.read, max_samples or 0)
        journal.flush()
        if not rows:
            raise invalid_input(
                f"Nothing of {source} could be kept: {_reasons(report) or 'no record of what was asked'}",
                help="See --list for the expected layout, and --split, --language and --images.",
            )
        record = _finish(dataset, name, rows, report, work, max_samples)
        journal.remove()
    report.version = record.version
    return report


def _check_target(dataset: Dataset, converter: Converter, source: str) -> None:
    """Refuse a name under which something else lies; the same source again takes the old one's place."""
    if not (dataset.folder / "dataset.json").exists():
        return
    old = dataset.record
    first = old.steps[0] if old.steps else None
    same = (
        not old.parents
        and first is not None
        and first.name == "convert"
        and str(first.options.get("converter", "")).partition("@")[0] == converter.name
        and first.options.get("source") == source
    )
    if not same:
        made = ", ".join(old.parents) or (first.options.get("source") if first else "") or "by hand"
        raise other_data_set(dataset, f"made of {made}")


def _until(
    drafts: Iterator[Draft | Skip], rows: dict[str, TrainRow], most: int | None
) -> Iterator[Draft | Skip]:
    while most is None or len(rows) < most:
        try:
            draft = next(drafts, None)
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
            # A file whose inside is not what its layout says ends its reading, not the work that is done.
            yield Skip("source", "rest not readable", f"{type(error).__name__}: {error}")
            return
        if draft is None:
            return
        yield draft


def row_of(draft: Draft, converter: Converter, pictures: Pictures) -> TrainRow | Skip:
    """Return a draft as a row with its image stored, or why it makes none; raises on a full disk only."""
    if not draft.question.strip():
        return Skip(draft.where, "no question")
    kept: Kept | None = None
    if draft.image is not None:
        try:
            kept = pictures.add(draft.image, draft.image_sha256)
        except VidenceError as error:
            if error.kind == "unavailable":
                raise
            reason = "missing image" if error.kind == "not_found" else "broken image"
            return Skip(draft.where, reason, error.message)
    boxes = _checked_boxes(draft, kept)
    if isinstance(boxes, Skip):
        return boxes
    answers = tuple(answer.strip() for answer in draft.answers if answer.strip())
    if draft.answer_from and kept is not None and boxes:
        told = box_text if draft.answer_from == "boxes" else place_text
        answers = (told(boxes, kept.width, kept.height),)
    if not answers:
        return Skip(draft.where, "no answer", draft.question[:80])
    origin = {"converter": f"{converter.name}@{converter.version}", "where": draft.where}
    if isinstance(draft.image, Path | Blob):
        origin["image"] = draft.image.name
    if draft.official:
        origin["official_split"] = draft.official
    try:
        return TrainRow(
            image=kept.path if kept else None,
            image_sha256=kept.sha256 if kept else None,
            question=draft.question.strip(),
            answers=answers,
            kind=draft.kind,
            source=converter.name,
            licence=draft.licence or converter.licence,
            split=draft.split,
            choices=draft.choices,
            boxes=boxes,
            group=draft.group,
            metadata={**draft.metadata, "origin": origin},
        )
    except ValidationError as error:
        return Skip(draft.where, "broken row", str(error.errors()[0]["msg"]))


def _checked_boxes(draft: Draft, kept: Kept | None) -> tuple[Box, ...] | Skip:
    """Return the boxes cut to the image, or a skip for those of another image or outside it."""
    if not draft.boxes:
        return ()
    if kept is None:
        return Skip(draft.where, "boxes without an image")
    if draft.size is not None and draft.size != (kept.width, kept.height):
        said = f"annotated at {draft.size[0]} x {draft.size[1]}, the image is {kept.width} x {kept.height}"
        return Skip(draft.where, "size differs", said)
    found = []
    for x0, y0, x1, y1 in draft.boxes:
        inside = x0 >= -_EDGE and y0 >= -_EDGE and x1 <= kept.width + _EDGE and y1 <= kept.height + _EDGE
        if not inside or not (x1 > x0 and y1 > y0):
            said = f"[{x0:g}, {y0:g}, {x1:g}, {y1:g}] in {kept.width} x {kept.height}"
            return Skip(draft.where, "box outside the image", said)
        found.append((max(x0, 0.0), max(y0, 0.0), min(x1, kept.width), min(y1, kept.height)))
    return tuple(found)


def _take(made: TrainRow | Skip, rows: dict[str, TrainRow], report: ConvertReport) -> None:
    report.read += 1
    if isinstance(made, Skip):
        report.skip(made)
    elif made.id in rows:
        # The same question and answer about the same image is one row; what is tested on is not trained on.
        report.duplicates += 1
        report.skip(Skip(str(made.metadata["origin"]["where"]), "same row again", made.question[:80]))
        if SPLITS.index(made.split) > SPLITS.index(rows[made.id].split):
            rows[made.id] = made
    else:
        rows[made.id] = made
        report.kept += 1


def _finish(
    dataset: Dataset,
    name: str,
    rows: dict[str, TrainRow],
    report: ConvertReport,
    work: dict[str, Any],
    max_samples: int | None,
) -> DatasetRecord:
    step = Step(
        name="convert",
        options={**work, **({"max_samples": max_samples} if max_samples else {})},
        rows_in=report.read,
        rows_out=len(rows),
        reasons=dict(report.skipped),
        examples=report.examples,
    )
    record = dataset.write(name, rows.values(), steps=(step,))
    report.splits, report.kinds = record.rows, record.kinds
    report.images = len({row.image_sha256 for row in rows.values() if row.image_sha256})
    return record


def _plain(options: Options) -> dict[str, Any]:
    return {
        key: str(value) if isinstance(value, Path) else value
        for key, value in asdict(options).items()
        if value
    }


def _reasons(report: ConvertReport) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in report.skipped.most_common())


def _to_journal(made: TrainRow | Skip) -> dict[str, Any]:
    return {"skip": asdict(made)} if isinstance(made, Skip) else {"row": made.model_dump(mode="json")}


def _from_journal(entry: dict[str, Any]) -> TrainRow | Skip:
    return Skip(**entry["skip"]) if "skip" in entry else TrainRow.model_validate(entry["row"])
