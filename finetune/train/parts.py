"""Which weights of a model belong to which part, and which of them a phase trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import invalid_input
from finetune.train.config import LoraSection, Part


@dataclass(frozen=True)
class Family:
    """Where an architecture keeps its parts: beginnings of parameter names, the longest match decides."""

    projector: tuple[str, ...]
    tower: tuple[str, ...]
    text: tuple[str, ...]
    packs: bool = False
    """An image always takes as many tokens, and positions are one number a token."""

    def part_of(self, name: str) -> str:
        """Return the part of a parameter, or nothing (an output layer, for example)."""
        found = [
            (len(prefix), part)
            for part in ("projector", "tower", "text")
            for prefix in getattr(self, part)
            if name.startswith(prefix)
        ]
        return max(found)[1] if found else ""


_LLAVA = Family(("model.multi_modal_projector.",), ("model.vision_tower.",), ("model.language_model.",), True)
_QWEN = Family(("model.visual.merger.",), ("model.visual.",), ("model.language_model.",))
_PHI_IMAGE = "model.embed_tokens_extend.image_embed."
FAMILIES: Mapping[str, Family] = {
    "llava": _LLAVA,
    "llava_next": Family(
        ("model.multi_modal_projector.", "model.image_newline"),
        ("model.vision_tower.",),
        ("model.language_model.",),
    ),
    "qwen2_vl": _QWEN,
    "qwen2_5_vl": _QWEN,
    "qwen3_vl": _QWEN,
    "phi4_multimodal": Family(
        (f"{_PHI_IMAGE}img_projection", f"{_PHI_IMAGE}global_img", f"{_PHI_IMAGE}sub_img"),
        (f"{_PHI_IMAGE}img_processor.",),
        ("model.layers.", "model.norm.", "model.embed_tokens."),
    ),
}


def family_of(model_type: str) -> Family:
    """Return where this architecture keeps its parts; raises `invalid_input` for one we do not know."""
    family = FAMILIES.get(model_type)
    if family is None:
        raise invalid_input(
            f"Models of type {model_type} cannot be trained here",
            help=f"Known: {', '.join(sorted(FAMILIES))}. A new one is an entry in finetune/train/parts.py.",
        )
    return family


def lora_pattern(family: Family, lora: LoraSection) -> str:
    """Return the regular expression over module names that PEFT takes."""
    import re

    prefixes = [prefix for part in lora.where for prefix in getattr(family, part)]
    inside = "|".join(re.escape(prefix) for prefix in prefixes)
    without = "|".join(re.escape(prefix) for prefix in family.projector)
    names = "|".join(re.escape(target) for target in lora.targets)
    return rf"(?!{without})({inside})(.*\.)?({names})"


def bare_name(name: str) -> str:
    """Return a parameter's name in the base, without what PEFT puts around it."""
    return name.removeprefix("base_model.model.").replace(".base_layer.", ".")


def trained(model: Any, family: Family, rates: Mapping[Part, float]) -> dict[Part, list[tuple[str, Any]]]:
    """Freeze all but the parts that have a rate, and return their named parameters, part by part.

    Raises:
        VidenceError: `invalid_input` when a part has no parameters in this model.
    """
    found: dict[Part, list[tuple[str, Any]]] = {part: [] for part in rates}
    for name, parameter in model.named_parameters():
        part: Any = "lora" if ".lora_" in name else family.part_of(bare_name(name))
        wanted = part in rates and parameter.is_floating_point()
        parameter.requires_grad_(wanted)
        if wanted:
            found[part].append((name, parameter))
    empty = [part for part, items in found.items() if not items]
    if empty:
        raise invalid_input(
            f"The model has no {', '.join(empty)} to train", help="Change `phases` or `lora`."
        )
    return found


def parameter_groups(
    found: Mapping[Part, Sequence[tuple[str, Any]]], rates: Mapping[Part, float], weight_decay: float
) -> list[dict[str, Any]]:
    """Return AdamW's groups: each part with its rate; biases and norms without decay."""
    groups = []
    for part, items in found.items():
        for decays in (True, False):
            chosen = [parameter for _, parameter in items if (parameter.ndim > 1) == decays]
            if chosen:
                decay = weight_decay if decays else 0.0
                groups.append(
                    {"params": chosen, "lr": rates[part], "peak": rates[part], "weight_decay": decay}
                )
    return groups
