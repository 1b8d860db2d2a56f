"""The embedded VLM as two ONNX graphs for onnxruntime, written from a LLaVA checkpoint's tensors.

`see` is the CLIP tower and the projector: pixels in, image tokens out. `speak` is the Llama decoder with a
cache of keys and values: vectors in, scores of the next token out. The graphs hold no weights; they are given
when a session opens. Fused operators are onnxruntime's own (`com.microsoft`): grouped attention with rotary
positions and a growing cache, and products with 8-bit weights in blocks of 32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from models.vlm_base import TextShape
from models.vlm_parts import TowerShape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Tensors = Mapping[str, NDArray[Any]]

_FUSED = "com.microsoft"
_EPSILON = 1e-5
BLOCK = 32


class _Graph:
    """Nodes, and the tensors that they name."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.tensors: dict[str, NDArray[Any]] = {}

    def tensor(self, name: str, value: NDArray[Any]) -> str:
        self.tensors[name] = np.ascontiguousarray(value)
        return name

    def node(self, operator: str, inputs: list[str], *outputs: str, domain: str = "", **options: Any) -> str:
        from onnx import helper

        outputs = outputs or (f"n{len(self.nodes)}",)
        self.nodes.append(helper.make_node(operator, inputs, list(outputs), domain=domain, **options))
        return outputs[0]

    def linear(
        self, x: str, name: str, weight: NDArray[Any], bias: NDArray[Any] | None = None, out: str = ""
    ) -> str:
        """A dense layer; weight is (out, in) as in a checkpoint."""
        y = self.node("MatMul", [x, self.tensor(name, weight.T.astype(np.float32))], *([out] if out else []))
        if bias is None:
            return y
        return self.node("Add", [y, self.tensor(f"{name}.bias", bias.astype(np.float32))])

    def linear8(self, x: str, name: str, packed: Packed, out: str = "") -> str:
        """A dense layer whose weights are kept in 8 bits."""
        rows, columns = packed.shape
        inputs = [x, self.tensor(name, packed.values), self.tensor(f"{name}.scales", packed.scales)]
        options = {"K": columns, "N": rows, "bits": 8, "block_size": BLOCK, "accuracy_level": 4}
        return self.node("MatMulNBits", inputs, *([out] if out else []), domain=_FUSED, **options)

    def norm(self, x: str, name: str, tensors: Tensors) -> str:
        parts = [self.tensor(f"{name}.{part}", tensors[f"{name}.{part}"]) for part in ("weight", "bias")]
        return self.node("LayerNormalization", [x, *parts], axis=-1, epsilon=_EPSILON)

    def session(self, inputs: list[Any], outputs: list[Any], threads: int) -> Session:
        return Session(self, inputs, outputs, threads)


class Packed:
    """A weight (out, in) in 8 bits: `values` uint8 (out, blocks, 32) around 128, `scales` float32."""

    def __init__(self, weight: NDArray[Any]) -> None:
        self.shape = weight.shape
        blocks = weight.astype(np.float32).reshape(weight.shape[0], -1, BLOCK)
        scales = np.abs(blocks).max(axis=-1, keepdims=True) / 127.0
        scales[scales == 0] = 1.0
        self.values = (np.rint(blocks / scales) + 128.0).astype(np.uint8)
        self.scales = scales.reshape(-1).astype(np.float32)


class Session:
    """An open graph. It keeps the tensors alive that onnxruntime points into."""

    def __init__(self, graph: _Graph, inputs: list[Any], outputs: list[Any], threads: int) -> None:
        import onnxruntime as ort

        self.drawn = (graph, inputs, outputs)
        """What an export writes to a file; the arrays are the ones that the session holds anyway."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        large = {name: value for name, value in graph.tensors.items() if value.dtype != np.int64}
        self._held = [ort.OrtValue.ortvalue_from_numpy(value) for value in large.values()]
        options.add_external_initializers(list(large), self._held)
        model = _model(graph, inputs, outputs)
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(self, feeds: dict[str, Any]) -> list[Any]:
        """Return every output."""
        return list(self._session.run(None, feeds))


def _model(graph: _Graph, inputs: list[Any], outputs: list[Any]) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    constants = []
    for name, value in graph.tensors.items():
        if value.dtype == np.int64:  # shapes and places, which onnxruntime reads while it opens the graph
            constants.append(numpy_helper.from_array(value, name))
            continue
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        place = TensorProto.EXTERNAL
        tensor = TensorProto(name=name, dims=value.shape, data_type=kind, data_location=place)
        tensor.external_data.add(key="location", value="given-at-opening")
        constants.append(tensor)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(_FUSED, 1)]
    body = helper.make_graph(graph.nodes, "vlm", inputs, outputs, constants)
    return bytes(helper.make_model(body, opset_imports=opsets, ir_version=8).SerializeToString())


def _value(name: str, shape: list[Any], kind: str = "FLOAT") -> Any:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, getattr(TensorProto, kind), shape)


def see(tower: Tensors, projector: Tensors, shape: TowerShape, threads: int) -> Session:
    """Open the tower with the projector: `pixels` (1, 3, side, side) to `tokens` (1, patches, text width).

    Tensors are named as in `models.vlm_parts`. GELU is the exact one, by the error function.
    """
    graph = _Graph()
    x = graph.node(
        "Conv",
        ["pixels", graph.tensor("patch", tower["embeddings.patch_embedding.weight"])],
        kernel_shape=[shape.patch] * 2,
        strides=[shape.patch] * 2,
    )
    flat = graph.tensor("flat", np.array([1, shape.hidden, shape.patches], dtype=np.int64))
    x = graph.node("Transpose", [graph.node("Reshape", [x, flat])], perm=[0, 2, 1])
    first = graph.tensor("class", tower["embeddings.class_embedding"].reshape(1, 1, -1))
    x = graph.node("Concat", [first, x], axis=1)
    x = graph.node("Add", [x, graph.tensor("places", tower["embeddings.position_embedding.weight"][None])])
    x = graph.norm(x, "pre_layrnorm", tower)
    for layer in range(shape.layers):
        x = _tower_layer(graph, x, f"encoder.layers.{layer}", tower, shape)
    # The first token stands for the class; LLaVA leaves it out.
    bounds = [graph.tensor(f"cut{i}", np.array([i], dtype=np.int64)) for i in (1, shape.patches + 1)]
    x = graph.node("Slice", [x, *bounds, bounds[0]])
    x = graph.linear(x, "linear_1", projector["linear_1.weight"], projector["linear_1.bias"])
    x = graph.linear(_gelu(graph, x), "linear_2", projector["linear_2.weight"], projector["linear_2.bias"])
    graph.node("Identity", [x], "tokens")
    wide = projector["linear_2.weight"].shape[0]
    pixels = _value("pixels", [1, 3, shape.image, shape.image])
    return graph.session([pixels], [_value("tokens", [1, shape.patches, wide])], threads)


def _tower_layer(graph: _Graph, x: str, name: str, tower: Tensors, shape: TowerShape) -> str:
    normed = graph.norm(x, f"{name}.layer_norm1", tower)
    parts = [f"{name}.self_attn.{part}_proj" for part in ("q", "k", "v")]
    weight = np.concatenate([tower[f"{part}.weight"] for part in parts]).T
    bias = np.concatenate([tower[f"{part}.bias"] for part in parts])
    inputs = [normed, graph.tensor(f"{name}.qkv", weight), graph.tensor(f"{name}.qkv.bias", bias)]
    heard = graph.node("Attention", inputs, domain=_FUSED, num_heads=shape.heads)
    out = f"{name}.self_attn.out_proj"
    x = graph.node("Add", [x, graph.linear(heard, out, tower[f"{out}.weight"], tower[f"{out}.bias"])])
    y = graph.norm(x, f"{name}.layer_norm2", tower)
    for part in ("mlp.fc1", "mlp.fc2"):
        full = f"{name}.{part}"
        y = graph.linear(y, full, tower[f"{full}.weight"], tower[f"{full}.bias"])
        y = _gelu(graph, y) if part == "mlp.fc1" else y
    return graph.node("Add", [x, y])


def _gelu(graph: _Graph, x: str) -> str:
    return graph.node("Gelu", [x], domain=_FUSED)


def speak(text: Tensors, shape: TextShape, threads: int, *, longest: int = 512, bits: int = 8) -> Session:
    """Open the decoder.

    Its inputs are `vectors` (1, new, hidden), `seen` (1) and `total` () int32 (see `cache_feeds`), and the
    caches `k0`, `v0`, ... (1, kv heads, before, head size). Its outputs are `scores` (1, vocabulary) of the
    token after the last, then the caches, longer by what was new.

    Args:
        text: Tensors by the names of `LlamaModel`.
        shape: Its sizes.
        threads: Of each product.
        longest: Most tokens of prompt and answer.
        bits: 8 keeps the weights of the layers in 8 bits, 32 in full.
    """
    graph = _Graph()
    cos, sin = _rotary(shape, longest)
    rotary = [graph.tensor("cos", cos), graph.tensor("sin", sin)]

    def linear(x: str, name: str, out: str = "") -> str:
        weight = text[f"{name}.weight"]
        if bits == 8:
            return graph.linear8(x, name, Packed(weight), out)
        return graph.linear(x, name, weight, out=out)

    def norm(x: str, name: str) -> str:
        scale = graph.tensor(name, text[f"{name}.weight"].astype(np.float32))
        return graph.node("SimplifiedLayerNormalization", [x, scale], axis=-1, epsilon=shape.epsilon)

    x = "vectors"
    for layer in range(shape.layers):
        name = f"layers.{layer}"
        normed = norm(x, f"{name}.input_layernorm")
        q, k, v = (linear(normed, f"{name}.self_attn.{part}_proj") for part in ("q", "k", "v"))
        graph.node(
            "GroupQueryAttention",
            [q, k, v, f"k{layer}", f"v{layer}", "seen", "total", *rotary],
            f"heard{layer}",
            f"new_k{layer}",
            f"new_v{layer}",
            domain=_FUSED,
            num_heads=shape.heads,
            kv_num_heads=shape.kv_heads,
            do_rotary=1,
        )
        x = graph.node("Add", [x, linear(f"heard{layer}", f"{name}.self_attn.o_proj")])
        normed = norm(x, f"{name}.post_attention_layernorm")
        gate = linear(normed, f"{name}.mlp.gate_proj")
        open_ = graph.node("Mul", [gate, graph.node("Sigmoid", [gate])])
        wide = graph.node("Mul", [open_, linear(normed, f"{name}.mlp.up_proj")])
        x = graph.node("Add", [x, linear(wide, f"{name}.mlp.down_proj")])
    last = graph.node("Gather", [x, graph.tensor("last", np.array([-1], dtype=np.int64))], axis=1)
    linear(norm(last, "norm"), "embed_tokens", "scores")
    return graph.session(*_speak_values(shape), threads)


def _speak_values(shape: TextShape) -> tuple[list[Any], list[Any]]:
    before, after = ([1, shape.kv_heads, length, shape.head_dim] for length in ("before", "after"))
    names = [f"{kind}{layer}" for layer in range(shape.layers) for kind in "kv"]
    inputs = [
        _value("vectors", [1, "new", shape.hidden]),
        _value("seen", [1], "INT32"),
        _value("total", [], "INT32"),
        *(_value(name, before) for name in names),
    ]
    scores = _value("scores", [1, 1, shape.vocabulary])
    return inputs, [scores, *(_value(f"new_{name}", after) for name in names)]


def empty_cache(shape: TextShape) -> dict[str, NDArray[np.float32]]:
    """Return the caches before the first token."""
    nothing = np.zeros((1, shape.kv_heads, 0, shape.head_dim), dtype=np.float32)
    return {f"{kind}{layer}": nothing for layer in range(shape.layers) for kind in "kv"}


def cache_feeds(total: int) -> dict[str, NDArray[np.int32]]:
    """Return what tells the decoder how many tokens there are in all, the new ones included."""
    return {"seen": np.array([total - 1], dtype=np.int32), "total": np.array(total, dtype=np.int32)}


def _rotary(shape: TextShape, longest: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    half = shape.head_dim // 2
    rates = shape.rope_theta ** (-np.arange(half, dtype=np.float64) / half)
    angles = np.outer(np.arange(longest), rates)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
