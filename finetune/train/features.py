"""A frozen tower's features, computed once an image and kept on disk.

Images go through the tower one at a time, so that a feature does not depend on what else was in a batch and
a resumed run reads what the first one wrote.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.data.dataset import write_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class FeatureCache:
    """Features before the projector, by the image file's hash, as fp16 (tokens, width).

    Args:
        model: The Llava model whose tower is frozen.
        processor: Its processor.
        folder: Where features are kept, below the tower's own hash.
    """

    def __init__(self, model: Any, processor: Any, folder: Path) -> None:
        self._core = model.model
        self._config = model.config
        self._processor = processor
        self._folder = folder / tower_hash(model)
        self._held: dict[str, NDArray[np.float16]] = {}

    def __call__(self, sha256: str, pixels: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Return the features of an image."""
        import numpy as np

        found = self._held.get(sha256)
        if found is None:
            path = self._folder / sha256[:2] / f"{sha256}.npy"
            if path.is_file():
                found = np.load(path, allow_pickle=False)
            else:
                found = self._compute(pixels)
                buffer = io.BytesIO()
                np.save(buffer, found, allow_pickle=False)
                write_whole(path, buffer.getvalue())
            self._held[sha256] = found
        return found

    def _compute(self, pixels: NDArray[np.uint8]) -> NDArray[np.float16]:
        import numpy as np
        import torch

        values = self._processor.image_processor([pixels], return_tensors="pt")["pixel_values"]
        tower = self._core.vision_tower
        parameter = next(tower.parameters())
        with torch.no_grad():
            outputs = tower(values.to(parameter.device, parameter.dtype), output_hidden_states=True)
        layers = self._config.vision_feature_layer
        chosen = [layers] if isinstance(layers, int) else layers
        picked = [outputs.hidden_states[layer] for layer in chosen]
        if self._config.vision_feature_select_strategy == "default":
            picked = [states[:, 1:] for states in picked]
        result: NDArray[np.float16] = torch.cat(picked, -1)[0].float().cpu().numpy().astype(np.float16)
        return result


def tower_hash(model: Any) -> str:
    """Return 16 hexadecimal digits over the tower's weights and which layer is taken."""
    digest = hashlib.sha256(
        f"{model.config.vision_feature_layer}|{model.config.vision_feature_select_strategy}".encode()
    )
    for name, tensor in sorted(model.model.vision_tower.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
