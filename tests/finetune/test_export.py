"""Exports answer like the checkpoint they were made of."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from core.errors import VidenceError
from finetune.release.export_onnx import OnnxAnswerer, export_onnx, open_exported
from finetune.release.export_triton import export_triton
from finetune.release.export_vllm import export_vllm, vllm_names
from finetune.release.questions import Questions, open_questions
from finetune.vlm.tiny import tiny_checkpoint
from server.cli.app import app
from tests.finetune.release_models import toy_data


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def questions(tmp_path: Path) -> Questions:
    toy_data(tmp_path / "toy", questions=4)
    return open_questions(tmp_path, f"{tmp_path}/toy")


def test_every_onnx_variant_answers_from_its_files_like_the_embedded_runtime(
    model: Path, questions: Questions, tmp_path: Path
) -> None:
    from finetune.release.answering import open_image
    from models.vlm_run import Checkpoint

    sizes = export_onnx(model, tmp_path / "onnx")
    assert sizes["int8"] < sizes["fp32"]
    assert sizes["fp16"] < 0.7 * sizes["fp32"]
    asked = questions.asked()
    for variant, bits in (("fp32", 32), ("fp16", 32), ("int8", 8)):
        here = Checkpoint(model, bits=bits)
        expected = []
        for one in asked:
            pixels = open_image(one)
            assert pixels is not None
            expected.append(here.answer(pixels, one.question, longest=32))
        replies = OnnxAnswerer(tmp_path / "onnx" / variant).answer(asked)
        assert [reply.text for reply in replies] == [said.text for said in expected], variant
        for reply, said in zip(replies, expected, strict=True):
            assert reply.confidence == pytest.approx(said.confidence, rel=2e-3)


def test_the_graphs_are_valid_onnx_and_carry_their_weights_beside_them(model: Path, tmp_path: Path) -> None:
    import onnx

    export_onnx(model, tmp_path, ["fp16"])
    for name in ("see", "embed"):
        onnx.checker.check_model(str(tmp_path / "fp16" / f"{name}.onnx"))
    graph = onnx.load(str(tmp_path / "fp16" / "speak.onnx"), load_external_data=False).graph
    kinds = {tensor.data_type for tensor in graph.initializer if len(tensor.dims) > 1}
    assert onnx.TensorProto.FLOAT16 in kinds
    assert not list(tmp_path.glob(".*.partial"))


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen2_5_vl"}))
    with pytest.raises(VidenceError, match="not in the embedded VLM's architecture"):
        export_onnx(tmp_path, tmp_path / "out")


def test_a_triton_repository_names_what_its_graphs_take_and_give(model: Path, tmp_path: Path) -> None:
    export_onnx(model, tmp_path, ["int8"])
    configs = export_triton(tmp_path / "int8", tmp_path / "repo", name="vlm", version="abc")
    whole, tower = (path.read_text() for path in configs)
    assert re.findall(r'name: "(\w+)"', whole)[:5] == ["vlm", "IMAGE", "QUESTION", "ANSWER", "CONFIDENCE"]
    assert "dims: [ 1, 3, 224, 224 ]" in tower
    assert "dims: [ 1, 49, 64 ]" in tower
    for text in (whole, tower):
        assert text.count("{") == text.count("}")
        assert text.count("[") == text.count("]")
    code = tmp_path / "repo" / "vlm" / "1" / "model.py"
    compile(code.read_text(), str(code), "exec")
    opened = open_exported(tmp_path / "repo" / "vlm" / "1" / "onnx")
    assert opened.answer(np.zeros((8, 8, 3), np.uint8), "what is it?").tokens_in > 49
    with pytest.raises(VidenceError, match="there already"):
        export_triton(tmp_path / "int8", tmp_path / "repo", name="vlm", version="abc")


def test_names_that_vllm_does_not_know_are_renamed_and_bytes_stay(model: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    plain = tmp_path / "plain"
    plain.mkdir()
    for path in model.iterdir():
        if path.suffix != ".safetensors":
            (plain / path.name).write_bytes(path.read_bytes())
    tensors = load_file(str(model / "model.safetensors"))
    short = {
        name.replace("vision_tower.vision_model.", "vision_tower."): value for name, value in tensors.items()
    }
    save_file(short, str(plain / "model.safetensors"), metadata={"format": "pt"})
    done = export_vllm(plain, tmp_path / "vllm")
    assert done["renamed"] == sum("vision_tower" in name for name in tensors) > 0
    again = load_file(str(tmp_path / "vllm" / "model.safetensors"))
    assert set(again) == set(tensors)
    assert all(np.array_equal(again[name], value) for name, value in tensors.items())
    assert all(old == new for old, new in vllm_names(model).items())
    with pytest.raises(VidenceError, match="there already"):
        export_vllm(plain, tmp_path / "vllm")


@pytest.mark.ml
def test_a_renamed_checkpoint_loads_in_transformers_without_missing_weights(
    model: Path, questions: Questions, tmp_path: Path
) -> None:
    from finetune.release.answering import open_checkpoint

    export_vllm(model, tmp_path / "vllm")
    replies = [open_checkpoint(folder).answer(questions.asked()) for folder in (model, tmp_path / "vllm")]
    assert replies[0] == replies[1]


@pytest.mark.ml
def test_export_measures_every_variant_beside_transformers(
    model: Path, tmp_path: Path, isolated_home: Path
) -> None:
    toy_data(isolated_home / "finetune" / "data" / "toy", questions=6)
    arguments = ["finetune", "export", str(model), "--to", "onnx", "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*arguments, "--data", "toy", "--json"])
    body = json.loads(done.stdout)
    assert set(body["checks"]) == {"fp32", "fp16", "int8"}
    exact = body["checks"]["fp32"]["agreement"]
    assert exact["equal"] == exact["questions"] == 12
    assert exact["largest_logprob_difference"] < 1e-3
    assert done.exit_code == (0 if body["passed"] else 1)
