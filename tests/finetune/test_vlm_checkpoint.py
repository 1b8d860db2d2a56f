"""A checkpoint that we assemble is a plain Hugging Face folder: complete, and the same every time."""

import json

import numpy as np
import pytest

from core.errors import VidenceError
from finetune.vlm.random_parts import write_parts
from finetune.vlm.tiny import TOWER, TinyText, tiny_checkpoint, tiny_parts
from models.vlm_assemble import with_identity, write_checkpoint
from models.vlm_config import prompt_of
from models.vlm_parts import read_parts


def test_assembling_twice_gives_the_same_bytes(tmp_path):
    first, second = tiny_checkpoint(tmp_path / "a"), tiny_checkpoint(tmp_path / "b")
    names = sorted(path.name for path in first.iterdir())
    assert "model.safetensors" in names
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_the_shape_of_a_tower_is_read_from_its_tensors(tmp_path):
    parts = tiny_parts()
    write_parts(tmp_path, parts.tower, parts.projector)
    assert read_parts(tmp_path).shape == TOWER


def test_a_folder_that_is_no_checkpoint_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(VidenceError, match="no checkpoint"):
        tiny_checkpoint(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_projector_of_another_text_model_is_refused(tmp_path):
    parts = tiny_parts()
    parts.projector["linear_2.weight"] = np.zeros((32, 64), np.float32)
    with pytest.raises(VidenceError, match="another text model"):
        write_checkpoint(TinyText(), parts, tmp_path / "out")


def test_the_identity_layer_has_zero_outputs():
    full = with_identity(tiny_parts().tower, TOWER)
    last = {name: value for name, value in full.items() if name.startswith("encoder.layers.2.")}
    assert len(last) == 16
    assert not any(value.any() for name, value in last.items() if "layer_norm" not in name)


def _adapter(folder, rank=2, alpha=4.0):
    from safetensors.numpy import save_file

    rng = np.random.default_rng(3)
    stem = "base_model.model.model.language_model.layers.1.mlp.up_proj"
    down = rng.standard_normal((rank, 64)).astype(np.float32)
    up = rng.standard_normal((128, rank)).astype(np.float32)
    folder.mkdir(parents=True)
    save_file(
        {f"{stem}.lora_A.weight": down, f"{stem}.lora_B.weight": up},
        str(folder / "adapter_model.safetensors"),
    )
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank, "lora_alpha": alpha}))
    return up @ down * (alpha / rank)


def test_merging_adds_the_adapter_to_its_weight_only(tmp_path):
    from safetensors.numpy import load_file

    parts = tiny_parts()
    write_parts(tmp_path / "parts", parts.tower, parts.projector)
    delta = _adapter(tmp_path / "parts" / "adapter")
    merged = load_file(
        str(tiny_checkpoint(tmp_path / "m", parts_folder=tmp_path / "parts") / "model.safetensors")
    )
    bare = load_file(
        str(
            tiny_checkpoint(tmp_path / "n", parts_folder=tmp_path / "parts", merge=False)
            / "model.safetensors"
        )
    )
    changed = [name for name in merged if not np.array_equal(merged[name], bare[name])]
    assert changed == ["language_model.model.layers.1.mlp.up_proj.weight"]
    found = merged[changed[0]].astype(np.float32) - bare[changed[0]].astype(np.float32)
    np.testing.assert_allclose(found, delta, atol=2e-2)


def test_an_adapter_with_other_tensors_is_refused(tmp_path):
    from safetensors.numpy import load_file, save_file

    parts = tiny_parts()
    write_parts(tmp_path, parts.tower, parts.projector)
    _adapter(tmp_path / "adapter")
    path = str(tmp_path / "adapter" / "adapter_model.safetensors")
    save_file({**load_file(path), "base_model.model.layers.0.magnitude": np.ones(3, np.float32)}, path)
    with pytest.raises(VidenceError, match="plain LoRA"):
        read_parts(tmp_path)


@pytest.mark.ml
def test_transformers_loads_a_checkpoint_whole_and_offline(tmp_path):
    import torch
    from transformers import AutoProcessor, LlavaForConditionalGeneration

    folder = tiny_checkpoint(tmp_path / "tiny")
    model, info = LlavaForConditionalGeneration.from_pretrained(folder, output_loading_info=True)
    assert not any(info[part] for part in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    processor = AutoProcessor.from_pretrained(folder)
    turn = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "what is the shape?"}]}
    text = processor.apply_chat_template([turn], add_generation_prompt=True)
    image = np.zeros((40, 90, 3), np.uint8)
    inputs = processor(images=image, text=text, return_tensors="pt")
    assert (
        inputs["input_ids"][0].tolist()
        == processor.tokenizer(prompt_of("what is the shape?", 49))["input_ids"]
    )
    with torch.inference_mode():
        scores = model(**inputs).logits
    assert torch.isfinite(scores).all()


def test_parts_are_read_by_the_names_that_training_writes(tmp_path):
    from safetensors.numpy import save_file

    parts = tiny_parts()
    write_parts(tmp_path, parts.tower, parts.projector)
    whole = {f"model.multi_modal_projector.{name}": value for name, value in parts.projector.items()}
    save_file(whole, str(tmp_path / "projector.safetensors"))
    assert set(read_parts(tmp_path).projector) == set(parts.projector)


def test_a_card_says_nothing_of_families_with_few_questions():
    from finetune.vlm.ship import right_by_family

    report = {
        "shapes": {"by_family": {"shape": [0.9, 100], "count": [1.0, 5]}},
        "charts": {"by_family": {"shape": [0.5, 100], "trend": [0.7, 40]}},
        "scans": {"by_family": {"other": [0.9, 300]}},
    }
    assert right_by_family(report) == {"shape": 0.7, "trend": 0.7}


def test_gathered_parts_are_halves_that_read_back(tmp_path):
    from finetune.vlm.ship import gather

    parts = tiny_parts()
    tower = write_parts(tmp_path / "tower", parts.tower, parts.projector)
    text = write_parts(tmp_path / "text", parts.tower, parts.projector)
    (text / "tower.safetensors").unlink()
    delta = _adapter(text / "adapter")
    out = gather(tower, text, tmp_path / "out")
    found = read_parts(out)
    assert found.shape == TOWER
    np.testing.assert_allclose(found.lora["layers.1.mlp.up_proj.weight"].delta(), delta, atol=0.02)
    with pytest.raises(VidenceError, match="missing"):
        gather(tmp_path / "text", tmp_path / "nowhere", tmp_path / "other")
