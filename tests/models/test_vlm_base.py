"""From the text model's GGUF file to a proved checkpoint, without torch."""

import numpy as np
import pytest

from core.errors import VidenceError
from finetune.vlm.tiny import TinyText, tiny_parts_folder
from models.vlm_base import BaseText, file_sha256
from models.vlm_canaries import canaries
from models.vlm_run import Checkpoint
from models.vlm_shipped import Manifest, checkpoint_folder
from tests.support.tiny_gguf import write_tiny_gguf


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_tiny_gguf(tmp_path_factory.mktemp("base") / "tiny.gguf")


def test_tensors_come_back_as_they_were_before_llama_cpp(base):
    wanted = dict(TinyText().tensors())
    found = dict(BaseText(base).tensors())
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    assert BaseText(base).shape == TinyText().shape


def test_the_tokenizer_splits_digits_and_knows_the_image(base):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(BaseText(base).tokenizer_json())
    assert tokenizer.encode("<image>", add_special_tokens=False).ids == [16]
    encoding = tokenizer.encode("what is 123 é?")
    assert tokenizer.decode(encoding.ids) == "what is 123 é?"
    assert {"1", "2", "3"} <= set(encoding.tokens)


def test_a_damaged_file_is_a_typed_error(tmp_path):
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF" + b"\0" * 40)
    with pytest.raises(VidenceError, match="cannot be read"):
        BaseText(path)


def test_first_use_assembles_and_proves_and_the_second_finds_it(tmp_path, base):
    parts = tiny_parts_folder(tmp_path / "parts")
    files = {path.name: file_sha256(path) for path in parts.iterdir()}
    manifest = Manifest(
        name="v", version="7", files=files, base={"sha256": file_sha256(base)}, canaries=("x",) * 20
    )
    (parts / "manifest.json").write_text(manifest.model_dump_json())
    said = []
    with pytest.raises(VidenceError, match="canary"):
        checkpoint_folder(tmp_path / "cache", parts=parts, base=base, say=said.append)
    (made,) = (tmp_path / "cache" / "vlm").iterdir()
    model = Checkpoint(made)
    answers = tuple(model.answer(pixels, asked).text for pixels, asked in canaries())
    right = manifest.model_copy(update={"canaries": answers})
    (parts / "manifest.json").write_text(right.model_dump_json())
    folder = checkpoint_folder(tmp_path / "cache", parts=parts, base=base, say=said.append)
    assert folder == made
    assert checkpoint_folder(tmp_path / "cache", parts=parts, base=base, say=said.append) == folder
    assert len(said) == 2
