"""A dual encoder run: captioned images to `projection.npz`, which VIDENCE_IMAGE_ENCODER takes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core.errors import VidenceError, invalid_input
from core.images import ImageStore
from core.settings import Settings
from finetune.data.dataset import write_whole
from finetune.data.rows import TrainRow
from finetune.train.checkpoint import read_state, write_state
from finetune.train.config import ContrastiveConfig
from finetune.train.dual_encoder import Captioned, DualTrainer, class_prior, recall_at, unit_rows
from finetune.train.limits import Limits, Progress
from finetune.train.mixture import Source, open_source
from finetune.train.model import require_torch
from finetune.train.outcome import Outcome
from finetune.train.recipe import config_sha256
from finetune.train.run_folder import RunFolder
from finetune.train.setup import data_folder
from knowledge.images.bridge import PROJECTION_FILE
from models.backbone import Backbone
from models.embeddings import Embedder, open_embedder

_AT = 5


def open_captions(
    config: ContrastiveConfig, root: Path
) -> tuple[list[Source[TrainRow]], list[Source[TrainRow]]]:
    """Return what to train on and what to measure on: rows with an image, every answer a caption of it."""
    train = [open_source(spec, data_folder(spec, root), TrainRow, config.seed) for spec in config.data]
    measured = [
        open_source(spec, data_folder(spec, root), TrainRow, config.seed) for spec in config.evaluation.data
    ]
    if not any(row.image for source in train for row in source.rows):
        raise invalid_input(
            "The data sets hold no images", help="Convert captions: vidence finetune data --help"
        )
    return train, measured


def plan_dual(config: ContrastiveConfig, root: Path, run: RunFolder) -> Outcome:
    """Return what a run would do, without loading anything."""
    train, _ = open_captions(config, root)
    return _outcome(config, run, train, "planned", 0)


def train_dual(
    config: ContrastiveConfig,
    settings: Settings,
    run: RunFolder,
    *,
    resume: bool = False,
    limits: Limits | None = None,
    progress: Progress = lambda _done, _total, _line: None,
) -> Outcome:
    """Train, or go on training; the result is a folder for VIDENCE_IMAGE_ENCODER.

    Raises:
        VidenceError: `invalid_input`, `not_found` or `unavailable`, saying what to do.
    """
    require_torch()
    limits = limits or Limits()
    root = settings.root
    train, measured = open_captions(config, root)
    embedder = open_embedder(settings)
    facts = {"data": _data_record(train), "backbone": Backbone.name, "text_model": embedder.hash}
    run.start(config, resume=resume)
    run.pin("facts", facts)
    if run.finished:
        return _outcome(config, run, train, "finished", _total(config))
    import torch

    if config.threads:
        torch.set_num_threads(config.threads)
    skipped: list[tuple[str, str]] = []
    features = ImageFeaturesCache(root)
    data = captioned(train, embedder, features, skipped)
    dev = captioned(measured, embedder, features, skipped) if measured else None
    prior = _prior(data, embedder) if config.contrastive.prior else None
    trainer = DualTrainer(data, config.contrastive, batch=config.optim.batch, seed=config.seed, prior=prior)
    done = _restore(run, trainer) if resume else 0
    run.cut_log(done)
    for where, reason in skipped if not resume else ():
        run.append({"step": 0, "event": "skip", "where": where, "reason": reason})
    while done < _total(config):
        phase = "hard" if done >= config.contrastive.epochs else "in_batch"
        line: dict[str, Any] = {"step": done + 1, "phase": phase, "loss": trainer.epoch(done)}
        done += 1
        ends = done in (config.contrastive.epochs, _total(config))
        if dev is not None and (ends or done == limits.until or done % config.evaluation.every == 0):
            line[f"dev_recall@{_AT}"] = measure(trainer, dev)
        run.append(line)
        progress(done, _total(config), line)
        stopping = limits.reached(done) and done < _total(config)
        if stopping or ends or done % config.checkpoints.every == 0:
            _save(run, trainer, done, config.checkpoints.keep)
        if stopping:
            return _outcome(config, run, train, "paused", done)
    _write_result(config, run, trainer, facts)
    return _outcome(config, run, train, "finished", done)


class ImageFeaturesCache:
    """The backbone's pooled features by the image file's hash, kept below the data folder."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "finetune" / "features" / Backbone.name
        self._backbone = Backbone(root / "models")
        self._store = ImageStore(root / "images", max_bytes=50_000_000, max_pixels=100_000_000)

    def __call__(self, path: Path, sha256: str) -> Any:
        """Return the features at unit length, shape (1280,); raises `VidenceError` for a broken image."""
        import numpy as np

        kept = self._folder / sha256[:2] / f"{sha256}.npy"
        if kept.is_file():
            return np.load(kept, allow_pickle=False)
        vector = self._backbone.features(self._store.decode(path.read_bytes(), path.name)).vector
        buffer = io.BytesIO()
        np.save(buffer, vector, allow_pickle=False)
        write_whole(kept, buffer.getvalue())
        return vector


def captioned(
    sources: Sequence[Source[TrainRow]],
    embedder: Embedder,
    features: Callable[[Path, str], Any],
    skipped: list[tuple[str, str]],
) -> Captioned:
    """Return features and caption vectors of all rows with an image; broken images are reported."""
    import numpy as np

    images: dict[str, Any] = {}
    captions: dict[tuple[str, str], None] = {}
    for source in sources:
        for row in source.rows:
            if row.image is None or row.image_sha256 is None:
                continue
            sha = row.image_sha256
            try:
                if sha not in images:
                    images[sha] = features(source.folder / row.image, sha)
            except VidenceError as error:
                if error.kind != "invalid_input":
                    raise
                skipped.append((f"{source.name}:{row.id}", error.message))
                continue
            captions.update(dict.fromkeys((sha, answer) for answer in row.answers))
    place = {sha: at for at, sha in enumerate(images)}
    owner = np.array([place[sha] for sha, _ in captions], dtype=np.int64)
    vectors = embedder.embed([text for _, text in captions])
    return Captioned(np.stack(list(images.values())).astype(np.float32), vectors.astype(np.float32), owner)


def measure(trainer: DualTrainer, data: Captioned) -> float:
    """Return recall@5 of captions among the images that were not trained on."""
    image, text = trainer.matrices
    return recall_at(unit_rows(data.images @ image), unit_rows(data.texts @ text), data.owner, _AT)


def _prior(data: Captioned, embedder: Embedder) -> Any:
    from models.backbone import image_classes, weights_file
    from models.backbone_weights import read_checkpoint

    captions = embedder.embed([item.caption for item in image_classes()])
    return class_prior(read_checkpoint(weights_file())["_fc.weight"], captions, data.images)


def _total(config: ContrastiveConfig) -> int:
    return config.contrastive.epochs + config.contrastive.hard_epochs


def _data_record(sources: Sequence[Source[TrainRow]]) -> dict[str, Any]:
    return {
        source.name: {"version": source.version, "rows": len(source.rows), "skipped": len(source.skipped)}
        for source in sources
    }


def _save(run: RunFolder, trainer: DualTrainer, done: int, keep: int) -> None:
    state = trainer.optimiser.state_dict()
    run.save_checkpoint(
        done, lambda folder: write_state(folder, step=done, weights=trainer.weights, optimiser=state), keep
    )


def _restore(run: RunFolder, trainer: DualTrainer) -> int:
    found = run.checkpoints()
    if not found:
        return 0
    done, state = read_state(found[-1], trainer.weights)
    trainer.optimiser.load_state_dict(state)
    return done


def _write_result(
    config: ContrastiveConfig, run: RunFolder, trainer: DualTrainer, facts: dict[str, Any]
) -> None:
    import numpy as np

    image, text = trainer.matrices
    buffer = io.BytesIO()
    np.savez(buffer, image=image, text=text)
    write_whole(run.result / PROJECTION_FILE, buffer.getvalue())
    name = f"dev_recall@{_AT}"
    measured = [line for line in run.log() if name in line]
    before = [line[name] for line in measured if line["step"] == config.contrastive.epochs]
    metrics = {"train_loss": [line["loss"] for line in run.log() if "loss" in line][-1]}
    if measured:
        metrics |= {f"{name}_in_batch": before[0], name: measured[-1][name]}
    body = {
        "run": run.path.name,
        "task": "contrastive",
        "config_sha256": config_sha256(config),
        **facts,
        "metrics": metrics,
    }
    write_whole(run.result / "run.json", json.dumps(body, indent=2).encode())


def _outcome(
    config: ContrastiveConfig, run: RunFolder, train: Sequence[Source[TrainRow]], status: Any, step: int
) -> Outcome:
    path = run.result / "run.json"
    metrics = json.loads(path.read_text())["metrics"] if path.is_file() else {}
    phases = {"in_batch": config.contrastive.epochs, "hard": config.contrastive.hard_epochs}
    return Outcome(
        run.path.name,
        run.path,
        status,
        config_sha256(config),
        step,
        _total(config),
        metrics,
        _data_record(train),
        phases,
        run.skips() or [skip.__dict__ for source in train for skip in source.skipped],
    )
