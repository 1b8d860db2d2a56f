"""Preference training raises what was preferred, against the base with its adapter off."""

import math

import pytest

from finetune.data.rows import PreferenceRow
from finetune.train.config import DpoSection
from finetune.train.limits import Limits
from finetune.train.recipe import parse_config
from finetune.train.run import train_run
from finetune.train.run_folder import RunFolder
from tests.finetune.train_fixtures import make_home, recipe

pytestmark = pytest.mark.ml


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    root = make_home(tmp_path_factory.mktemp("home"), images=4)
    folder = root / "finetune" / "data" / "shapes"
    lines = []
    for picture in sorted((folder / "images").iterdir()):
        row = PreferenceRow(
            image=f"images/{picture.name}",
            image_sha256=picture.stem,
            question="what shape is there",
            chosen="a rectangle",
            rejected="no",
            source="test",
            licence="CC0-1.0",
        )
        lines.append(row.model_dump_json())
    (folder / "preferences.train.jsonl").write_text("\n".join([*lines, '{"chosen": "x"}']))
    return root


def _config(**changes):
    phases = [{"name": "prefer", "steps": 6, "train": {"lora": 5e-3}}]
    body = {"task": "dpo", "phases": phases, "evaluation": {}, "checkpoints": {"every": 4}}
    sequence = {"max_tokens": 256, "turns": 1}
    return parse_config(recipe(**{**body, "sequence": sequence, **changes}), "x")


def test_dpo_starts_at_the_loss_of_a_coin_and_falls(home, tmp_path):
    run = RunFolder(tmp_path / "run")
    config = _config(lora={"rank": 4, "alpha": 8})
    first = train_run(config, home, run, limits=Limits(max_seconds=0))
    assert first.status == "paused"
    outcome = train_run(config, home, run, resume=True)
    assert outcome.status == "finished"
    losses = [line["loss"] for line in run.log() if "loss" in line]
    assert losses[0] == pytest.approx(math.log(2), rel=1e-4)
    assert losses[-1] < 0.8 * losses[0]
    assert [skip["where"] for skip in outcome.skipped] == ["shapes/preferences.train.jsonl:5"]
    assert sorted(item.name for item in run.result.iterdir()) == ["adapter", "processor", "run.json"]


def test_the_loss_is_the_papers_equation(home):
    import torch
    from peft import get_peft_model

    from finetune.train.encode import Ask, Encoder
    from finetune.train.model import open_base, peft_config
    from finetune.train.objective import bare, dpo_module, turn_log_probabilities
    from finetune.train.parts import FAMILIES

    config = _config()
    base, processor = open_base(config.model, str(home / "finetune" / "models" / "tiny"))
    encoder = Encoder(processor, max_tokens=256, packs=True, whole=True)
    picture = next((home / "finetune" / "data" / "shapes" / "images").iterdir())
    asks = [Ask("1", "what colour", answer, picture, "a") for answer in ("red", "blue green")]
    batch = encoder.batch([asks])
    with torch.no_grad():
        reference = turn_log_probabilities(base, batch)
    with pytest.warns(FutureWarning):
        model = get_peft_model(base, peft_config(FAMILIES["llava"], config.lora)).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.05)
        ours = turn_log_probabilities(bare(model), batch)
        loss = dpo_module(model, DpoSection(beta=0.3, label_smoothing=0.1))(batch)
    assert not torch.allclose(ours, reference)
    margin = 0.3 * float((ours[0] - ours[1]) - (reference[0] - reference[1]))
    expected = -0.9 * math.log(1 / (1 + math.exp(-margin))) - 0.1 * math.log(1 / (1 + math.exp(margin)))
    assert float(loss) == pytest.approx(expected, rel=1e-4)
