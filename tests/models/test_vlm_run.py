"""The torch-free run time says what transformers says, token by token."""

import json

import numpy as np
import pytest

from core.errors import VidenceError
from finetune.vlm.tiny import TinyText, tiny_checkpoint, tiny_parts_folder
from models.vlm_assemble import write_checkpoint
from models.vlm_base import file_sha256
from models.vlm_canaries import canaries
from models.vlm_graph import Packed
from models.vlm_parts import read_parts
from models.vlm_run import Checkpoint
from models.vlm_shipped import Manifest, check_files, prove


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_checkpoint(tmp_path_factory.mktemp("vlm") / "tiny")


def _picture(seed=0):
    return (np.random.default_rng(seed).random((60, 90, 3)) * 255).astype(np.uint8)


def test_the_cache_of_keys_and_values_changes_nothing(folder):
    model = Checkpoint(folder, bits=32)
    question = "what is the shape?"
    whole = model.answer(_picture(), question, longest=6).tokens
    # One token at a time needs no cache: what comes first is the same however long the answer may be.
    assert [model.answer(_picture(), question, longest=n).tokens for n in (1, 3)] == [whole[:1], whole[:3]]


def test_what_is_kept_of_an_image_changes_no_answer_about_it(folder):
    kept, fresh = Checkpoint(folder), Checkpoint(folder)
    first, second = "what is the shape?", "is there a red circle?"
    kept.answer(_picture(), first)
    again = kept.answer(_picture(), second)
    assert again.tokens == fresh.answer(_picture(), second).tokens
    other = kept.answer(_picture(1), second)
    assert other.probabilities[0] != again.probabilities[0]


def test_another_picture_gives_other_probabilities(folder):
    model = Checkpoint(folder)
    first, second = (model.answer(_picture(seed), "what is the shape?") for seed in (0, 1))
    assert first.probabilities[0] != second.probabilities[0]
    assert 0 < first.confidence <= 1


def test_eight_bits_keep_weights_to_half_a_step():
    weight = np.random.default_rng(0).standard_normal((8, 64)).astype(np.float32)
    packed = Packed(weight)
    scales = packed.scales.reshape(8, -1, 1)
    back = ((packed.values.astype(np.float32) - 128.0) * scales).reshape(weight.shape)
    assert np.abs(back - weight).max() <= scales.max() / 2 + 1e-6


def test_a_folder_that_is_no_checkpoint_is_a_typed_error(tmp_path):
    with pytest.raises(VidenceError, match="cannot be read"):
        Checkpoint(tmp_path)


def test_a_changed_part_is_noticed_before_anything_is_assembled(tmp_path):
    parts = tiny_parts_folder(tmp_path / "parts")
    base = tmp_path / "base.gguf"
    base.write_bytes(b"weights")
    files = {name: file_sha256(parts / name) for name in ("tower.safetensors", "projector.safetensors")}
    manifest = Manifest(name="v", version="1", files=files, base={"sha256": file_sha256(base)})
    check_files(manifest, parts, base)
    other = Manifest(name="v", version="1", files={**files, "tower.safetensors": "0"}, base=manifest.base)
    with pytest.raises(VidenceError, match=r"tower\.safetensors"):
        check_files(other, parts, base)


def test_canaries_prove_the_release_and_catch_another_model(tmp_path, folder):
    answers = tuple(Checkpoint(folder).answer(pixels, asked).text for pixels, asked in canaries())
    assert len(answers) == 20
    manifest = Manifest(name="v", version="1", files={}, base={}, canaries=answers)
    prove(manifest, folder)
    assert json.loads((folder / "proved.json").read_text())["canaries"] == 20
    parts = read_parts(tiny_parts_folder(tmp_path / "parts", seed=5))
    other = write_checkpoint(TinyText(5), parts, tmp_path / "other")
    with pytest.raises(VidenceError, match="canary"):
        prove(manifest, other)


@pytest.mark.ml
def test_it_says_the_same_tokens_as_transformers_on_the_canaries(folder):
    import torch
    from transformers import AutoProcessor, LlavaForConditionalGeneration

    model = LlavaForConditionalGeneration.from_pretrained(folder)
    processor = AutoProcessor.from_pretrained(folder)
    ours = Checkpoint(folder, bits=32)
    for pixels, question in canaries():
        turn = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}
        text = processor.apply_chat_template([turn], add_generation_prompt=True)
        inputs = processor(images=pixels, text=text, return_tensors="pt")
        with torch.inference_mode():
            made = model.generate(
                **inputs, max_new_tokens=6, do_sample=False, output_scores=True, return_dict_in_generate=True
            )
        tokens = [token for token in made.sequences[0, inputs["input_ids"].shape[1] :].tolist() if token != 2]
        said = ours.answer(pixels, question, longest=6)
        assert list(said.tokens) == tokens
        first = float(torch.softmax(made.scores[0][0], -1).max())
        assert said.probabilities[0] == pytest.approx(first, abs=1e-4)
