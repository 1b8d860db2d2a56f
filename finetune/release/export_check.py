"""What an export costs: its answers and its accuracy beside the checkpoint in transformers."""

from __future__ import annotations

from collections.abc import Mapping

from core.contracts import Contract
from core.errors import invalid_input
from evals.exact_match import exact_match
from finetune.release.answering import Answerer, Progress, Reply
from finetune.release.compare import Agreement, agreement
from finetune.release.questions import Questions


class ExportCheck(Contract):
    """One variant beside the reference. `loss` is the reference's accuracy minus the variant's."""

    accuracy: float
    reference: float
    loss: float
    agreement: Agreement


def check_exports(
    reference: Answerer,
    exports: Mapping[str, Answerer],
    questions: Questions,
    progress: Progress | None = None,
) -> dict[str, ExportCheck]:
    """Ask the reference and every export the same questions.

    Args:
        reference: The checkpoint in transformers.
        exports: What was exported, by name.
        questions: Asked in full; each must have an image.
        progress: Hears how many answers are done, over all of them.

    Raises:
        VidenceError: `invalid_input` for questions without images, or what answering raises.
    """
    if any(row.image is None for row in questions.rows):
        raise invalid_input(f"{questions.ref} has questions without an image", help="Give another data set.")
    asked, ids = questions.asked(), [row.id for row in questions.rows]
    total, done = len(asked) * (1 + len(exports)), 0

    def told(here: int, _: int) -> None:
        if progress is not None:
            progress(done + here, total)

    expected = reference.answer(asked, told)
    before = _accuracy(expected, questions)
    found: dict[str, ExportCheck] = {}
    for name, export in exports.items():
        done += len(asked)
        replies = export.answer(asked, told)
        after = _accuracy(replies, questions)
        found[name] = ExportCheck(
            accuracy=after,
            reference=before,
            loss=before - after,
            agreement=agreement(ids, expected, replies),
        )
    return found


def _accuracy(replies: list[Reply], questions: Questions) -> float:
    pairs = zip(replies, questions.rows, strict=True)
    return sum(exact_match(reply.text, row.answers) for reply, row in pairs) / len(questions.rows)
