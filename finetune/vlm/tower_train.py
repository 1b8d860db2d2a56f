"""Training the tower and the projector to name facts of pictures, before the text model is involved.

The loop reads chunks of the pool as they come, keeps a checkpoint every so many steps, and goes on from it.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import VidenceError
from finetune.vlm.pool import Chunk, read_chunk
from finetune.vlm.random_parts import write_parts
from finetune.vlm.slots import IGNORED, SLOTS
from finetune.vlm.tower_model import Namer, global_targets, open_namer, starting_tower, word_vectors
from models.vlm_parts import TowerShape

if TYPE_CHECKING:
    import numpy as np
    import torch


_SHAPE = SLOTS[0].words.index("shape")
_SHIFT = 10  # pixels: less than any margin, so every mark stays in the picture


@dataclass(frozen=True)
class TowerRecipe:
    """What a run does. The rate is AdamW's."""

    steps: int = 2000
    batch: int = 32
    rate: float = 4e-4
    warmup: int = 60
    decay_from: float = 0.5
    weight_decay: float = 0.05
    chunks_at_once: int = 6
    save_every: int = 200
    threads: int = 1
    seed: int = 0


def train_tower(pool: Path, run: Path, base: Path, recipe: TowerRecipe, *, check: Path | None = None) -> Path:
    """Train, or go on with a run, and return the parts folder with its tower and projector.

    Args:
        pool: Folder of chunks; more may come while this runs.
        run: The run's folder: recipe.json, log.jsonl, last.pt, result/.
        base: A checkpoint folder that holds the text model, for its word vectors.
        recipe: What to do.
        check: A chunk that is not trained on, named after each save.

    Raises:
        VidenceError: `invalid_input` when the pool is empty.
    """
    import torch

    torch.set_num_threads(recipe.threads)
    run.mkdir(parents=True, exist_ok=True)
    (run / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2) + "\n")
    namer = _open(pool, base, recipe.seed)
    optimizers = _optimizers(namer, recipe)
    start = _restore(run / "last.pt", namer, optimizers)
    held = read_chunk(check) if check else None
    began, seen, total = time.monotonic(), 0, 0.0
    log = (run / "log.jsonl").open("a", buffering=1)
    for step, batch in zip(range(start, recipe.steps), _batches(pool, recipe, start), strict=False):
        factor = _rate(step, recipe)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate * factor
            optimizer.zero_grad(set_to_none=True)
        loss = namer.loss(*batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(_parameters(namer), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        total, seen = total + loss.item(), seen + 1
        if (step + 1) % 20 == 0:
            line = {"step": step + 1, "loss": total / seen, "seconds": time.monotonic() - began}
            log.write(json.dumps(line) + "\n")
            total, seen = 0.0, 0
        if (step + 1) % recipe.save_every == 0 or step + 1 == recipe.steps:
            _save(run / "last.pt", step + 1, namer, optimizers)
            write_result(run / "result", namer)
            if held is not None:
                log.write(json.dumps({"step": step + 1, "right": accuracy(namer, held)}) + "\n")
    log.close()
    return run / "result"


def accuracy(namer: Namer, chunk: Chunk) -> dict[str, float]:
    """Return the share of right words by slot; slots of single marks are averaged."""
    import torch

    right: dict[str, list[float]] = {}
    with torch.inference_mode():
        for at in range(0, len(chunk.pixels), 64):
            pixels, known, _ = _tensors(chunk, slice(at, at + 64))
            named = namer.scores(namer.tokens(pixels)[1]).argmax(-1)
            for place, slot in enumerate(SLOTS):
                name = slot.name if "mark" not in slot.name else slot.name[:-2]
                there = known[:, place] != IGNORED
                right.setdefault(name, []).extend((named == known)[there, place].float().tolist())
    return {name: round(sum(found) / max(1, len(found)), 4) for name, found in right.items()}


def write_result(folder: Path, namer: Namer) -> Path:
    """Write the parts folder of what has been trained so far."""
    tower = {name: value.numpy() for name, value in namer.tower.state_dict().items() if _kept(name)}
    projector = {name: value.numpy() for name, value in namer.projector.state_dict().items()}
    return write_parts(folder, tower, projector)


def _kept(name: str) -> bool:
    return "post_layernorm" not in name and "position_ids" not in name


def _open(pool: Path, base: Path, seed: int) -> Namer:
    from safetensors import safe_open
    from tokenizers import Tokenizer

    shape = TowerShape()
    first = min(pool.glob("*.npz"), default=None)
    if first is None:
        raise VidenceError("invalid_input", f"{pool} has no chunks yet", help="Draw some first.")
    with safe_open(str(base / "model.safetensors"), "np") as file:
        vectors = file.get_tensor("language_model.model.embed_tokens.weight").astype("float32")
    words = word_vectors(vectors, Tokenizer.from_file(str(base / "tokenizer.json")))
    return open_namer(shape, starting_tower(shape, read_chunk(first).pixels, seed), words, seed)


def _parameters(namer: Namer) -> list[Any]:
    return [p for module in namer.modules().values() for p in module.parameters()]


def _optimizers(namer: Namer, recipe: TowerRecipe) -> list[Any]:
    import torch

    layers = [p for name, p in namer.tower.named_parameters() if "encoder.layers" in name and p.ndim == 2]
    inside = {id(parameter) for parameter in layers}
    rest = [parameter for parameter in _parameters(namer) if id(parameter) not in inside]
    groups = [
        {"params": layers, "weight_decay": recipe.weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]
    return [torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98), fused=True)]


def _rate(step: int, recipe: TowerRecipe) -> float:
    """Warm up, hold, then fall to nothing by a cosine over the last part."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    first = recipe.steps * recipe.decay_from
    if step < first:
        return 1.0
    return 0.5 + 0.5 * math.cos(math.pi * (step - first) / (recipe.steps - first))


def _tensors(chunk: Chunk, rows: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    import torch

    pixels = torch.from_numpy(chunk.pixels[rows]).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
    known = global_targets(torch.from_numpy(chunk.targets[rows]))
    return pixels, known, torch.from_numpy(chunk.teacher[rows]).float()


def _batches(pool: Path, recipe: TowerRecipe, start: int) -> Iterator[Any]:
    """Yield batches without end: a few chunks at a time, the newest and some that were seen before."""
    import numpy as np

    rng = np.random.default_rng([recipe.seed, start])
    fresh = 0
    while True:
        paths = sorted(pool.glob("*.npz"))
        new = paths[fresh : fresh + recipe.chunks_at_once]
        fresh += len(new)
        missing = recipe.chunks_at_once - len(new)
        again = [paths[at] for at in rng.permutation(len(paths))[:missing]]
        read = [read_chunk(path) for path in [*new, *again]]
        chunk = Chunk(
            np.concatenate([part.pixels for part in read]),
            np.concatenate([part.targets for part in read]),
            np.concatenate([part.teacher for part in read]),
        )
        # Plain shapes come three times as often as they are drawn: they are learned first.
        plain = np.flatnonzero(chunk.targets[:, 0] == _SHAPE)
        order = rng.permutation(np.concatenate([np.arange(len(chunk.pixels)), plain, plain]))
        for at in range(0, len(order) - recipe.batch + 1, recipe.batch):
            pixels, known, taught = _tensors(chunk, order[at : at + recipe.batch])
            yield _shifted(pixels, rng), known, taught


def _shifted(pixels: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Move each picture by a few pixels; what comes in from outside repeats the edge."""
    import torch

    wide = torch.nn.functional.pad(pixels, (_SHIFT,) * 4, mode="replicate")
    side = pixels.shape[-1]
    moves = rng.integers(0, 2 * _SHIFT + 1, (len(pixels), 2)).tolist()
    return torch.stack([one[:, y : y + side, x : x + side] for one, (y, x) in zip(wide, moves, strict=True)])


def _save(path: Path, step: int, namer: Namer, optimizers: list[Any]) -> None:
    import torch

    state = {
        "step": step,
        "modules": {name: module.state_dict() for name, module in namer.modules().items()},
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
    }
    partial = path.with_suffix(".tmp")
    torch.save(state, partial)
    partial.replace(path)


def _restore(path: Path, namer: Namer, optimizers: list[Any]) -> int:
    import torch

    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    for name, module in namer.modules().items():
        module.load_state_dict(state["modules"][name])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    return int(state["step"])
