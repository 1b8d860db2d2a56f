"""Makes documents by number, as the charts are made."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from finetune.data.rows import Split
from finetune.synth.charts import split_of
from finetune.synth.documents.page import make_page
from finetune.synth.documents.receipt import make_receipt
from finetune.synth.documents.table import make_table
from finetune.synth.made import Made

VERSION = "documents-1"
KINDS: dict[str, Callable[[Random, Split], Made]] = {
    "tables": make_table,
    "receipts": make_receipt,
    "pages": make_page,
}


class DocumentMaker:
    """Makes tables, receipts or pages.

    Args:
        kind: `tables`, `receipts` or `pages`.
        seed: The same seed makes the same documents.
        shares: How many of ten are for train, dev and test.
        questions: How many questions a document has at most.
    """

    def __init__(
        self, kind: str, seed: int, *, shares: tuple[float, float, float] = (8, 1, 1), questions: int = 8
    ) -> None:
        self._make, self._kind, self._seed = KINDS[kind], kind, seed
        self._shares, self._questions = shares, questions

    def make(self, index: int) -> Made:
        """Draw the document of a number and ask about it."""
        random = Random(f"{VERSION}:{self._kind}:{self._seed}:{index}")
        made = self._make(random, split_of(self._seed, index, self._shares))
        asked = list(made.questions)
        random.shuffle(asked)
        facts = {**made.metadata, "seed": self._seed, "index": index}
        return made.model_copy(update={"questions": tuple(asked[: self._questions]), "metadata": facts})

    def close(self) -> None:
        """Nothing is open."""
