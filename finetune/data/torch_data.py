"""Data sets for any torch training loop: packs of rows, an order that resumes, collators.

`finetune.train` has its own loop over the same encoder; this is for others (the trainers of transformers and
TRL, a loop of one's own). Nothing here imports torch until a batch is made:

    rows = TorchRows(dataset, "train", turns=4)
    order = PackOrder(len(rows), size=8, seed=1)
    loader = DataLoader(rows, batch_sampler=order, collate_fn=SftCollator(processor))
    for batch in loader: model(**batch).loss.backward()

To go on at step `n` of an epoch, give a new `PackOrder` the `state_dict` of the old one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from core.errors import invalid_input
from finetune.data.dataset import Dataset
from finetune.data.rows import PreferenceRow, Split, TrainRow
from finetune.train.encode import Ask, Batch, Encoder

if TYPE_CHECKING:
    import torch

IGNORED = -100
"""The label of tokens that are not learnt, as torch's cross entropy has it by default."""


class TorchRows:
    """A map-style torch data set: an item is the questions that share one sequence.

    Args:
        dataset: Where rows and images lie.
        split: Which rows; `rows` instead gives them outright.
        turns: Most questions about one image in a sequence; 1 packs nothing.
        rows: The rows themselves, when they were chosen elsewhere.
    """

    def __init__(
        self,
        dataset: Dataset,
        split: Split = "train",
        *,
        turns: int = 1,
        rows: Sequence[TrainRow] | None = None,
    ) -> None:
        if turns < 1:
            raise invalid_input("turns is at least 1", help="1 packs nothing.")
        self._folder = dataset.folder
        self._rows = list(dataset.rows(split) if rows is None else rows)
        self._packs = packs_of(self._rows, turns)

    def __len__(self) -> int:
        """Return how many packs there are."""
        return len(self._packs)

    def __getitem__(self, index: int) -> list[Ask]:
        """Return the questions of a pack with the answer to train on."""
        return [self._ask(self._rows[at], self._rows[at].answers[0]) for at in self._packs[index]]

    def _ask(self, row: TrainRow, answer: str) -> Ask:
        image = None if row.image is None else self._folder / row.image
        return Ask(row.id, row.question, answer, image, row.image_sha256 or "")


class TorchPreferences:
    """A map-style torch data set of preferences: an item is the chosen answer and then the rejected one."""

    def __init__(self, dataset: Dataset, rows: Sequence[PreferenceRow]) -> None:
        self._folder = dataset.folder
        self._rows = list(rows)

    def __len__(self) -> int:
        """Return how many pairs there are."""
        return len(self._rows)

    def __getitem__(self, index: int) -> list[Ask]:
        """Return a pair."""
        row = self._rows[index]
        image = None if row.image is None else self._folder / row.image
        said = (row.chosen, row.rejected)
        return [Ask(row.id, row.question, answer, image, row.image_sha256 or "") for answer in said]


def packs_of(rows: Sequence[TrainRow], turns: int) -> list[tuple[int, ...]]:
    """Return which rows share a sequence: questions about one image, at most `turns`; texts stay alone.

    The packs depend on the rows alone, not on their order: rows go by id within their image.
    """
    by_image: dict[str, list[int]] = defaultdict(list)
    for at in sorted(range(len(rows)), key=lambda one: rows[one].id):
        by_image[rows[at].image_sha256 or f"text:{rows[at].id}"].append(at)
    return [
        tuple(members[start : start + turns])
        for _, members in sorted(by_image.items())
        for start in range(0, len(members), turns)
    ]


class PackOrder:
    """A batch sampler whose order is a pure function of seed and epoch, and that goes on at any step.

    Args:
        count: Packs there are.
        size: Packs of a batch; the last batch of an epoch may have fewer.
        seed: Shuffles; no seed keeps the order.
    """

    def __init__(self, count: int, *, size: int, seed: int | None = 0) -> None:
        if size < 1:
            raise invalid_input("A batch has at least one pack", help="Raise the batch size.")
        self._count, self._size, self._seed = count, size, seed
        self.epoch = 0
        self.step = 0

    def __len__(self) -> int:
        """Return the batches of a whole epoch."""
        return (self._count + self._size - 1) // self._size

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches of this epoch from the current step on, then turn to the next epoch."""
        order = self._order()
        while self.step < len(self):
            start = self.step * self._size
            self.step += 1
            yield order[start : start + self._size]
        self.epoch, self.step = self.epoch + 1, 0

    def state_dict(self) -> dict[str, Any]:
        """Return where the order stands: the next batch is number `step` of `epoch`."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "seed": self._seed,
            "count": self._count,
            "size": self._size,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where another order stood.

        Raises:
            VidenceError: `invalid_input` when that was an order of other data, batches or seed.
        """
        ours = {"seed": self._seed, "count": self._count, "size": self._size}
        theirs = {key: state.get(key) for key in ours}
        if theirs != ours:
            raise invalid_input(
                f"The saved order is of {theirs}, this one of {ours}",
                help="Resume with the same data, batch size and seed.",
            )
        self.epoch, self.step = int(state["epoch"]), int(state["step"])

    def _order(self) -> list[int]:
        import numpy as np

        if self._seed is None:
            return list(range(self._count))
        return [int(at) for at in np.random.default_rng([self._seed, self.epoch]).permutation(self._count)]


class SftCollator:
    """Turns packs into what `model(**batch)` takes, with the loss on answer tokens alone.

    Prompts, pixels and answers are those of `finetune.train.encode.Encoder`: the processor's own, as in
    serving. Questions of a pack see their image and themselves, not each other, at the positions that they
    would have alone; so the loss of a pack is that of its questions one by one.

    Args:
        processor: The checkpoint's processor (`LlavaProcessor`, or any with a chat template).
        max_tokens: Longest sequence. No answer is ever cut: what does not fit is left out.
        packs: Whether items may have several questions (LLaVA's fixed image tokens); otherwise each has one.
        dtype: Of the model's weights, for the mask of packs: `float32`, `bfloat16`, `float16`.
        unusable: `skip` leaves questions out that do not fit or whose image is broken, and notes them in
            `skipped`; `error` raises `invalid_input`.
    """

    def __init__(
        self,
        processor: Any,
        *,
        max_tokens: int = 2048,
        packs: bool = True,
        dtype: str = "float32",
        unusable: Literal["skip", "error"] = "skip",
    ) -> None:
        self._encoder = Encoder(processor, max_tokens=max_tokens, packs=packs)
        self._dtype = dtype
        self._unusable = unusable
        self.skipped: list[tuple[str, str]] = []

    def __call__(self, items: Sequence[Sequence[Ask]]) -> dict[str, Any]:
        """Return a batch; an empty dictionary when no question of it can be used.

        Raises:
            VidenceError: `invalid_input` with `unusable="error"`.
        """
        batch = self._encoder.batch(items)
        problems = list(self._encoder.problems)
        if problems and self._unusable == "error":
            where, why = problems[0]
            raise invalid_input(f"Row {where}: {why}", help="Raise max_tokens, or leave the row out.")
        self.skipped += problems
        return {} if batch is None else model_inputs(batch, self._dtype)


class PreferenceCollator:
    """Turns preferences into the batch that `finetune.train.objective.dpo_module` takes.

    Turns come in pairs, the chosen answer first; a pair of which one does not fit is left out as a whole.
    """

    def __init__(self, processor: Any, *, max_tokens: int = 2048, packs: bool = True) -> None:
        self._encoder = Encoder(processor, max_tokens=max_tokens, packs=packs, whole=True)
        self.skipped: list[tuple[str, str]] = []

    def __call__(self, items: Sequence[Sequence[Ask]]) -> Batch | None:
        """Return a batch, or nothing when no pair of it can be used."""
        batch = self._encoder.batch(items)
        self.skipped += list(self._encoder.problems)
        return batch


def model_inputs(batch: Batch, dtype: str = "float32") -> dict[str, Any]:
    """Return a batch as keyword arguments of a transformers model.

    `shift_labels` (rows, length) hold at each position the token that its output predicts, -100 where nothing
    is learnt; transformers' loss takes them as they are. `labels` are the same, to ask for the loss. They
    cannot be shifted by one as usual: after a question of a pack comes the next question, not its last token.
    """
    import torch

    inputs = dict(batch.inputs)
    mask = inputs["attention_mask"]
    if mask.ndim == 4:
        kind = getattr(torch, dtype)
        inputs["attention_mask"] = torch.zeros(mask.shape, dtype=kind).masked_fill(
            ~mask, torch.finfo(kind).min
        )
    labels = torch.full(inputs["input_ids"].shape, IGNORED)
    labels.view(-1)[batch.take] = batch.targets
    return {**inputs, "labels": labels, "shift_labels": labels}


def answer_tokens(batch: dict[str, torch.Tensor]) -> int:
    """Return how many tokens a batch learns: what its mean loss is a mean of."""
    return int((batch["shift_labels"] != IGNORED).sum())
