"""A Triton model repository: the whole model by the Python backend, its tower by the ONNX backend.

`NAME` takes an encoded image and a question and gives answer and confidence; it answers with `models.vlm_run`
on the exported graphs, so Triton's Python needs `pip install 'vidence[rag,vision]'`. `NAME_tower` is
`see.onnx` as it is, for who wants image tokens only.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from core.errors import VidenceError, invalid_input, not_found

_CONFIG = """\
name: "{name}"
backend: "python"
max_batch_size: 0
input [
  {{ name: "IMAGE" data_type: TYPE_STRING dims: [ 1 ] }},
  {{ name: "QUESTION" data_type: TYPE_STRING dims: [ 1 ] }}
]
output [
  {{ name: "ANSWER" data_type: TYPE_STRING dims: [ 1 ] }},
  {{ name: "CONFIDENCE" data_type: TYPE_FP32 dims: [ 1 ] }}
]
instance_group [ {{ count: {instances} kind: KIND_CPU }} ]
parameters: {{ key: "version" value: {{ string_value: "{version}" }} }}
parameters: {{ key: "threads" value: {{ string_value: "{threads}" }} }}
"""

_TOWER = """\
name: "{name}_tower"
platform: "onnxruntime_onnx"
default_model_filename: "see.onnx"
max_batch_size: 0
input [ {{ name: "pixels" data_type: TYPE_FP32 dims: [ 1, 3, {side}, {side} ] }} ]
output [ {{ name: "tokens" data_type: TYPE_FP32 dims: [ 1, {tokens}, {width} ] }} ]
instance_group [ {{ count: 1 kind: KIND_CPU }} ]
"""

_MODEL = '''\
"""Answers questions about images in Triton's Python backend, by the graphs in the folder beside this file."""

import json
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """IMAGE (bytes of a PNG or JPEG) and QUESTION (UTF-8) to ANSWER and CONFIDENCE."""

    def initialize(self, args):
        """Open the graphs."""
        from finetune.release.export_onnx import open_exported

        parameters = json.loads(args["model_config"])["parameters"]
        threads = int(parameters["threads"]["string_value"])
        folder = Path(args["model_repository"]) / args["model_version"] / "onnx"
        self._model = open_exported(folder, threads=threads)

    def execute(self, requests):
        """Answer one request after another; a broken image is that request's error alone."""
        return [self._respond(request) for request in requests]

    def _respond(self, request):
        from core.errors import VidenceError
        from core.images import ImageStore

        try:
            image, question = (
                pb_utils.get_input_tensor_by_name(request, name).as_numpy().reshape(-1)[0]
                for name in ("IMAGE", "QUESTION")
            )
            store = ImageStore(Path(), max_bytes=50_000_000, max_pixels=100_000_000)
            said = self._model.answer(store.decode(bytes(image), "IMAGE"), question.decode("utf-8"))
        except (VidenceError, UnicodeDecodeError, AttributeError) as error:
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error)))
        return pb_utils.InferenceResponse(
            output_tensors=[
                pb_utils.Tensor("ANSWER", np.array([said.text.encode("utf-8")], dtype=np.object_)),
                pb_utils.Tensor("CONFIDENCE", np.array([said.confidence], dtype=np.float32)),
            ]
        )
'''


def export_triton(
    onnx: Path, folder: Path, *, name: str, version: str, instances: int = 1, threads: int = 1
) -> list[Path]:
    """Write a model repository from an ONNX variant and return its `config.pbtxt` files.

    Args:
        onnx: One variant's folder, as `export_onnx` writes it.
        folder: The repository; made, or added to.
        name: The model's name in Triton.
        version: Version of the checkpoint, kept as a parameter.
        instances: Copies that answer at the same time.
        threads: Of each copy.

    Raises:
        VidenceError: `not_found` without the variant; `invalid_input` when the model is there already;
            `unavailable` when the disk is full.
    """
    if not (onnx / "speak.onnx").is_file():
        raise not_found(
            f"{onnx} is not an ONNX export", help="Write it first: vidence finetune export --to onnx"
        )
    whole, tower = folder / name, folder / f"{name}_tower"
    for path in (whole, tower):
        if path.exists():
            raise invalid_input(f"{path} is there already", help="Give another folder, or delete it.")
    side, tokens, width = _sizes(onnx / "see.onnx")
    try:
        shutil.copytree(onnx, whole / "1" / "onnx")
        (whole / "1" / "model.py").write_text(_MODEL)
        config = _CONFIG.format(name=name, version=version, instances=instances, threads=threads)
        (whole / "config.pbtxt").write_text(config)
        (tower / "1").mkdir(parents=True)
        for part in ("see.onnx", "see.onnx.data"):
            shutil.copyfile(onnx / part, tower / "1" / part)
        (tower / "config.pbtxt").write_text(_TOWER.format(name=name, side=side, tokens=tokens, width=width))
    except OSError as error:
        raise VidenceError(
            "unavailable", f"{folder} cannot be written: {error}", help="Free some space.", retryable=True
        ) from error
    return [whole / "config.pbtxt", tower / "config.pbtxt"]


def _sizes(see: Path) -> tuple[int, int, int]:
    """Return the image's side, the number of tokens and their width, from the graph."""
    import onnx

    graph = onnx.load(str(see), load_external_data=False).graph
    side = graph.input[0].type.tensor_type.shape.dim[3].dim_value
    dims = graph.output[0].type.tensor_type.shape.dim
    return side, dims[1].dim_value, dims[2].dim_value
