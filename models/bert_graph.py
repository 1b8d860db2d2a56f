"""The BERT encoder as an ONNX graph for onnxruntime, written from the same weights as `models.bert`.

onnxruntime packs the weights once, where numpy's BLAS packs them again at every product: a query of 23
tokens takes 11 ms in place of 28 on the same busy core. The graph holds no weights; they are handed over
when a session opens. Its fused operators are those of onnxruntime's own BERT optimiser (`com.microsoft`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

_FUSED = "com.microsoft"
_EPSILON = 1e-12
_THREADS = min(2, os.cpu_count() or 1)
"""Threads for one text; a query is too short for more to be worth their hand-over."""


class BertSession:
    """Token ids in, token vectors out. Safe to share between threads.

    A single text is run by two threads, because somebody waits for it; batches by the calling thread alone,
    because they come from several. The two are sessions of their own, opened when first needed, as
    onnxruntime fixes a session's threads.

    Args:
        weights: Tensors by the names that transformers gives `BertModel`, float32.
        layers: Number of transformer layers.
        heads: Number of attention heads.

    Raises:
        ImportError: without onnx or onnxruntime.
    """

    def __init__(self, weights: Mapping[str, Array], *, layers: int, heads: int) -> None:
        import onnxruntime as ort

        graph = _Graph(weights, layers, heads)
        self._model = graph.model()
        self._names = list(graph.tensors)
        # The sessions keep pointers into the tensors: they must live as long as these do.
        self._held = [ort.OrtValue.ortvalue_from_numpy(value) for value in graph.tensors.values()]
        self._lock = threading.Lock()
        self._sessions: dict[int, Any] = {}

    def _session(self, threads: int) -> Any:
        with self._lock:
            if threads not in self._sessions:
                self._sessions[threads] = self._open(threads)
            return self._sessions[threads]

    def _open(self, threads: int) -> Any:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        # A thread that spins while it waits takes its core from whoever else has work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        options.add_external_initializers(self._names, self._held)
        return ort.InferenceSession(self._model, options, providers=["CPUExecutionProvider"])

    def hidden(self, sequences: Sequence[Sequence[int]]) -> Array:
        """Return the last layer's vectors of all tokens, packed: shape (sum of lengths, dim)."""
        lengths = np.asarray([len(ids) for ids in sequences], dtype=np.int32)
        width = int(lengths.max())
        ids = np.zeros((len(sequences), width), dtype=np.int64)
        for row, sequence in zip(ids, sequences, strict=True):
            row[: len(sequence)] = sequence
        places = np.broadcast_to(np.arange(width), ids.shape)
        session = self._session(_THREADS if len(sequences) == 1 else 1)
        (found,) = session.run(["hidden"], {"ids": ids, "places": places, "lengths": lengths})
        return np.asarray(found[places < lengths[:, None]], dtype=np.float32)


class _Graph:
    """Nodes of the forward pass, and the tensors that they name."""

    def __init__(self, weights: Mapping[str, Array], layers: int, heads: int) -> None:
        self._weights = weights
        self._nodes: list[Any] = []
        self.tensors: dict[str, Array] = {}
        words = self._tensor("words", weights["embeddings.word_embeddings.weight"])
        # Every input is one segment, so the segment's vector belongs to the position's.
        positions = self._tensor(
            "positions",
            weights["embeddings.position_embeddings.weight"]
            + weights["embeddings.token_type_embeddings.weight"][0],
        )
        summed = self._node(
            "Add", [self._node("Gather", [words, "ids"]), self._node("Gather", [positions, "places"])]
        )
        norm = [self._weight(f"embeddings.LayerNorm.{part}") for part in ("weight", "bias")]
        hidden = self._node("LayerNormalization", [summed, *norm], axis=-1, epsilon=_EPSILON)
        for index in range(layers):
            hidden = self._layer(hidden, f"encoder.layer.{index}", heads)
        self._node("Identity", [hidden], output="hidden")

    def _layer(self, hidden: str, name: str, heads: int) -> str:
        self_name = f"{name}.attention.self"
        parts = [f"{self_name}.{part}" for part in ("query", "key", "value")]
        qkv = self._tensor(
            f"{name}.qkv", np.concatenate([self._weights[f"{part}.weight"] for part in parts]).T
        )
        bias = self._tensor(
            f"{name}.qkv.bias", np.concatenate([self._weights[f"{part}.bias"] for part in parts])
        )
        heard = self._node("Attention", [hidden, qkv, bias, "lengths"], domain=_FUSED, num_heads=heads)
        mixed = self._skip_norm(heard, hidden, f"{name}.attention.output")
        wide = self._node("MatMul", [mixed, self._turned(f"{name}.intermediate.dense.weight")])
        bent = self._node("BiasGelu", [wide, self._weight(f"{name}.intermediate.dense.bias")], domain=_FUSED)
        return self._skip_norm(bent, mixed, f"{name}.output")

    def _skip_norm(self, values: str, skipped: str, name: str) -> str:
        """Project, add what was skipped and the bias, normalise."""
        down = self._node("MatMul", [values, self._turned(f"{name}.dense.weight")])
        rest = [f"{name}.LayerNorm.weight", f"{name}.LayerNorm.bias", f"{name}.dense.bias"]
        return self._node(
            "SkipLayerNormalization",
            [down, skipped, *map(self._weight, rest)],
            domain=_FUSED,
            epsilon=_EPSILON,
        )

    def _tensor(self, name: str, value: Array) -> str:
        self.tensors[name] = np.ascontiguousarray(value, dtype=np.float32)
        return name

    def _weight(self, name: str) -> str:
        return self._tensor(name, self._weights[name])

    def _turned(self, name: str) -> str:
        """Name a (out, in) weight as (in, out), for `x @ w`."""
        return self._tensor(name, self._weights[name].T)

    def _node(
        self, operator: str, inputs: list[str], *, domain: str = "", output: str = "", **attributes: Any
    ) -> str:
        from onnx import helper

        output = output or f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], domain=domain, **attributes))
        return output

    def model(self) -> bytes:
        """Return the graph as ONNX; its tensors are marked external and given at opening."""
        from onnx import TensorProto, helper

        constants = []
        for name, value in self.tensors.items():
            tensor = TensorProto(
                name=name,
                dims=value.shape,
                data_type=TensorProto.FLOAT,
                data_location=TensorProto.EXTERNAL,
            )
            tensor.external_data.add(key="location", value="given-at-opening")
            constants.append(tensor)
        shape = ["batch", "length"]
        graph = helper.make_graph(
            self._nodes,
            "bert",
            [
                helper.make_tensor_value_info("ids", TensorProto.INT64, shape),
                helper.make_tensor_value_info("places", TensorProto.INT64, shape),
                helper.make_tensor_value_info("lengths", TensorProto.INT32, ["batch"]),
            ],
            [helper.make_tensor_value_info("hidden", TensorProto.FLOAT, [*shape, "dim"])],
            constants,
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(_FUSED, 1)]
        model: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
        return model
