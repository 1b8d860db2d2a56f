"""A dual encoder learns from captions, resumes exactly, and is what image search opens."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from core.settings import Settings
from finetune.data.dataset import Dataset
from finetune.data.rows import TrainRow
from finetune.train import contrastive
from finetune.train.contrastive import train_dual
from finetune.train.dual_encoder import Captioned, class_prior, closed_form, recall_at, unit_rows
from finetune.train.limits import Limits
from finetune.train.recipe import parse_config
from finetune.train.run_folder import RunFolder
from knowledge.images.bridge import open_bridge
from models.backbone import DIM, ImageFeatures
from tests.support.hash_embedder import HashEmbedder

pytestmark = pytest.mark.ml
WORDS = ["dog", "cat", "car", "tree", "beach", "boat", "girl", "bread", "tower", "horse"]


class FakeFeatures:
    """Features that are a fixed linear picture of the words in an image, whose colours are their code."""

    def __init__(self, _root):
        self._mix = np.random.default_rng(1).standard_normal((len(WORDS), DIM)).astype(np.float32)

    def __call__(self, path, sha256):
        with Image.open(path) as picture:
            code = np.asarray(picture)[0, :, 0] > 0
        noise = np.random.default_rng(int(sha256[:8], 16)).standard_normal(DIM) * 0.3
        vector = (code.astype(np.float32) @ self._mix + noise).astype(np.float32)
        return vector / np.linalg.norm(vector)


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(contrastive, "open_embedder", lambda _settings: HashEmbedder())
    monkeypatch.setattr(contrastive, "ImageFeaturesCache", FakeFeatures)
    dataset = Dataset(tmp_path / "home" / "finetune" / "data" / "captions")
    rng = np.random.default_rng(0)
    rows = []
    for number in range(80):
        chosen = sorted(rng.choice(len(WORDS), 3, replace=False).tolist())
        pixels = np.zeros((4, len(WORDS), 3), np.uint8)
        pixels[:, chosen] = 200
        pixels[3, :, 1] = number
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        path, sha = dataset.add_image(buffer.getvalue())
        words = [WORDS[at] for at in chosen]
        rows.append(
            TrainRow(
                image=path,
                image_sha256=sha,
                question="Describe the image.",
                answers=(f"a {words[0]}, {words[1]} and {words[2]}", f"{words[2]} near {words[0]}"),
                kind="caption",
                source="test",
                licence="CC0-1.0",
                split="dev" if number % 4 == 0 else "train",
            )
        )
    dataset.write("captions", rows)
    return Settings(home=tmp_path / "home")


def _config():
    section = {"dim": 32, "epochs": 4, "hard_epochs": 4, "prior": 0, "hard_negatives": 3}
    body = {"name": "dual", "task": "contrastive", "data": [{"name": "captions"}]}
    evaluation = {"data": [{"name": "captions"}], "every": 4}
    return parse_config({**body, "evaluation": evaluation, "contrastive": section, "threads": 1}, "x")


def _projection(run):
    with np.load(run.result / "projection.npz") as arrays:
        return arrays["image"], arrays["text"]


def test_a_dual_encoder_finds_unseen_images_and_image_search_opens_it(settings, tmp_path):
    run = RunFolder(tmp_path / "run")
    outcome = train_dual(_config(), settings, run)
    assert outcome.status == "finished"
    assert outcome.metrics["dev_recall@5"] > 0.7  # chance: 5 of 20
    assert outcome.metrics["dev_recall@5"] >= outcome.metrics["dev_recall@5_in_batch"] - 0.05
    embedder = HashEmbedder()
    bridge = open_bridge(str(run.result), embedder, tmp_path / "cache")
    source = contrastive.open_captions(_config(), settings.root)[1][0]
    cache = FakeFeatures(None)
    none = np.zeros(0, np.float32)
    seen = np.stack(
        [
            bridge.image(ImageFeatures(cache(source.folder / row.image, row.image_sha256), none, none, none))
            for row in source.rows
        ]
    )
    said = np.stack([bridge.text(vector) for vector in embedder.embed([r.answers[0] for r in source.rows])])
    assert recall_at(seen, said, np.arange(len(seen)), 5) > 0.7


def test_a_resumed_dual_encoder_is_the_same_to_the_bit(settings, tmp_path):
    whole, sliced = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "sliced")
    train_dual(_config(), settings, whole)
    status = train_dual(_config(), settings, sliced, limits=Limits(max_seconds=0)).status
    while status == "paused":
        stop = iter([False, True] * 9).__next__
        status = train_dual(_config(), settings, sliced, resume=True, limits=Limits(stop=stop)).status
    for one, two in zip(_projection(whole), _projection(sliced), strict=True):
        assert np.array_equal(one, two)
    assert [line["loss"] for line in whole.log()] == [line["loss"] for line in sliced.log()]
    assert json.loads((sliced.result / "run.json").read_text())["task"] == "contrastive"


def test_the_closed_form_stays_at_the_prior_when_nothing_may_be_learnt():
    rng = np.random.default_rng(0)
    images = unit_rows(rng.standard_normal((6, DIM)).astype(np.float32))
    texts = unit_rows(rng.standard_normal((6, 8)).astype(np.float32))
    prior = class_prior(
        rng.standard_normal((5, DIM)).astype(np.float32),
        rng.standard_normal((5, 8)).astype(np.float32),
        images,
    )
    image, text = closed_form(Captioned(images, texts, np.arange(6)), 8, 1e9, prior, 1.0)
    np.testing.assert_allclose(image @ text.T, prior, atol=1e-3)


def test_captions_that_say_the_same_are_no_hard_negatives(settings):
    from finetune.train.config import ContrastiveSection
    from finetune.train.dual_encoder import DualTrainer

    images = unit_rows(np.random.default_rng(0).standard_normal((3, DIM)).astype(np.float32))
    texts = HashEmbedder().embed(["a dog runs", "dog runs", "red boat"])
    section = ContrastiveSection(dim=8, hard_negatives=1, prior=0)
    trainer = DualTrainer(Captioned(images, texts, np.arange(3)), section, batch=3, seed=0)
    wrong_texts, wrong_images = trainer._mine()
    assert wrong_texts.flatten().tolist()[:2] == [2, 2]
    assert wrong_images.flatten().tolist()[:2] == [2, 2]
