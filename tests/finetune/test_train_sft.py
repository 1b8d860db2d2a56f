"""Training end to end on a tiny checkpoint: packed turns are exact, a killed run loses nothing."""

import json
import random
import signal
import subprocess
import sys
import time

import pytest

from core.errors import VidenceError
from finetune.train.limits import Limits
from finetune.train.recipe import parse_config
from finetune.train.run import train_run
from finetune.train.run_folder import RunFolder
from tests.finetune.train_fixtures import make_home, recipe

pytestmark = [pytest.mark.ml, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return make_home(tmp_path_factory.mktemp("home"))


def _train(home, folder, **options):
    changes = options.pop("changes", {})
    config = parse_config(recipe(**changes), "test")
    return train_run(config, home, RunFolder(folder), **options)


def _losses(folder):
    return [(line["step"], line["loss"]) for line in RunFolder(folder).log() if "loss" in line]


def _weights(folder):
    from safetensors.torch import load_file

    files = sorted((folder / "result").rglob("*.safetensors"))
    assert {file.name for file in files} == {
        "adapter_model.safetensors",
        "projector.safetensors",
        "tower.safetensors",
    }
    return {f"{file.name}:{name}": tensor for file in files for name, tensor in load_file(file).items()}


def _assert_equal(first, second):
    import torch

    left, right = _weights(first), _weights(second)
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


@pytest.fixture(scope="module")
def undisturbed(home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "undisturbed"
    outcome = _train(home, folder)
    assert outcome.status == "finished"
    return folder


def test_a_run_killed_at_a_random_step_ends_with_the_same_weights(home, undisturbed, tmp_path):
    """`kill -9` in mid run, then a resume, must give the undisturbed loss curve and weights to the bit."""
    folder = tmp_path / "killed"
    script = (
        "import sys, json, pathlib\n"
        "from finetune.train.recipe import parse_config\n"
        "from finetune.train.run import train_run\n"
        "from finetune.train.run_folder import RunFolder\n"
        "from tests.finetune.train_fixtures import recipe\n"
        "home, run = map(pathlib.Path, sys.argv[1:])\n"
        "train_run(parse_config(recipe(), 'x'), home, RunFolder(run))\n"
    )
    after = random.randint(1, 11)
    process = subprocess.Popen([sys.executable, "-c", script, str(home), str(folder)])
    log = folder / "log.jsonl"
    deadline = time.monotonic() + 200
    while process.poll() is None and time.monotonic() < deadline:
        if log.is_file() and log.read_text().count('"loss"') >= after:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not RunFolder(folder).finished, f"killed too late (after step {after})"
    _train(home, folder, resume=True)
    assert _losses(folder) == _losses(undisturbed), f"killed after step {after}"
    _assert_equal(folder, undisturbed)


def test_slices_by_time_end_with_the_same_weights(home, undisturbed, tmp_path):
    folder = tmp_path / "sliced"
    outcome = _train(home, folder, limits=Limits(max_seconds=0))
    assert (outcome.status, outcome.step) == ("paused", 1)
    for _ in range(20):
        limits = Limits(stop=iter([False, False, True] * 9).__next__)
        if _train(home, folder, resume=True, limits=limits).status == "finished":
            break
    _assert_equal(folder, undisturbed)
    assert _losses(folder) == _losses(undisturbed)


def test_training_lowers_the_loss_and_the_result_says_what_it_is(undisturbed):
    losses = [loss for _, loss in _losses(undisturbed)]
    assert sum(losses[-3:]) < 0.75 * sum(losses[:3])
    body = json.loads((undisturbed / "result" / "run.json").read_text())
    assert body["parts"] == ["lora", "projector", "tower"]
    assert body["steps"] == 12
    assert body["config_sha256"] == (undisturbed / "config_sha256").read_text().strip()
    assert set(body["metrics"]) == {"train_loss", "dev_loss", "dev_exact", "dev_rows"}
    assert len(body["base_hash"]) == 16


def test_changed_data_is_refused_on_resume(home, tmp_path):
    folder = tmp_path / "run"
    _train(home, folder, limits=Limits(max_seconds=0))
    path = home / "finetune" / "data" / "shapes" / "train.jsonl"
    before = path.read_text()
    path.write_text(before.replace("rectangle", "circle"))
    try:
        with pytest.raises(VidenceError, match=r"changed: data\.shapes\.version"):
            _train(home, folder, resume=True)
    finally:
        path.write_text(before)


def test_a_row_whose_image_breaks_when_it_is_read_is_a_reported_skip(tmp_path):
    home = make_home(tmp_path / "home", images=8)
    picture = next((home / "finetune" / "data" / "shapes" / "images").iterdir())
    picture.write_bytes(picture.read_bytes()[:200])  # the header still says PNG
    changes = {"phases": [{"name": "align", "steps": 6, "train": {"projector": 1e-3}}]}
    outcome = _train(home, tmp_path / "run", changes=changes)
    assert outcome.status == "finished"
    assert outcome.skipped
    assert all("broken or cut short" in skip["reason"] for skip in outcome.skipped)


def test_packed_turns_get_the_logits_that_each_would_get_alone(home):
    import torch

    from finetune.train.encode import Ask, Encoder
    from finetune.train.model import open_base
    from finetune.train.objective import answer_logits

    config = parse_config(recipe(), "x")
    model, processor = open_base(config.model, str(home / "finetune" / "models" / "tiny"))
    picture = next((home / "finetune" / "data" / "shapes" / "images").iterdir())
    asks = [
        Ask("1", "what colour is the shape", "red", picture, "a"),
        Ask("2", "is there a red shape", "yes", picture, "a"),
        Ask("3", "what is there", "a red circle", picture, "a"),
    ]
    encoder = Encoder(processor, max_tokens=256, packs=True)
    plain = Encoder(processor, max_tokens=256, packs=False)
    with torch.no_grad():
        packed = encoder.batch([asks])
        together = answer_logits(model, packed.inputs, packed.take)
        alone = plain.batch([asks])
        apart = answer_logits(model, alone.inputs, alone.take)
        whole = [
            model(**processor(images=[encoder.pixels(picture)], text=[text], return_tensors="pt")).logits[
                0, -1
            ]
            for text in _prompts(processor, asks)
        ]
    assert packed.targets.tolist() == alone.targets.tolist()
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-4)
    firsts = [packed.turns.tolist().index(turn) for turn in range(3)]
    torch.testing.assert_close(together[firsts], torch.stack(whole), rtol=1e-4, atol=1e-4)


def _prompts(processor, asks):
    for ask in asks:
        content = [{"type": "image"}, {"type": "text", "text": ask.question}]
        yield processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )


def test_cached_features_train_to_nearly_the_same_loss(home, tmp_path):
    phases = [{"name": "align", "steps": 5, "train": {"projector": 1e-3}}]
    changes = {"phases": phases, "lora": None}
    _train(home, tmp_path / "plain", changes=changes)
    cached = {"max_tokens": 256, "turns": 3, "cache_features": True}
    _train(home, tmp_path / "cached", changes={**changes, "sequence": cached})
    for (_, one), (_, two) in zip(_losses(tmp_path / "plain"), _losses(tmp_path / "cached"), strict=True):
        assert one == pytest.approx(two, rel=5e-3)


def test_the_result_on_its_base_measures_what_the_run_measured(home, undisturbed):
    import torch
    from torch.nn import functional

    from finetune.train.asks import asks_of
    from finetune.train.encode import Encoder
    from finetune.train.model import open_base, with_result
    from finetune.train.objective import answer_logits, bare
    from finetune.train.setup import make_plan

    config = parse_config(recipe(), "x")
    base, processor = open_base(config.model, str(home / "finetune" / "models" / "tiny"))
    model = with_result(base, undisturbed / "result").eval()
    plan = make_plan(config, home)
    encoder = Encoder(processor, max_tokens=256, packs=True)
    batch = encoder.batch([asks_of(pack, plan.measured) for pack in plan.measured_packs(256)])
    with torch.no_grad():
        logits = answer_logits(bare(model), batch.inputs, batch.take)
    body = json.loads((undisturbed / "result" / "run.json").read_text())
    assert float(functional.cross_entropy(logits, batch.targets)) == pytest.approx(
        body["metrics"]["dev_loss"], rel=1e-4
    )


def test_qlora_without_a_gpu_says_what_to_do(home, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA GPU")
    model = {"base": "home:finetune/models/tiny", "quantize": "nf4"}
    with pytest.raises(VidenceError, match="needs a CUDA GPU"):
        _train(home, tmp_path / "run", changes={"model": model})
