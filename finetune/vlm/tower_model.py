"""The tower and projector while they learn to name facts: modules, starting weights, loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from finetune.vlm.random_parts import random_projector, random_tower
from finetune.vlm.slots import IGNORED, SLOTS, WORDS
from models.vlm_parts import TowerShape

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Tensors = dict[str, NDArray[np.float32]]

_SHARPNESS = 16.0
_MARK_WEIGHT = 0.3  # each of the eighteen places for single marks counts less than a fact of the whole
_FIRST_WEIGHT = 3.0  # what everything else depends on
_FIRST = ("kind", "shape", "colour")


def word_vectors(text_vectors: NDArray[np.float32], tokenizer: Any) -> NDArray[np.float32]:
    """Return the text model's vector of each word in WORDS, the mean over a word's tokens."""
    import numpy as np

    rows = [
        text_vectors[tokenizer.encode(f" {word}", add_special_tokens=False).ids].mean(0) for word in WORDS
    ]
    return np.stack(rows).astype(np.float32)


def starting_tower(shape: TowerShape, pixels: NDArray[np.uint8], seed: int = 0) -> Tensors:
    """Return a tower whose first layer sees the principal components of patches, and where they are.

    Args:
        shape: Its sizes.
        pixels: Pictures to take patches from, shape (n, 224, 224, 3).
        seed: Of everything that is random.
    """
    import numpy as np

    tower = random_tower(shape, seed)
    grid, coarse = shape.image // shape.patch, shape.patch // 2
    # Components of patches at half the resolution: fine detail varies too little to be among the first.
    halves = pixels.reshape(len(pixels), grid, coarse, 2, grid, coarse, 2, 3).mean((3, 6), dtype=np.float32)
    flat = halves.transpose(0, 1, 3, 5, 2, 4).reshape(-1, 3 * coarse * coarse)
    rng = np.random.default_rng(seed)
    sample = flat[rng.permutation(len(flat))[:8_000]] / 127.5 - 1.0
    variance, directions = np.linalg.eigh(np.cov(sample, rowvar=False))
    variance, directions = variance[::-1][: shape.hidden], directions.T[::-1][: shape.hidden]
    # Directions that hardly vary would be noise at full strength: their gain is bounded.
    gain = 1.0 / np.sqrt(variance + variance[min(100, shape.hidden // 2)])
    kernel = (directions * gain[:, None] / 4.0).reshape(shape.hidden, 3, coarse, coarse)
    kernel = kernel.repeat(2, axis=2).repeat(2, axis=3)
    tower["embeddings.patch_embedding.weight"] = kernel.astype(np.float32)
    tower["embeddings.position_embedding.weight"][1:] = _places(grid, shape.hidden)
    return tower


def _places(grid: int, hidden: int) -> NDArray[np.float32]:
    """Return sines and cosines of row and column, shape (grid * grid, hidden)."""
    import numpy as np

    rates = 1.0 / 20.0 ** (np.arange(hidden // 4) / (hidden // 4))
    rows, columns = np.divmod(np.arange(grid * grid), grid)
    angles = [np.outer(at, rates) for at in (rows, columns)]
    waves = [wave(angle) for angle in angles for wave in (np.sin, np.cos)]
    return (0.5 * np.concatenate(waves, axis=1)).astype(np.float32)


class Namer:
    """A torch module of tower, projector and teacher head, with the loss of naming. Build by `open_namer`."""

    def __init__(self, tower: Any, projector: Any, teacher: Any, pooled: Any, words: torch.Tensor) -> None:
        import torch

        self.tower, self.projector, self.teacher, self.pooled = tower, projector, teacher, pooled
        self.words = torch.nn.functional.normalize(words, dim=-1)
        self.length = words.norm(dim=-1).mean()
        self.places = torch.tensor([slot.place for slot in SLOTS])
        self.allowed = torch.full((len(SLOTS), len(WORDS)), float("-inf"))
        for at, slot in enumerate(SLOTS):
            self.allowed[at, [WORDS.index(word) for word in slot.words]] = 0.0
        self.weights = torch.tensor([_weight(slot.name) for slot in SLOTS])

    def modules(self) -> dict[str, Any]:
        """Return the trained modules by name."""
        return {
            "tower": self.tower,
            "projector": self.projector,
            "teacher": self.teacher,
            "pooled": self.pooled,
        }

    def tokens(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the tower's features and the projected tokens, shapes (n, 49, hidden) and (n, 49, text)."""
        features = self.tower(pixel_values=pixels).last_hidden_state[:, 1:]
        return features, self.projector(features)

    def scores(self, projected: torch.Tensor) -> torch.Tensor:
        """Return the score of each word at each slot, shape (n, slots, words); words not allowed get -inf."""
        import torch

        at = torch.nn.functional.normalize(projected[:, self.places], dim=-1)
        return _SHARPNESS * (at @ self.words.T) + self.allowed

    def loss(self, pixels: torch.Tensor, known: torch.Tensor, taught: torch.Tensor) -> torch.Tensor:
        """Return the loss of naming `known` (n, slots) and of matching the teacher (NaN: none)."""
        import torch

        features, projected = self.tokens(pixels)
        # The mean of all tokens names the facts too: through it every place learns from the first step, where
        # a single token's word says nothing until attention has found its way to what it is about.
        mean = self.pooled(features.mean(1)).view(len(features), len(SLOTS), len(WORDS)) + self.allowed
        weights = self.weights * (known != IGNORED)
        naming = sum(
            (_cross_entropy(scores, known) * weights).sum() for scores in (self.scores(projected), mean)
        ) / weights.sum().clamp(min=1)
        # About as long as words are, and close to them, so that the text model reads them as such.
        length = ((projected.norm(dim=-1) / self.length - 1.0) ** 2).mean()
        has = ~torch.isnan(taught).any(-1).any(-1)
        matching = ((self.teacher(features[has]) - taught[has]) ** 2).mean() if has.any() else 0.0
        return naming + 0.05 * length + 0.2 * matching


def _cross_entropy(scores: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    import torch

    flat = torch.nn.functional.cross_entropy(
        scores.flatten(0, 1), known.flatten(), ignore_index=IGNORED, reduction="none"
    )
    return flat.view_as(known)


def _weight(name: str) -> float:
    return _MARK_WEIGHT if "mark" in name else _FIRST_WEIGHT if name in _FIRST else 1.0


def global_targets(known: torch.Tensor) -> torch.Tensor:
    """Return targets as indices into WORDS instead of into each slot's own words."""
    import torch

    table = torch.full((len(SLOTS), max(len(slot.words) for slot in SLOTS)), IGNORED)
    for at, slot in enumerate(SLOTS):
        table[at, : len(slot.words)] = torch.tensor([WORDS.index(word) for word in slot.words])
    found = table[torch.arange(len(SLOTS)), known.long().clamp(min=0)]
    return torch.where(known == IGNORED, torch.full_like(found, IGNORED), found)


def open_namer(shape: TowerShape, tower: Tensors, words: NDArray[np.float32], seed: int = 0) -> Namer:
    """Build the modules, the tower from `tower` and the projector from chance."""
    import torch
    from transformers import CLIPVisionConfig, CLIPVisionModel

    torch.manual_seed(seed)
    config = CLIPVisionConfig(
        hidden_size=shape.hidden,
        intermediate_size=shape.wide,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        image_size=shape.image,
        patch_size=shape.patch,
        projection_dim=shape.hidden,
        hidden_act="gelu",
    )
    model = CLIPVisionModel(config)
    missing, unexpected = model.load_state_dict(
        {name: torch.from_numpy(value) for name, value in tower.items()}, strict=False
    )
    assert not unexpected
    assert all("post_layernorm" in name or "position_ids" in name for name in missing)
    projector = ProjectorLike(shape.hidden, words.shape[1])
    start = random_projector(shape.hidden, words.shape[1], seed + 1)
    projector.load_state_dict({name: torch.from_numpy(value) for name, value in start.items()})
    teacher = torch.nn.Linear(shape.hidden, 64)
    pooled = torch.nn.Linear(shape.hidden, len(SLOTS) * len(WORDS))
    return Namer(model, projector, teacher, pooled, torch.from_numpy(words))


def ProjectorLike(into: int, out: int) -> Any:  # noqa: N802 - it makes a module, as a class would
    """Return LLaVA's projector: two linear layers with GELU between, named as in transformers."""
    from collections import OrderedDict

    from torch import nn

    layers = [("linear_1", nn.Linear(into, out)), ("act", nn.GELU()), ("linear_2", nn.Linear(out, out))]
    return nn.Sequential(OrderedDict(layers))
