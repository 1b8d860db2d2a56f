"""The embedded VLM as ONNX files: `see` (image to tokens), `embed` (words to vectors), `speak` (next token).

The graphs are the ones that `models.vlm_run` answers with, so an export and the laptop run the same thing.
Variants differ in how the weights are kept: `fp32` in full; `fp16` in half precision, widened when the file
is opened; `int8` the decoder's layers in 8 bits, in blocks of 32 with a scale each.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from core.errors import VidenceError, invalid_input, not_found
from finetune.release.answering import MAX_NEW_TOKENS, Asked, Progress, Reply, open_image

if TYPE_CHECKING:
    from models.vlm_run import Checkpoint

Variant = Literal["fp32", "fp16", "int8"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
_BESIDE = ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json")
_EXACT = {"cos", "sin"}
"""Tables of the rotary positions: computed, not trained, and small."""
_LARGE = 1024
"""Tensors with fewer numbers stay as they are."""


def export_onnx(checkpoint: Path, folder: Path, variants: Sequence[Variant] = VARIANTS) -> dict[Variant, int]:
    """Write `folder/VARIANT/{see,embed,speak}.onnx` with what a tokenizer needs, and return bytes a variant.

    Args:
        checkpoint: A LLaVA checkpoint in the embedded VLM's architecture.
        folder: Where to write; a variant that is there is replaced.
        variants: Which to write.

    Raises:
        VidenceError: `invalid_input` for another architecture; `unavailable` without onnxruntime or when the
            disk is full.
    """
    from models.vlm_run import Checkpoint

    _check_architecture(checkpoint)
    sizes: dict[Variant, int] = {}
    for variant in variants:
        partial = folder / f".{variant}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            opened = Checkpoint(checkpoint, bits=8 if variant == "int8" else 32)
            halve = variant != "fp32"
            _write(opened._see.drawn, partial / "see.onnx", halve=halve)
            _write(opened._speak.drawn, partial / "speak.onnx", halve=halve)
            _write_embed(opened._vectors, partial / "embed.onnx", halve=halve)
            for name in _BESIDE:
                if (checkpoint / name).is_file():
                    shutil.copyfile(checkpoint / name, partial / name)
            shutil.rmtree(folder / variant, ignore_errors=True)
            partial.replace(folder / variant)
        except OSError as error:
            raise VidenceError(
                "unavailable",
                f"{folder / variant} cannot be written: {error}",
                help="Free some space; the variants written before are whole.",
                retryable=True,
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        sizes[variant] = sum(path.stat().st_size for path in (folder / variant).iterdir())
    return sizes


def open_exported(folder: Path, *, threads: int = 1) -> Checkpoint:
    """Open one variant's folder as the model that the laptop runs; raises `not_found` without it."""
    from models.vlm_run import Checkpoint

    if not (folder / "speak.onnx").is_file():
        raise not_found(f"{folder} is not an ONNX export", help="Write it: vidence finetune export --to onnx")
    from tokenizers import Tokenizer

    return Checkpoint.of_sessions(
        _File(folder / "see.onnx", threads),
        _File(folder / "speak.onnx", threads),
        _Words(_File(folder / "embed.onnx", threads)),
        Tokenizer.from_file(str(folder / "tokenizer.json")),
        json.loads((folder / "config.json").read_text()),
    )


class OnnxAnswerer:
    """Answers with an exported folder by onnxruntime, with the same loop as the embedded VLM.

    Args:
        folder: `FOLDER/VARIANT`, as `export_onnx` writes it.
        threads: Of each product.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        self._model = open_exported(folder, threads=threads)

    def answer(self, asked: Sequence[Asked], progress: Progress | None = None) -> list[Reply]:
        """Return one reply a question, in order; raises `invalid_input` for a question without an image."""
        import math

        replies: list[Reply] = []
        for one in asked:
            pixels = open_image(one)
            if pixels is None:
                raise invalid_input(
                    "The embedded VLM answers about images only", help="Leave questions without an image out."
                )
            said = self._model.answer(pixels, one.question, longest=MAX_NEW_TOKENS)
            logprobs = tuple(math.log(max(value, 1e-12)) for value in said.probabilities)
            replies.append(Reply(said.text, logprobs))
            if progress is not None:
                progress(len(replies), len(asked))
        return replies


class _File:
    """An ONNX file, open."""

    def __init__(self, path: Path, threads: int) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, feeds: dict[str, Any]) -> list[Any]:
        return list(self._session.run(None, feeds))


class _Words:
    """Word vectors by index, as an array would give them, out of `embed.onnx`."""

    def __init__(self, graph: _File) -> None:
        self._graph = graph

    def __getitem__(self, ids: Any) -> Any:
        import numpy as np

        return self._graph.run({"ids": np.asarray(ids, dtype=np.int64)[None]})[0][0]


def _check_architecture(checkpoint: Path) -> None:
    path = checkpoint / "config.json"
    config = json.loads(path.read_text()) if path.is_file() else {}
    tower = (config.get("vision_config") or {}).get("model_type")
    text = (config.get("text_config") or {}).get("model_type")
    if (config.get("model_type"), tower, text) != ("llava", "clip_vision_model", "llama"):
        raise invalid_input(
            f"{checkpoint} is not in the embedded VLM's architecture (LLaVA with a CLIP tower and a Llama)",
            help="ONNX and Triton exports are for the embedded VLM; serve larger models with vLLM.",
        )


def _write(drawn: tuple[Any, list[Any], list[Any]], path: Path, *, halve: bool) -> None:
    graph, inputs, outputs = drawn
    save_graph(graph.nodes, graph.tensors, inputs, outputs, path, halve=halve)


def _write_embed(vectors: Any, path: Path, *, halve: bool) -> None:
    import numpy as np
    from onnx import TensorProto, helper

    table = np.asarray(vectors)
    nodes = [helper.make_node("Gather", ["table", "ids"], ["vectors"])]
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "n"])
    out = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, [1, "n", table.shape[1]])
    tensors = {"table": table.astype(np.float32)}
    save_graph(nodes, tensors, [ids], [out], path, halve=halve)


def save_graph(
    nodes: Sequence[Any],
    tensors: dict[str, Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    path: Path,
    *,
    halve: bool,
) -> None:
    """Write a graph as `path`, its large tensors beside it as `path.data`, in half precision if asked.

    A halved weight is widened by a Cast; a Gather reads halves and widens what it took.
    """
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    kept: list[Any] = []
    casts: list[Any] = []
    body = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    for name, value in tensors.items():
        if (
            halve
            and name not in _EXACT
            and value.dtype == np.float32
            and value.ndim > 1
            and value.size >= _LARGE
        ):
            half = f"{name}.half"
            kept.append(numpy_helper.from_array(value.astype(np.float16), half))
            gathers = [node for node in body if node.op_type == "Gather" and node.input[0] == name]
            for node in gathers:
                taken, wide = f"{node.output[0]}.half", node.output[0]
                node.input[0], node.output[0] = half, taken
                casts.append(
                    (body.index(node) + 1, helper.make_node("Cast", [taken], [wide], to=TensorProto.FLOAT))
                )
            if not gathers:
                casts.append((0, helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT)))
        else:
            kept.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
    for place, cast in sorted(casts, key=lambda pair: -pair[0]):
        body.insert(place, cast)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    graph = helper.make_graph(body, path.stem, list(inputs), list(outputs), kept)
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="vidence")
    onnx.save_model(
        model,
        str(path),
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=f"{path.name}.data",
        size_threshold=_LARGE,
    )
