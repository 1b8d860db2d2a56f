"""The dual encoder's loss, its hard negatives, and its measure; arrays in, two matrices out.

Both towers are frozen and seen once (the image backbone's pooled features, the text model's vectors), so a
run takes seconds. It starts from a closed form and is held near it, because a few hundred images are far too
few to find 1280 x d weights from nothing: ridge regression from image features to the mean vector of their
captions, towards what the backbone's own classes say, in the text vectors' principal axes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finetune.train.checkpoint import seed_step
from finetune.train.config import ContrastiveSection

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Array = NDArray[np.float32]


@dataclass(frozen=True)
class Captioned:
    """N images with M captions: features (N, 1280), caption vectors (M, width), the image of each (M,)."""

    images: Array
    texts: Array
    owner: NDArray[np.int64]

    def of(self, images: NDArray[np.int64]) -> Captioned:
        """Return the part about some images."""
        import numpy as np

        place = np.full(len(self.images), -1, dtype=np.int64)
        place[images] = np.arange(len(images))
        kept = place[self.owner] >= 0
        return Captioned(self.images[images], self.texts[kept], place[self.owner[kept]])


def closed_form(
    data: Captioned, dim: int, ridge: float, prior: Array | None = None, share: float = 0.0
) -> tuple[Array, Array]:
    """Return where training starts: `image` (1280, d) by ridge regression, `text` (width, d) principal axes.

    Args:
        data: The training images.
        dim: d; at most the text vectors' width.
        ridge: Pull towards the prior (or 0), as a share of the mean squared length of the features.
        prior: A matrix (1280, width) that is roughly right before any caption was seen, see `class_prior`.
        share: What it is multiplied by.
    """
    import numpy as np

    width = data.texts.shape[1]
    dim = min(dim, width)
    _, _, axes = np.linalg.svd(data.texts, full_matrices=len(data.texts) < dim)
    text = axes[:dim].T
    counts = np.bincount(data.owner, minlength=len(data.images))[:, None]
    means = np.zeros((len(data.images), width))
    np.add.at(means, data.owner, data.texts)
    start = np.zeros((data.images.shape[1], width)) if prior is None else share * prior
    gram = data.images @ data.images.T  # the dual form: images are fewer than features
    gram = gram + ridge * np.trace(gram) / len(gram) * np.eye(len(gram))
    rest = means / np.maximum(counts, 1) - data.images @ start
    image = (start + data.images.T @ np.linalg.solve(gram, rest)) @ text
    return image.astype(np.float32), text.astype(np.float32)


def class_prior(classifier: Array, captions: Array, images: Array) -> Array:
    """Return what the backbone's own classes say: features to class scores to the classes' caption vectors.

    Args:
        classifier: The backbone's class weights, shape (classes, 1280).
        captions: Vectors of a caption of each class, shape (classes, width).
        images: Features, shape (N, 1280); the result takes them to a mean squared length of 1.
    """
    import numpy as np

    prior = (classifier - classifier.mean(0)).T @ (captions - captions.mean(0))
    size = float(np.sqrt(np.square(images @ prior).sum(1).mean()))
    result: Array = (prior / max(size, 1e-9)).astype(np.float32)
    return result


class DualTrainer:
    """Trains the two matrices by symmetric InfoNCE, epoch by epoch; each epoch follows from its number.

    Args:
        data: The training images with their captions.
        section: The recipe's numbers.
        batch: Images in a batch.
        seed: Of batches, captions and dropout.
        prior: See `class_prior`.
    """

    def __init__(
        self,
        data: Captioned,
        section: ContrastiveSection,
        *,
        batch: int,
        seed: int,
        prior: Array | None = None,
    ) -> None:
        import torch

        image, text = closed_form(data, section.dim, section.ridge, prior, section.prior)
        self._section, self._batch, self._seed = section, batch, seed
        self._images = torch.from_numpy(data.images)
        self._texts = torch.from_numpy(data.texts)
        self._owner = torch.from_numpy(data.owner)
        self._start = {"image": torch.from_numpy(image), "text": torch.from_numpy(text)}
        self.weights: dict[str, torch.Tensor] = {
            name: value.clone().requires_grad_() for name, value in self._start.items()
        }
        self._true: torch.Tensor | None = None
        self.optimiser = torch.optim.Adam(list(self.weights.values()), lr=section.rate)

    @property
    def matrices(self) -> tuple[Array, Array]:
        """The two projections as they are now."""
        image, text = (self.weights[name].detach().numpy().copy() for name in ("image", "text"))
        return image, text

    def epoch(self, number: int) -> float:
        """Train one pass over the images, one caption each; returns the mean loss.

        The first `epochs` passes have the batch's other captions as negatives; the `hard_epochs` after them
        also the nearest wrong captions of each image and the nearest wrong images of each caption, found
        with the weights as they are when the pass begins.
        """
        import torch

        seed_step(self._seed, number, 0)
        mined = self._mine() if number >= self._section.epochs else None
        order = torch.randperm(len(self._images))
        total = 0.0
        for start in range(0, len(order), self._batch):
            chosen = order[start : start + self._batch]
            captions = torch.stack([self._one_caption(int(image)) for image in chosen])
            loss = self._loss(chosen, captions, mined) + self._section.anchor * self._distance()
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            total += float(loss.detach()) * len(chosen)
        return total / len(order)

    def _loss(self, images: torch.Tensor, captions: torch.Tensor, mined: Any) -> torch.Tensor:
        import torch
        from torch.nn import functional

        seen = self._project("image", self._images[images])
        said = self._project("text", self._texts[captions])
        scores = seen @ said.T
        to_text, to_image = scores, scores.T
        if mined is not None:
            texts, pictures = mined
            wrong_texts = self._project("text", self._texts[texts[images]])
            wrong_images = self._project("image", self._images[pictures[captions]])
            to_text = torch.cat([to_text, torch.einsum("bd,bkd->bk", seen, wrong_texts)], 1)
            to_image = torch.cat([to_image, torch.einsum("bd,bkd->bk", said, wrong_images)], 1)
        right = torch.arange(len(images))
        heat = self._section.temperature
        there = functional.cross_entropy(to_text / heat, right)
        back = functional.cross_entropy(to_image / heat, right)
        return (there + back) / 2

    def _project(self, name: str, values: torch.Tensor) -> torch.Tensor:
        from torch.nn import functional

        kept = functional.dropout(values, self._section.dropout, training=True)
        return functional.normalize(kept @ self.weights[name], dim=-1)

    def _distance(self) -> Any:
        """Return how far the weights are from where they started, as a share of their size."""
        shares = [
            (self.weights[name] - start).square().sum() / start.square().sum()
            for name, start in self._start.items()
        ]
        return sum(shares)

    def _one_caption(self, image: int) -> torch.Tensor:
        import torch

        captions = torch.nonzero(self._owner == image).flatten()
        return captions[torch.randint(len(captions), ())]

    def _mine(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the nearest wrong texts of each image (N, k) and the nearest wrong images of each (M, k)."""
        import torch
        from torch.nn import functional

        with torch.no_grad():
            seen = functional.normalize(self._images @ self.weights["image"], dim=-1)
            said = functional.normalize(self._texts @ self.weights["text"], dim=-1)
            scores = seen @ said.T
            scores = scores.masked_fill(self._alike(), -2.0)
            count = min(self._section.hard_negatives, len(seen) - 1)  # beyond it there may be none
            return scores.topk(count, dim=1).indices, scores.T.topk(count, dim=1).indices

    def _alike(self) -> torch.Tensor:
        """Return which captions may be true of which image, (N, M): its own, and those that say the same."""
        import torch
        from torch.nn import functional

        if self._true is None:
            units = functional.normalize(self._texts, dim=-1)
            nearest = torch.full((len(self._images), len(units)), -1.0)
            index = self._owner[:, None].expand(-1, len(units))
            nearest = nearest.scatter_reduce(0, index, units @ units.T, "amax")
            own = torch.arange(len(self._images))[:, None] == self._owner[None]
            self._true = own | (nearest >= self._section.same_above)
        return self._true


def recall_at(
    images: Array, texts: Array, owner: NDArray[np.int64], k: int, asked: NDArray[np.bool_] | None = None
) -> float:
    """Return the share of captions whose own image is among the k nearest.

    Args:
        images: Projected, at unit length, (N, d).
        texts: Projected, at unit length, (M, d).
        owner: The image of each caption.
        k: How many are looked at.
        asked: Which captions count; all by default.
    """
    import numpy as np

    scores = texts @ images.T
    own = scores[np.arange(len(texts)), owner]
    better = (scores > own[:, None]).sum(1)
    found = better < k
    return float(found.mean() if asked is None else found[asked].mean())


def unit_rows(values: Array) -> Array:
    """Return rows at length 1."""
    import numpy as np

    result: Array = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)
    return result
