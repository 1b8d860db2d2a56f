"""The embedded VLM that ships: whole, small, proved by its canaries, and honest in the agent."""

import json
import shutil

import pytest
from PIL import Image
from typer.testing import CliRunner

from core.errors import VidenceError
from models.vlm_base import base_file, file_sha256
from models.vlm_canaries import canaries
from models.vlm_scope import LEAST_RIGHT
from models.vlm_shipped import PARTS, check_files, checkpoint_folder, read_manifest
from server.cli.app import app

LARGEST = 40_000_000


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    checkpoint_folder(folder, say=lambda line: None)
    return folder


@pytest.fixture
def look(cache, isolated_home, tmp_path):
    (isolated_home / "cache").mkdir(parents=True)
    (isolated_home / "cache" / "vlm").symlink_to(cache / "vlm")

    def ask(pixels, question):
        path = tmp_path / "picture.png"
        Image.fromarray(pixels).resize((448, 448)).save(path)
        outcome = CliRunner().invoke(app, ["look", str(path), question, "--json"])
        return outcome.exit_code, json.loads(outcome.stdout)

    return ask


def test_the_files_are_those_of_the_manifest_and_small():
    manifest = read_manifest()
    assert manifest is not None
    check_files(manifest, PARTS, base_file())
    assert sum((PARTS / name).stat().st_size for name in manifest.files) < LARGEST


def test_it_is_assembled_and_proved_once(cache):
    said = []
    folder = checkpoint_folder(cache, say=said.append)
    assert (folder / "proved.json").is_file()
    assert (folder / "config.json").is_file()
    assert said == []


def test_a_part_that_was_changed_is_refused_by_name(tmp_path):
    parts = tmp_path / "parts"
    shutil.copytree(PARTS, parts)
    body = bytearray((parts / "projector.safetensors").read_bytes())
    body[-1] ^= 1
    (parts / "projector.safetensors").write_bytes(bytes(body))
    with pytest.raises(VidenceError) as caught:
        checkpoint_folder(tmp_path / "cache", parts=parts)
    assert "projector.safetensors" in str(caught.value)


def test_nothing_is_offered_that_was_mostly_wrong():
    manifest = read_manifest()
    assert manifest is not None
    assert len(manifest.canaries) == len(canaries())
    assert sum(share >= LEAST_RIGHT for share in manifest.right.values()) >= 4
    assert file_sha256(base_file()) == manifest.base["sha256"]


def test_look_answers_about_a_drawn_picture_with_its_token_confidence(look):
    picture, question = canaries()[0]
    code, said = look(picture, question)
    assert (code, said["short_answer"]) == (0, "circle")
    assert said["model"]["name"] == read_manifest().name
    assert 0 < said["confidence"] <= round(read_manifest().right["shape"], 3)


def test_what_it_was_not_trained_for_is_refused_with_what_can_be_asked(look):
    code, said = look(canaries()[0][0], "Which city is this?")
    assert (code, said["error"]["kind"]) == (3, "unavailable")
    assert "shape" in said["error"]["help"]
