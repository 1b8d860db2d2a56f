"""The files around the weights of a LLaVA checkpoint folder, as transformers and vLLM read them."""

from __future__ import annotations

import json
from typing import Any

from models.vlm_base import IMAGE_TOKEN, IMAGE_TOKEN_ID, TextShape
from models.vlm_parts import TowerShape

MEAN = STD = 0.5
"""Pixels of 0 to 1 become -1 to 1."""

BILINEAR = 2
END_TOKEN = "<|im_end|>"  # noqa: S105 - a word of the vocabulary, not a password
END_TOKEN_ID = 2

CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] != 'system' %}"
    "{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] in ['image', 'image_url'] %}{{ '<image>\n' }}"
    "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
    "{{ '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""SmolLM2's turns without system messages: every token before the answer is paid for at each question, and a
client's system message would be a prompt that the model was never trained on."""


def prompt_of(question: str, image_tokens: int) -> str:
    """Return the prompt that the template and the processor make of one image and one question."""
    return f"<|im_start|>user\n{IMAGE_TOKEN * image_tokens}\n{question}<|im_end|>\n<|im_start|>assistant\n"


def checkpoint_files(text: TextShape, tower: TowerShape) -> dict[str, str]:
    """Return every small file of a checkpoint folder by name, except the tokenizer."""
    contents: dict[str, Any] = {
        "config.json": model_config(text, tower),
        "generation_config.json": {
            "bos_token_id": 1,
            "eos_token_id": END_TOKEN_ID,
            "pad_token_id": END_TOKEN_ID,
            "do_sample": False,
            "max_new_tokens": 32,
        },
        "processor_config.json": processor_config(tower),
        # Older readers look for the image part in a file of its own.
        "preprocessor_config.json": {**image_processor(tower), "processor_class": "LlavaProcessor"},
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": "<|im_start|>",
            "eos_token": END_TOKEN,
            "pad_token": END_TOKEN,
            "unk_token": "<|endoftext|>",
            "clean_up_tokenization_spaces": False,
            "model_max_length": text.context,
            "padding_side": "left",
            "processor_class": "LlavaProcessor",
        },
    }
    files = {name: json.dumps(content, indent=2) + "\n" for name, content in contents.items()}
    return {**files, "chat_template.jinja": CHAT_TEMPLATE}


def model_config(text: TextShape, tower: TowerShape) -> dict[str, Any]:
    """Return the model's own configuration.

    LLaVA reads the tower's hidden states one layer before the last (vision_feature_layer -2), so the last
    layer is an identity that only fills the place.
    """
    return {
        "architectures": ["LlavaForConditionalGeneration"],
        "model_type": "llava",
        "dtype": "float32",
        "image_token_index": IMAGE_TOKEN_ID,
        "image_seq_length": tower.patches,
        "projector_hidden_act": "gelu",
        "multimodal_projector_bias": True,
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default",
        "tie_word_embeddings": True,
        "vision_config": {
            "model_type": "clip_vision_model",
            "hidden_size": tower.hidden,
            "intermediate_size": tower.wide,
            "num_hidden_layers": tower.layers + 1,
            "num_attention_heads": tower.heads,
            "image_size": tower.image,
            "patch_size": tower.patch,
            "projection_dim": tower.hidden,
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-5,
        },
        "text_config": {
            "model_type": "llama",
            "architectures": ["LlamaForCausalLM"],
            "hidden_size": text.hidden,
            "intermediate_size": text.wide,
            "num_hidden_layers": text.layers,
            "num_attention_heads": text.heads,
            "num_key_value_heads": text.kv_heads,
            "head_dim": text.head_dim,
            "vocab_size": text.vocabulary,
            "max_position_embeddings": text.context,
            "rms_norm_eps": text.epsilon,
            "rope_theta": text.rope_theta,
            "rope_parameters": {"rope_type": "default", "rope_theta": text.rope_theta},
            "tie_word_embeddings": True,
            "hidden_act": "silu",
            "bos_token_id": 1,
            "eos_token_id": END_TOKEN_ID,
            "pad_token_id": END_TOKEN_ID,
        },
    }


def image_processor(tower: TowerShape) -> dict[str, Any]:
    """Return how an image becomes the tower's input: squeezed to a square, never cropped."""
    square = {"height": tower.image, "width": tower.image}
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": square,
        "resample": BILINEAR,
        # Cropping to the size it already has changes nothing; the size of the crop is what gets read.
        "do_center_crop": True,
        "crop_size": square,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [MEAN] * 3,
        "image_std": [STD] * 3,
    }


def processor_config(tower: TowerShape) -> dict[str, Any]:
    """Return the processor that joins images and text."""
    return {
        "processor_class": "LlavaProcessor",
        "image_token": IMAGE_TOKEN,
        "patch_size": tower.patch,
        "num_additional_image_tokens": 1,
        "vision_feature_select_strategy": "default",
        "image_processor": image_processor(tower),
    }
