"""Each architecture's parts are found by name: what is trained is what the recipe says."""

import re

import pytest

from finetune.train.config import LoraSection
from finetune.train.parts import family_of, lora_pattern, trained

pytestmark = pytest.mark.ml
TARGETS = {"phi4_multimodal": ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")}


def _empty(model_type):
    """Return the architecture in its published size, without memory."""
    import torch
    import transformers

    names = {
        "llava": "LlavaForConditionalGeneration",
        "llava_next": "LlavaNextForConditionalGeneration",
        "qwen2_5_vl": "Qwen2_5_VLForConditionalGeneration",
        "phi4_multimodal": "Phi4MultimodalForCausalLM",
    }
    config = transformers.AutoConfig.for_model(model_type)
    with torch.device("meta"):
        return getattr(transformers, names[model_type])(config)


@pytest.mark.parametrize("model_type", ["llava", "llava_next", "qwen2_5_vl", "phi4_multimodal"])
def test_parts_and_adapters_are_found_in_each_architecture(model_type):
    model = _empty(model_type)
    family = family_of(model_type)
    found = trained(model, family, {"projector": 1e-3})
    assert all(parameter.requires_grad for _, parameter in found["projector"])
    assert sum(parameter.requires_grad for parameter in model.parameters()) == len(found["projector"])
    everything = trained(model, family, {"projector": 1e-3, "tower": 1e-5, "text": 1e-5})
    left = {name for name, _ in model.named_parameters()} - {
        n for items in everything.values() for n, _ in items
    }
    assert not [name for name in left if "lm_head" not in name and "audio" not in name], sorted(left)[:5]
    lora = LoraSection(targets=TARGETS.get(model_type, LoraSection().targets))
    pattern = re.compile(lora_pattern(family, lora))
    adapted = [name for name, _ in model.named_modules() if pattern.fullmatch(name)]
    assert adapted
    assert all(family.part_of(f"{name}.weight") == "text" for name in adapted)
    assert len(adapted) % len(lora.targets) == 0
