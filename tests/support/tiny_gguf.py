"""A GGUF file of a tiny text model, as llama.cpp's converter would write it."""

from __future__ import annotations

import json

from finetune.vlm.tiny import TinyText
from models.vlm_base import _PARTS, IMAGE_TOKEN_ID


def write_tiny_gguf(path, seed=0):
    """Write it and return its path."""
    import gguf

    text = TinyText(seed)
    shape = text.shape
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.hidden)
    writer.add_feed_forward_length(shape.wide)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_freq_base(shape.rope_theta)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)
    model = json.loads(text.tokenizer_json())["model"]
    words = sorted(model["vocab"], key=model["vocab"].get)
    words[IMAGE_TOKEN_ID] = "<empty_output>"
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(words)
    writer.add_token_types([3 if place <= IMAGE_TOKEN_ID else 1 for place in range(len(words))])
    writer.add_token_merges([" ".join(merge) for merge in model["merges"]])
    names = {theirs: ours for ours, theirs in _PARTS.items()}
    for name, value in text.tensors():
        if name == "embed_tokens.weight":
            writer.add_tensor("token_embd.weight", value)
        elif name == "norm.weight":
            writer.add_tensor("output_norm.weight", value)
        else:
            _, layer, part = name.removesuffix(".weight").split(".", 2)
            if part in ("self_attn.q_proj", "self_attn.k_proj"):
                heads = shape.heads if part == "self_attn.q_proj" else shape.kv_heads
                # llama.cpp keeps the two numbers that turn together side by side.
                pairs = value.reshape(heads, 2, -1, value.shape[1]).swapaxes(1, 2)
                writer.add_tensor(f"blk.{layer}.{names[part]}.weight", pairs.reshape(value.shape))
            else:
                writer.add_tensor(f"blk.{layer}.{names[part]}.weight", value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
