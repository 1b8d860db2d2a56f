from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.errors import VidenceError
from finetune.data.dataset import Dataset
from finetune.data.rows import PreferenceRow, TrainRow
from finetune.data.torch_data import (
    PackOrder,
    PreferenceCollator,
    SftCollator,
    TorchPreferences,
    TorchRows,
    answer_tokens,
    packs_of,
)
from tests.finetune.samples import png
from tests.finetune.test_curate import make, written


def shapes(dataset: Dataset, images: int = 2, each: int = 3) -> list[TrainRow]:
    asked = [
        ("what is the shape?", "circle"),
        ("is there a red shape?", "no"),
        ("what colour is it?", "blue green"),
    ]
    return [
        make(dataset, question, answer, png(image), kind=f"k{number}")
        for image in range(images)
        for number, (question, answer) in enumerate(asked[:each])
    ]


def test_packs_hold_one_image_and_do_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "d")
    rows = [*shapes(dataset, images=3), make(dataset, "Who?", "Ada"), make(dataset, "Why?", "unanswerable")]

    def named(ordered: list[TrainRow]) -> list[tuple[str, ...]]:
        return [tuple(ordered[at].id for at in pack) for pack in packs_of(ordered, 2)]

    packs = packs_of(rows, 2)
    assert sorted(at for pack in packs for at in pack) == list(range(len(rows)))
    assert all(len({rows[at].image_sha256 for at in pack}) == 1 for pack in packs)
    assert sorted(map(len, packs)) == [1, 1, 1, 1, 1, 2, 2, 2]
    assert named(rows[::-1]) == named(rows)


def test_the_order_is_a_function_of_seed_and_epoch_and_goes_on_at_any_step() -> None:
    whole = PackOrder(23, size=4, seed=5)
    first, second = list(whole), list(whole)
    assert sorted(at for batch in first for at in batch) == list(range(23))
    assert first != second
    stopped = PackOrder(23, size=4, seed=5)
    walk = iter(stopped)
    seen = [next(walk) for _ in range(3)]
    later = PackOrder(23, size=4, seed=5)
    later.load_state_dict(stopped.state_dict())
    assert seen + list(later) == first
    assert list(later) == second


def test_a_saved_order_of_other_data_is_refused() -> None:
    order = PackOrder(10, size=2, seed=1)
    with pytest.raises(VidenceError, match="saved order"):
        order.load_state_dict(PackOrder(11, size=2, seed=1).state_dict())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    torch = pytest.importorskip("torch", reason="make setup-ml")
    from transformers import AutoProcessor, LlavaForConditionalGeneration

    from finetune.vlm.tiny import tiny_checkpoint

    folder = tiny_checkpoint(tmp_path_factory.mktemp("model") / "tiny")
    loaded = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    return loaded.eval(), AutoProcessor.from_pretrained(folder)


def loss_sum(model: Any, batch: dict[str, Any]) -> float:
    import torch

    with torch.no_grad():
        return float(model(**batch).loss) * answer_tokens(batch)


@pytest.mark.ml
def test_the_loss_of_a_pack_is_the_sum_of_the_losses_of_its_questions(
    tmp_path: Path, model: tuple[Any, Any]
) -> None:
    network, processor = model
    dataset = Dataset(tmp_path / "d")
    rows = [*shapes(dataset), make(dataset, "is the triangle there?", "yes")]
    written(dataset, rows)
    packed, single = TorchRows(dataset, turns=3), TorchRows(dataset, turns=1)
    together = SftCollator(processor)([packed[at] for at in range(len(packed))])
    apart = sum(loss_sum(network, SftCollator(processor)([single[at]])) for at in range(len(single)))
    plain = sum(
        loss_sum(network, SftCollator(processor, packs=False)([single[at]])) for at in range(len(single))
    )
    assert (len(packed), len(single)) == (3, 7)
    assert together["input_ids"].shape[0] == 3
    assert loss_sum(network, together) == pytest.approx(apart, rel=1e-4)
    assert apart == pytest.approx(plain, rel=1e-4)


@pytest.mark.ml
def test_only_the_answer_and_its_end_are_learnt(tmp_path: Path, model: tuple[Any, Any]) -> None:
    _, processor = model
    dataset = Dataset(tmp_path / "d")
    written(dataset, [make(dataset, "what is the shape?", "blue circle", png(1))])
    for packs in (True, False):
        batch = SftCollator(processor, packs=packs)([TorchRows(dataset)[0]])
        learnt = batch["shift_labels"][batch["shift_labels"] != -100]
        assert processor.tokenizer.decode(learnt) == "blue circle<|im_end|>"
        assert "shape" in processor.tokenizer.decode(batch["input_ids"][0])


@pytest.mark.ml
def test_an_answer_is_never_cut_short(tmp_path: Path, model: tuple[Any, Any]) -> None:
    _, processor = model
    dataset = Dataset(tmp_path / "d")
    rows = [make(dataset, "what is there?", "red " * 300, png(1)), make(dataset, "is it red?", "yes", png(1))]
    written(dataset, rows)
    for packs in (True, False):
        items = [[ask] for ask in TorchRows(dataset, turns=2)[0]]
        collator = SftCollator(processor, max_tokens=128, packs=packs)
        batches = [collator([item]) for item in items]
        assert sorted(map(bool, batches)) == [False, True]
        ((where, why),) = collator.skipped
        assert where == rows[0].id
        assert "128 tokens" in why
    with pytest.raises(VidenceError, match=rows[0].id):
        SftCollator(processor, max_tokens=128, unusable="error")([TorchRows(dataset, turns=2)[0]])


@pytest.mark.ml
def test_a_broken_image_is_skipped_by_name_and_the_rest_is_used(
    tmp_path: Path, model: tuple[Any, Any]
) -> None:
    _, processor = model
    dataset = Dataset(tmp_path / "d")
    rows = shapes(dataset, images=2, each=1)
    written(dataset, rows)
    (dataset.folder / str(rows[0].image)).write_bytes(b"broken")
    data = TorchRows(dataset)
    collator = SftCollator(processor)
    batch = collator([data[at] for at in range(len(data))])
    assert batch["input_ids"].shape[0] == 1
    assert [where for where, _ in collator.skipped] == [rows[0].id]


@pytest.mark.ml
def test_a_loader_resumes_with_the_same_batches(tmp_path: Path, model: tuple[Any, Any]) -> None:
    import torch

    _, processor = model
    dataset = Dataset(tmp_path / "d")
    written(dataset, shapes(dataset, images=5, each=1))
    data = TorchRows(dataset)

    def loader(order: PackOrder) -> Any:
        return torch.utils.data.DataLoader(data, batch_sampler=order, collate_fn=SftCollator(processor))

    whole = [batch["input_ids"] for batch in loader(PackOrder(len(data), size=2, seed=3))]
    later = PackOrder(len(data), size=2, seed=3)
    later.load_state_dict({**later.state_dict(), "step": 1})
    rest = [batch["input_ids"] for batch in loader(later)]
    assert len(whole) == 3
    assert all(torch.equal(a, b) for a, b in zip(whole[1:], rest, strict=True))


@pytest.mark.ml
def test_preferences_come_as_pairs_with_the_chosen_answer_first(
    tmp_path: Path, model: tuple[Any, Any]
) -> None:
    _, processor = model
    dataset = Dataset(tmp_path / "d")
    image, sha = dataset.add_image(png(1))
    values = {"image": image, "image_sha256": sha, "source": "made", "licence": "CC0-1.0"}
    rows = [
        PreferenceRow(question="what is the shape?", chosen="circle", rejected="triangle", **values),
        PreferenceRow(question="is it red?", chosen="no", rejected="red " * 300, **values),
    ]
    pairs = TorchPreferences(dataset, rows)
    collator = PreferenceCollator(processor, max_tokens=128)
    batch = collator([pairs[0], pairs[1]])
    assert batch is not None
    assert batch.count == 2
    said = [processor.tokenizer.decode(batch.targets[batch.turns == turn]) for turn in range(2)]
    assert said == ["circle<|im_end|>", "triangle<|im_end|>"]
    assert {where for where, _ in collator.skipped} == {rows[1].id}
