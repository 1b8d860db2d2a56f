"""Image search by pixels alone with a dual encoder trained on captions: recall@5, by cross-validation.

Photos with captions (flickr8k_1000) are split into five parts by image. For each part a dual encoder is
trained on the other four (`configs/dual_encoder.yaml`); the part's captions then ask for their image:
  all        among all images, those that were trained on too
  held out   among the part's own images only
  conse      no training: what ImageNet's classes say (the default of image search)
  start      the closed form that training starts from
  in_batch   trained with the batch's other captions as negatives
  hard       trained on with the nearest wrong captions and images, mined each pass

Features are cached in --home; nothing of the data leaves it. Minutes on two cores, most of them for features.

    python -m benchmarks.dual_encoder [--data ../shared/data] [--home DIR] [--folds 5] [-o FILE]
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import add_data_option, add_output_options, print_figures
from core.images import ImageStore
from core.settings import Settings
from evals.suites.rows import json_lines
from finetune.train.config import ContrastiveConfig, ContrastiveSection
from finetune.train.dual_encoder import Captioned, DualTrainer, class_prior, recall_at, unit_rows
from finetune.train.recipe import load_config
from knowledge.images.bridge import ConseBridge
from models.backbone import Backbone, image_classes, weights_file
from models.backbone_weights import read_checkpoint
from models.embeddings import open_embedder

RECIPE = Path(__file__).resolve().parents[1] / "configs" / "dual_encoder.yaml"
_AT = 5


def features(folder: Path, home: Path) -> tuple[Captioned, Any, Any]:
    """Return features, caption vectors and owners; what ConSE makes of the images; the class captions."""
    settings = Settings(home=home)
    embedder = open_embedder(settings)
    backbone = Backbone(settings.root / "models")
    conse = ConseBridge(embedder, settings.root / "models")
    rows = json_lines(folder / "dev.jsonl")
    key = hashlib.sha256(f"{folder.name}|{Backbone.name}|{embedder.hash}|{len(rows)}".encode()).hexdigest()[
        :12
    ]
    kept = home / f"dual-{key}.npz"
    if not kept.is_file():
        store = ImageStore(home / "images", max_bytes=1 << 30, max_pixels=1 << 28)
        images, classes, texts, owner = [], [], [], []
        for number, row in enumerate(rows):
            found = backbone.features(store.decode((folder / row["image"]).read_bytes(), row["image"]))
            images.append(found.vector)
            classes.append(conse.image(found))
            texts.append(embedder.embed(row["captions"]))
            owner += [number] * len(row["captions"])
            print(f"\rfeatures {number + 1}/{len(rows)}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        home.mkdir(parents=True, exist_ok=True)
        np.savez(kept, v=np.stack(images), c=np.stack(classes), t=np.concatenate(texts), o=np.array(owner))
    with np.load(kept) as arrays:
        data = Captioned(arrays["v"].astype(np.float32), arrays["t"].astype(np.float32), arrays["o"])
        by_classes = arrays["c"]
    return data, by_classes, embedder.embed([item.caption for item in image_classes()])


def cross_validate(
    data: Captioned,
    by_classes: Any,
    prior_captions: Any,
    section: ContrastiveSection,
    *,
    batch: int,
    folds: int,
) -> dict[str, Any]:
    """Train and measure fold by fold; returns mean recall@5 by stage and pool."""
    classifier = read_checkpoint(weights_file())["_fc.weight"]
    part = np.random.default_rng(0).permutation(len(data.images)) % folds
    stages: dict[str, list[tuple[float, float]]] = {}
    for fold in range(folds):
        train, test = np.flatnonzero(part != fold), np.flatnonzero(part == fold)
        learn = data.of(train)
        prior = class_prior(classifier, prior_captions, learn.images)
        trainer = DualTrainer(learn, section, batch=batch, seed=fold, prior=prior)

        def note(stage: str, images: Any, texts: Any, test: Any = test) -> None:
            seen = Captioned(unit_rows(images), unit_rows(texts), data.owner)
            every = recall_at(seen.images, seen.texts, seen.owner, _AT, np.isin(data.owner, test))
            own = seen.of(test)
            stages.setdefault(stage, []).append((every, recall_at(own.images, own.texts, own.owner, _AT)))

        def note_trained(stage: str, trainer: DualTrainer = trainer) -> None:
            image, text = trainer.matrices
            note(stage, data.images @ image, data.texts @ text)

        note("conse", by_classes, data.texts)
        note_trained("start")
        for epoch in range(section.epochs + section.hard_epochs):
            if epoch == section.epochs:
                note_trained("in_batch")
            trainer.epoch(epoch)
            print(f"\rfold {fold + 1}/{folds}, pass {epoch + 1}", end="", file=sys.stderr, flush=True)
        note_trained("hard")
    print(file=sys.stderr)
    return {
        f"{stage}_recall@{_AT}": {
            "all": round(float(np.mean([one for one, _ in values])), 4),
            "held_out": round(float(np.mean([one for _, one in values])), 4),
        }
        for stage, values in stages.items()
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data_option(parser)
    parser.add_argument(
        "--home", type=Path, default=Path("/tmp/vidence-dual"), help="where features are kept"
    )
    parser.add_argument("--recipe", type=Path, default=RECIPE, help="a contrastive recipe")
    parser.add_argument("--folds", type=int, default=5)
    add_output_options(parser)
    options = parser.parse_args()
    folder = options.data / "flickr8k_1000"
    if not (folder / "dev.jsonl").is_file():
        raise SystemExit(f"{folder} is missing: give --data, or set VIDENCE_DATA")
    config = load_config(options.recipe)
    if not isinstance(config, ContrastiveConfig):
        raise SystemExit(f"{options.recipe} is not a contrastive recipe")
    import torch

    torch.set_num_threads(config.threads or 1)
    data, by_classes, captions = features(folder, options.home)
    figures: dict[str, Any] = {
        "images": len(data.images),
        "captions": len(data.texts),
        "folds": options.folds,
    }
    figures |= cross_validate(
        data, by_classes, captions, config.contrastive, batch=config.optim.batch, folds=options.folds
    )
    print_figures(figures, options.output)


if __name__ == "__main__":
    main()
