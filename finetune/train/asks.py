"""From rows to what the encoder takes: a question and an answer, or a preferred answer and the other."""

from __future__ import annotations

from collections.abc import Sequence

from finetune.data.rows import PreferenceRow, TrainRow
from finetune.train.encode import Ask
from finetune.train.mixture import Pack, Row, Source


def asks_of(pack: Pack, sources: Sequence[Source[Row]]) -> list[Ask]:
    """Return a pack's asks; a preference gives two, the chosen answer first."""
    source = sources[pack.source]
    found: list[Ask] = []
    for at in pack.rows:
        row = source.rows[at]
        image = None if row.image is None else source.folder / row.image
        answers = _answers(row)
        where = f"{source.name}:{row.id}"
        found += [Ask(where, row.question, answer, image, row.image_sha256 or "") for answer in answers]
    return found


def _answers(row: TrainRow | PreferenceRow) -> tuple[str, ...]:
    return (row.chosen, row.rejected) if isinstance(row, PreferenceRow) else row.answers[:1]
