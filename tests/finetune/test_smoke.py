from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from PIL import Image

from benchmarks.feedback_cycle import MISNAMED, misnamed
from benchmarks.finetune_smoke import Table, cycle_of
from benchmarks.tiny_loop import make_base, run_cycle
from benchmarks.tiny_server import serving
from core.images import ImageStore
from finetune.data.dataset import Dataset
from finetune.loop.served_answers import ServedAnswerer
from finetune.loop.shapes import COLOURS, SHAPES, SIDES, Scene, rows_of, scenes, write_shapes
from finetune.release.answering import Asked, Reply
from models.chat import OpenAIChat
from models.vlm import ServedVlm

ROOT = Path(__file__).resolve().parents[2]


def test_the_same_drawings_are_the_same_version_and_no_picture_is_in_two_splits(tmp_path: Path) -> None:
    first = write_shapes(tmp_path / "a", train=12, dev=4, test=4)
    assert write_shapes(tmp_path / "b", train=12, dev=4, test=4).version == first.version
    assert write_shapes(tmp_path / "c", train=12, dev=4, test=4, seed=1).version != first.version
    rows = Dataset(tmp_path / "a").rows()
    where = {(row.image_sha256, row.split) for row in rows}
    assert len(where) == len({sha for sha, _ in where}) == 20
    assert {row.kind for row in rows} == {"colour", "shape", "position", "yes_no"}


def test_a_drawing_shows_what_its_answers_say(tmp_path: Path) -> None:
    for scene in scenes(12, seed=3):
        (tmp_path / "x.png").write_bytes(scene.png())
        picture = Image.open(tmp_path / "x.png").convert("RGB")
        ground = picture.getpixel((0, 0))
        inside = [
            (x, picture.getpixel((x, y))) for x in range(0, 224, 4) for y in range(0, 224, 4)
            if picture.getpixel((x, y)) != ground
        ]  # fmt: skip
        middle = sum(x for x, _ in inside) / len(inside)
        assert (middle < 112) == (scene.side == "left")
        shown = inside[len(inside) // 2][1]
        nearest = min(
            COLOURS, key=lambda name: sum(abs(a - b) for a, b in zip(COLOURS[name], shown, strict=True))
        )
        assert nearest == scene.colour
        for kind, question, answer in scene.questions(random.Random(0)):
            if kind == "yes_no":
                assert (answer == "yes") == (scene.colour in question)
            else:
                assert answer in (scene.colour, scene.shape, scene.side)


def test_only_names_of_the_two_colours_are_spoilt(tmp_path: Path) -> None:
    drawn = [Scene(colour, SHAPES[0], SIDES[0], 1) for colour in COLOURS]
    for row in rows_of(Dataset(tmp_path), drawn, "train", 0):
        spoilt = misnamed(row)
        changed = row.kind == "colour" and row.answers[0] in MISNAMED
        assert (spoilt != row) == changed


class Echo:
    """Answers with the question, and says whether there was an image."""

    def answer(self, asked: Sequence[Asked], progress: object = None) -> list[Reply]:
        seen = "seen" if asked[0].image is not None and asked[0].image.exists() else "blind"
        return [Reply(f"{seen}: {asked[0].question}", (-0.5, -0.1))]


async def test_the_small_server_speaks_to_the_client_that_ask_uses(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(Scene("red", "circle", "left", 1).png())
    with serving(Echo(), "tiny@1") as url:
        reply = await ServedVlm(OpenAIChat(url, "tiny@1"), "Be brief.").look([path], [], "what is it?")
    assert reply.short_answer == "seen: what is it?"


def test_a_pool_can_be_asked_of_it_with_the_scores_of_tokens(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(Scene("red", "circle", "left", 1).png())
    with serving(Echo(), "tiny@1") as url:
        assert httpx.get(f"{url}/models").json()["data"][0]["id"] == "tiny@1"
        reply = ServedAnswerer(url, "tiny@1").answer("what is it?", path)
    assert reply.text == "seen: what is it?"
    assert [token.logprob for token in reply.tokens] == [-0.5, -0.1]


def test_a_proof_that_breaks_or_says_nothing_has_failed(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table()
    with table.proof("good") as said:
        said(True, "fine")
    with table.proof("broken"):
        raise ValueError("no such file")
    with table.proof("silent"):
        pass
    assert [row["held"] for row in table.rows] == [True, False, False]
    assert "ValueError: no such file" in capsys.readouterr().out


def arguments(steps: int) -> argparse.Namespace:
    return argparse.Namespace(steps=steps, tune_steps=4)


def prepared(root: Path) -> Path:
    write_shapes(root / "finetune" / "data" / "shapes", train=24, dev=4, test=16)
    make_base(root)
    return root


_RUN = """
import sys
from pathlib import Path
from tests.finetune.test_smoke import arguments
from benchmarks.finetune_smoke import cycle_of
from benchmarks.tiny_loop import run_cycle
root = Path(sys.argv[1])
run_cycle(root, cycle_of(root, arguments(12)))
"""


@pytest.mark.ml
@pytest.mark.timeout(900)
def test_a_cycle_killed_at_any_moment_ends_with_the_same_model(tmp_path: Path) -> None:
    whole = run_cycle(prepared(tmp_path / "whole"), cycle_of(tmp_path / "whole", arguments(12)))
    root = prepared(tmp_path / "killed")
    # Twelve steps prove nothing about pictures: the gate has to refuse, and production stays empty.
    assert (whole.status, whole.output("register").get("ref") is not None) == ("refused", True)
    steps = root / "finetune" / "cycles" / "smoke" / "steps"
    for reached in ("data", "train", "register"):
        process = subprocess.Popen([sys.executable, "-c", _RUN, str(root)], cwd=ROOT, env={**os.environ})
        deadline = time.monotonic() + 240
        while not (steps / f"{reached}.json").exists() and time.monotonic() < deadline:
            assert process.poll() is None or (steps / f"{reached}.json").exists()
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    again = run_cycle(root, cycle_of(root, arguments(12)))
    assert again.output("register")["version"] == whole.output("register")["version"]
    assert again.output("gate")["overall"] == whole.output("gate")["overall"]
    assert again.status == "refused"


@pytest.mark.ml
def test_images_of_the_store_are_what_the_model_is_shown(tmp_path: Path) -> None:
    from finetune.release.answering import open_image

    images = ImageStore(tmp_path / "store", max_bytes=10**6, max_pixels=10**6)
    (tmp_path / "a.png").write_bytes(Scene("blue", "square", "right", 2).png())
    stored = images.add_path(tmp_path / "a.png")
    shown = open_image(Asked("?", images.path(stored.sha256)))
    assert shown is not None
    assert (shown == images.open(stored.sha256)).all()
