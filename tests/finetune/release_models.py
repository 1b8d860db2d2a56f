"""Tiny models and data sets for the tests of releasing."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

from PIL import Image

from finetune.data.dataset import Dataset
from finetune.data.rows import TrainRow

COLOURS = {"red": (200, 30, 30), "green": (30, 160, 60), "blue": (30, 60, 200)}


def toy_data(folder: Path, *, questions: int = 9, name: str = "toy") -> Dataset:
    """Write a data set of plain squares; dev rows only, two questions an image."""
    dataset = Dataset(folder)
    rows = []
    for number in range(questions):
        colour, rgb = list(COLOURS.items())[number % 3]
        content = io.BytesIO()
        Image.new("RGB", (40 + number, 40), rgb).save(content, "PNG")
        image, sha = dataset.add_image(content.getvalue())
        common = {"image": image, "image_sha256": sha, "source": "drawn", "licence": "CC0", "split": "dev"}
        rows += [
            TrainRow(question="what colour is it?", answers=(colour,), kind="colour", **common),
            TrainRow(
                question="is it red?", answers=("yes" if colour == "red" else "no",), kind="yes_no", **common
            ),
        ]
    dataset.write(name, rows)
    return dataset


def trained_run(folder: Path, base: Path, *, scale: float = 0.3) -> Path:
    """Write a run as training leaves it: an adapter with random weights, and a moved projector."""
    import torch
    from peft import LoraConfig, get_peft_model
    from safetensors.torch import save_file
    from transformers import LlavaForConditionalGeneration

    torch.manual_seed(0)
    model = LlavaForConditionalGeneration.from_pretrained(str(base), dtype=torch.float32)
    targets = r"model\.language_model\..*(q_proj|v_proj|down_proj)"
    config = LoraConfig(r=4, lora_alpha=8, target_modules=targets, task_type="CAUSAL_LM")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        peft: Any = get_peft_model(model, config)
    with torch.no_grad():
        for name, parameter in peft.named_parameters():
            if ".lora_B" in name:
                parameter.normal_(std=scale)
    result = folder / "result"
    result.mkdir(parents=True)
    peft.save_pretrained(str(result / "adapter"))
    projector = {
        name.removeprefix("base_model.model."): parameter.detach() + 0.1
        for name, parameter in peft.named_parameters()
        if "multi_modal_projector" in name
    }
    save_file(projector, str(result / "projector.safetensors"))
    facts = {
        "run_id": folder.name,
        "task": "sft",
        "base": str(base),
        "base_sha256": "ab",
        "config_sha256": "cd",
        "data": {"toy": {"version": "0123456789abcdef", "rows": 18}},
        "metrics": {"loss": 0.5},
    }
    (result / "run.json").write_text(json.dumps(facts))
    return folder
