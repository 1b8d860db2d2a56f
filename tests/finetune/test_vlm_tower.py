"""The tower learns, goes on where it stopped, and its result is a parts folder."""

import json

import numpy as np
import pytest

from finetune.vlm.pictures import drawn
from finetune.vlm.pool import TEACHER_DIM, read_chunk
from finetune.vlm.slots import targets

pytestmark = pytest.mark.ml


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pool")
    pictures = [drawn(number) for number in range(8)]
    np.savez(
        folder / "0000.npz",
        pixels=np.stack([np.asarray(picture.image) for picture in pictures]),
        targets=np.array([targets(picture.facts) for picture in pictures], dtype=np.int8),
        teacher=np.full((8, 49, TEACHER_DIM), np.nan, dtype=np.float16),
    )
    return folder


def _train(pool, run, base, steps):
    from finetune.vlm.tower_train import TowerRecipe, train_tower

    recipe = TowerRecipe(steps=steps, batch=8, warmup=1, save_every=100, chunks_at_once=1)
    return train_tower(pool, run, base, recipe, check=pool / "0000.npz")


def test_it_learns_and_goes_on_where_it_stopped(pool, tmp_path):
    from finetune.vlm.tiny import tiny_checkpoint
    from models.vlm_parts import TowerShape, read_parts

    base = tiny_checkpoint(tmp_path / "base")
    _train(pool, tmp_path / "run", base, 4)
    result = _train(pool, tmp_path / "run", base, 30)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    right = {line["step"]: line["right"] for line in lines if "right" in line}
    assert sorted(right) == [4, 30]
    assert sum(right[30].values()) > sum(right[4].values())
    assert read_parts(result).shape == TowerShape()


def test_the_first_layer_starts_from_what_varies_in_pictures(pool):
    from finetune.vlm.tower_model import starting_tower
    from models.vlm_parts import TowerShape

    kernel = starting_tower(TowerShape(), read_chunk(pool / "0000.npz").pixels)[
        "embeddings.patch_embedding.weight"
    ]
    flat = kernel.reshape(len(kernel), -1)
    flat = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    # Principal components stand at right angles to each other.
    assert np.abs(flat[:20] @ flat[:20].T - np.eye(20)).max() < 1e-3
