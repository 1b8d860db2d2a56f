"""EfficientNet-Lite as an ONNX graph, written from its weights (Tan and Le 2019; the Lite variants of 2020).

Batch norms are folded into the convolutions. The graph takes any size, and its classifier is applied at each
place of the last map, because the mean of those scores is the usual logit: one pass gives what the image
shows, and where (the class activation maps of Zhou et al. 2016).
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from core.errors import unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    Weights = Mapping[str, NDArray[np.float32]]

GRAPH_VERSION = "efficientnet-lite-1"
_EPSILON = 1e-3
_STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
"""Blocks and stride of each stage at depth 1; depth scales all stages but the first and the last."""


def block_strides(blocks: int) -> list[int]:
    """Return the stride of each block of a variant that has this many.

    Raises:
        ValueError: when no depth of the family gives that number.
    """
    for tenths in range(10, 21):
        strides: list[int] = []
        for place, (repeats, stride) in enumerate(_STAGES):
            scaled = repeats if place in (0, len(_STAGES) - 1) else -(-repeats * tenths // 10)
            strides += [stride] + [1] * (scaled - 1)
        if len(strides) == blocks:
            return strides
    raise ValueError(f"{blocks} blocks are no EfficientNet-Lite")


class _Builder:
    """Collects nodes and weights; every step returns the name of its output."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._names = count()

    def constant(self, value: NDArray[np.float32]) -> str:
        from onnx import numpy_helper

        name = f"w{next(self._names)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def node(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = output or f"t{next(self._names)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def conv(self, x: str, conv: str, norm: str, *, stride: int = 1, relu: bool = True, out: str = "") -> str:
        """Convolution with its batch norm folded in, TensorFlow's `same` padding, and ReLU6."""
        import numpy as np

        kernel = self.weights[f"{conv}.weight"]
        part = {
            name: self.weights[f"{norm}.{name}"] for name in ("weight", "bias", "running_mean", "running_var")
        }
        scale = part["weight"] / np.sqrt(part["running_var"] + np.float32(_EPSILON))
        bias = part["bias"] - part["running_mean"] * scale
        y = self.node(
            "Conv",
            [x, self.constant(kernel * scale[:, None, None, None]), self.constant(bias)],
            auto_pad="SAME_UPPER",
            kernel_shape=list(kernel.shape[2:]),
            strides=[stride, stride],
            # A depthwise kernel has one input channel a group.
            group=kernel.shape[0] if kernel.shape[1] == 1 else 1,
        )
        if not relu:
            return y
        limits = [self.constant(np.array(value, dtype=np.float32)) for value in (0.0, 6.0)]
        return self.node("Clip", [y, *limits], out)

    def block(self, x: str, prefix: str, stride: int) -> str:
        y = x
        if f"{prefix}._expand_conv.weight" in self.weights:
            y = self.conv(y, f"{prefix}._expand_conv", f"{prefix}._bn0")
        y = self.conv(y, f"{prefix}._depthwise_conv", f"{prefix}._bn1", stride=stride)
        y = self.conv(y, f"{prefix}._project_conv", f"{prefix}._bn2", relu=False)
        first = f"{prefix}._expand_conv.weight"
        entered = self.weights[first].shape[1] if first in self.weights else 0
        same = stride == 1 and entered == self.weights[f"{prefix}._project_conv.weight"].shape[0]
        return self.node("Add", [x, y]) if same else y


def build_graph(weights: Weights) -> bytes:
    """Return the ONNX model of a checkpoint.

    Its input `pixels` is float32 (n, 3, height, width). Its outputs are `features` (n, 1280, h, w), the last
    map after ReLU6, and `scores` (n, classes, h, w), the classifier at each place of it.

    Raises:
        VidenceError: `unavailable` when the onnx package is not installed.
    """
    try:
        from onnx import TensorProto, checker, helper
    except ImportError as error:
        raise unavailable(
            "Preparing the image backbone needs onnx", "Run `pip install 'vidence[vision]'`.", retryable=False
        ) from error
    build = _Builder(weights)
    blocks = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("_blocks."))
    x = build.conv("pixels", "_conv_stem", "_bn0", stride=2)
    for number, stride in enumerate(block_strides(blocks)):
        x = build.block(x, f"_blocks.{number}", stride)
    build.conv(x, "_conv_head", "_bn1", out="features")
    classifier = weights["_fc.weight"]
    build.node(
        "Conv",
        ["features", build.constant(classifier[:, :, None, None]), build.constant(weights["_fc.bias"])],
        "scores",
        kernel_shape=[1, 1],
    )

    def values(name: str, channels: int) -> Any:
        side = ("height", "width") if name == "pixels" else ("h", "w")
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, *side])

    graph = helper.make_graph(
        build.nodes,
        GRAPH_VERSION,
        [values("pixels", 3)],
        [values("features", classifier.shape[1]), values("scores", classifier.shape[0])],
        build.constants,
    )
    # Opset 17 and format 8: what every onnxruntime of our range reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return bytes(model.SerializeToString())
