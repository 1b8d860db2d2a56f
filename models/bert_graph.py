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

    Args:
        weights: Tensors by the names that transformers gives `BertModel`, float32.
        layers: Number of transformer layers.
        heads: Number of attention heads.
        branch: Other weights of the layers from `shared` on, which `both` runs beside the model's own.
        shared: How many layers, from the first, the two have in common.

    Raises:
        ImportError: without onnx or onnxruntime.
    """

    def __init__(
        self,
        weights: Mapping[str, Array],
        *,
        layers: int,
        heads: int,
        branch: Mapping[str, Array] | None = None,
        shared: int = 0,
    ) -> None:
        own = _Graph(weights, heads)
        hidden = own.embedded()
        for index in range(layers):
            if branch is not None and index == shared:
                own.output(hidden, "lower")
            hidden = own.layer(hidden, f"encoder.layer.{index}")
        own.output(hidden, "hidden")
        self._own = _Runner(own)
        self._branch: _Runner | None = None
        if branch is not None:
            other = _Graph(branch, heads, given="lower")
            hidden = "lower"
            for index in range(shared, layers):
                hidden = other.layer(hidden, f"encoder.layer.{index}")
            other.output(hidden, "tokens")
            self._branch = _Runner(other)

    def hidden(self, sequences: Sequence[Sequence[int]]) -> Array:
        """Return the last layer's vectors of all tokens, packed: shape (sum of lengths, dim)."""
        ids, places, lengths = _padded(sequences)
        (found,) = self._own.run(["hidden"], {"ids": ids, "places": places, "lengths": lengths})
        return _packed(found, places, lengths)

    def both(self, sequences: Sequence[Sequence[int]]) -> tuple[Array, Array]:
        """Return the last layer's vectors, packed as `hidden` does, and those of the branch."""
        if self._branch is None:
            hidden = self.hidden(sequences)
            return hidden, hidden
        ids, places, lengths = _padded(sequences)
        hidden, lower = self._own.run(["hidden", "lower"], {"ids": ids, "places": places, "lengths": lengths})
        (tokens,) = self._branch.run(["tokens"], {"lower": lower, "lengths": lengths})
        return _packed(hidden, places, lengths), _packed(tokens, places, lengths)


class _Runner:
    """A graph in onnxruntime.

    A single text is run by two threads, because somebody waits for it; batches by the calling thread alone,
    because they come from several. The two are sessions of their own, opened when first needed, as
    onnxruntime fixes a session's threads.
    """

    def __init__(self, graph: _Graph) -> None:
        import onnxruntime as ort

        self._model = graph.model()
        self._names = list(graph.tensors)
        # The sessions keep pointers into the tensors: they must live as long as these do.
        self._held = [ort.OrtValue.ortvalue_from_numpy(value) for value in graph.tensors.values()]
        self._lock = threading.Lock()
        self._sessions: dict[int, Any] = {}

    def run(self, outputs: list[str], inputs: dict[str, Any]) -> list[Any]:
        """Return outputs by name; the first axis of the lengths is the batch."""
        threads = _THREADS if len(inputs["lengths"]) == 1 else 1
        with self._lock:
            if threads not in self._sessions:
                self._sessions[threads] = self._open(threads)
            session = self._sessions[threads]
        found: list[Any] = session.run(outputs, inputs)
        return found

    def _open(self, threads: int) -> Any:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        # A thread that spins while it waits takes its core from whoever else has work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        options.add_external_initializers(self._names, self._held)
        return ort.InferenceSession(self._model, options, providers=["CPUExecutionProvider"])


def _padded(sequences: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], Any, NDArray[np.int32]]:
    """Return ids and their places, shape (batch, longest), and the lengths, shape (batch,)."""
    lengths = np.asarray([len(ids) for ids in sequences], dtype=np.int32)
    ids = np.zeros((len(sequences), int(lengths.max())), dtype=np.int64)
    for row, sequence in zip(ids, sequences, strict=True):
        row[: len(sequence)] = sequence
    return ids, np.broadcast_to(np.arange(ids.shape[1]), ids.shape), lengths


def _packed(found: Any, places: Any, lengths: NDArray[np.int32]) -> Array:
    return np.asarray(found[places < lengths[:, None]], dtype=np.float32)


class _Graph:
    """Nodes of a forward pass, and the tensors that they name.

    Args:
        weights: Tensors by the names that transformers gives `BertModel`.
        heads: Number of attention heads.
        given: The input with token vectors, shape (batch, length, dim), of a graph that begins with them.
    """

    def __init__(self, weights: Mapping[str, Array], heads: int, *, given: str = "") -> None:
        self._weights = weights
        self._heads = heads
        self._given = given
        self._nodes: list[Any] = []
        self._outputs: list[str] = []
        self.tensors: dict[str, Array] = {}

    def embedded(self) -> str:
        """Add what turns ids and places into token vectors and return its name."""
        words = self._tensor("words", self._weights["embeddings.word_embeddings.weight"])
        # Every input is one segment, so the segment's vector belongs to the position's.
        positions = self._tensor(
            "positions",
            self._weights["embeddings.position_embeddings.weight"]
            + self._weights["embeddings.token_type_embeddings.weight"][0],
        )
        summed = self._node(
            "Add", [self._node("Gather", [words, "ids"]), self._node("Gather", [positions, "places"])]
        )
        norm = [self._weight(f"embeddings.LayerNorm.{part}") for part in ("weight", "bias")]
        return self._node("LayerNormalization", [summed, *norm], axis=-1, epsilon=_EPSILON)

    def output(self, hidden: str, name: str) -> None:
        """Give token vectors out under a name."""
        self._node("Identity", [hidden], output=name)
        self._outputs.append(name)

    def layer(self, hidden: str, name: str) -> str:
        """Add a transformer layer and return its name."""
        self_name = f"{name}.attention.self"
        parts = [f"{self_name}.{part}" for part in ("query", "key", "value")]
        qkv = self._tensor(
            f"{name}.qkv", np.concatenate([self._weights[f"{part}.weight"] for part in parts]).T
        )
        bias = self._tensor(
            f"{name}.qkv.bias", np.concatenate([self._weights[f"{part}.bias"] for part in parts])
        )
        heard = self._node("Attention", [hidden, qkv, bias, "lengths"], domain=_FUSED, num_heads=self._heads)
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
        ids = [
            helper.make_tensor_value_info("ids", TensorProto.INT64, shape),
            helper.make_tensor_value_info("places", TensorProto.INT64, shape),
        ]
        vectors = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [*shape, "dim"])
            for name in [*self._outputs, self._given]
            if name
        ]
        lengths = helper.make_tensor_value_info("lengths", TensorProto.INT32, ["batch"])
        graph = helper.make_graph(
            self._nodes,
            "bert",
            [*(vectors[-1:] if self._given else ids), lengths],
            vectors[: len(self._outputs)],
            constants,
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(_FUSED, 1)]
        model: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
        return model
