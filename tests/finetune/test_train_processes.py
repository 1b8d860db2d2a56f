"""Two processes train one model: the same figures as one process with the same batches."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from finetune.train.recipe import parse_config
from finetune.train.run import train_run
from finetune.train.run_folder import RunFolder
from tests.finetune.train_fixtures import make_home, recipe

pytestmark = [pytest.mark.ml, pytest.mark.server]
ROOT = Path(__file__).resolve().parents[2]


def _recipe():
    phases = [
        {"name": "align", "steps": 2, "train": {"projector": 3e-3}},
        {"name": "tune", "steps": 3, "train": {"lora": 3e-3, "projector": 1e-3}},
    ]
    return recipe(phases=phases, lora={"rank": 4, "alpha": 8}, name="two")


def test_two_processes_lose_what_one_loses(tmp_path):
    home = make_home(tmp_path / "home")
    one = RunFolder(tmp_path / "one")
    train_run(parse_config(_recipe(), "x"), home, one)
    path = tmp_path / "two.yaml"
    path.write_text(yaml.safe_dump(_recipe()))
    launch = [sys.executable, "-m", "accelerate.commands.launch"]
    launch += [
        "--config_file",
        str(ROOT / "configs" / "accelerate" / "cpu2.yaml"),
        "--main_process_port",
        "0",
    ]
    launch += ["-m", "tests.finetune.train_main", str(path)]
    environment = {**os.environ, "VIDENCE_HOME": str(home), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        launch, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    two = RunFolder(home / "finetune" / "runs" / "two")
    losses = [[line["loss"] for line in run.log() if "loss" in line] for run in (one, two)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert (two.result / "adapter" / "adapter_model.safetensors").is_file()
