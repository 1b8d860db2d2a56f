"""A recipe says what it does: unknown keys are refused, and a hash names it for good."""

from pathlib import Path

import pytest

from core.errors import VidenceError
from finetune.train.explain import explain
from finetune.train.recipe import config_sha256, differing_keys, load_config, parse_config, resolved
from finetune.train.run_folder import RunFolder
from tests.finetune.train_fixtures import recipe

ROOT = Path(__file__).resolve().parents[2]
RECIPES = sorted(path for path in (ROOT / "configs").glob("*.yaml") if "\ntask: " in path.read_text())


def test_the_recipes_are_there():
    assert {path.stem for path in RECIPES} >= {
        "embedded_vlm",
        "qwen2_5_vl_7b_stcray",
        "llava_next_vqa_rad",
        "phi4_multimodal_vqa_rad",
        "dpo",
        "dual_encoder",
        "smoke",
        "xray_baggage",
    }


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_that_comes_along_loads_and_says_its_command(path):
    config = load_config(path)
    assert f"vidence finetune train configs/{path.name}" in path.read_text()
    assert config.name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": 1}, "colour"),
        ({"optim": {"bach": 2}}, "optim.bach"),
        ({"data": []}, "data"),
        ({"phases": [{"name": "x", "train": {"lora": 1e-3}}]}, "one of them"),
        ({"phases": [{"name": "x", "steps": 1, "train": {"head": 1e-3}}]}, "head"),
        ({"lora": None}, "no `lora` section"),
        ({"data": [{"name": "a"}, {"name": "a"}]}, "listed twice"),
        ({"sequence": {"cache_features": True}}, "trains the tower"),
        ({"task": "dpo"}, "`lora` only"),
        ({"task": "poetry"}, "recipe"),
    ],
)
def test_a_wrong_recipe_is_refused_naming_the_key(changes, message):
    with pytest.raises(VidenceError) as caught:
        parse_config(recipe(**changes), "x.yaml")
    assert message in caught.value.message
    assert caught.value.kind == "invalid_input"


def test_set_changes_keys_inside_lists_and_reads_exponents_as_numbers(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text((ROOT / "configs" / "smoke.yaml").read_text())
    changed = load_config(path, ["phases.1.train.lora=1e-4", "optim.batch=2", "evaluation.rows=7"])
    assert changed.phases[1].train["lora"] == 1e-4
    assert (changed.optim.batch, changed.evaluation.rows) == (2, 7)
    for wrong in ("phases.9.steps=1", "phases.x=1", "nothing", "name.x=1"):
        with pytest.raises(VidenceError, match="--set"):
            load_config(path, [wrong])


def test_the_hash_follows_from_what_the_recipe_says_not_how():
    plain = parse_config(recipe(), "a")
    with_default = parse_config(recipe(seed=0), "a")
    other = parse_config(recipe(seed=1), "a")
    assert config_sha256(plain) == config_sha256(with_default) != config_sha256(other)
    assert differing_keys(resolved(plain), resolved(other)) == ["seed"]


def test_a_resume_with_another_recipe_is_refused_naming_the_keys(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.start(parse_config(recipe(), "a"), resume=False)
    run.start(parse_config(recipe(), "a"), resume=True)
    with pytest.raises(VidenceError, match=r"differ: optim\.batch, seed$"):
        run.start(parse_config(recipe(seed=3, optim={"batch": 4, "accumulate": 2}), "a"), resume=True)
    with pytest.raises(VidenceError, match="there already"):
        run.start(parse_config(recipe(), "a"), resume=False)
    with pytest.raises(VidenceError, match="no run"):
        RunFolder(tmp_path / "none").start(parse_config(recipe(), "a"), resume=True)


def test_every_key_is_explained():
    keys = explain()
    assert all(item.description for item in keys)
    assert {"model.base", "phases[].train", "dpo.beta", "contrastive.temperature"} <= {k.key for k in keys}


def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.save_checkpoint(5, lambda folder: (folder / "state.pt").write_text("good"), keep=2)

    def full(folder):
        (folder / "state.pt").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(VidenceError, match="checkpoint 5 is kept") as caught:
        run.save_checkpoint(10, full, keep=2)
    assert caught.value.kind == "unavailable"
    assert [item.name for item in run.checkpoints()] == ["5"]
    assert [item.name for item in (run.path / "checkpoints").iterdir()] == ["5"]


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("lora.rnk=4", "lora.rank"),
        ("rank=4", "lora.rank"),
        ("phases.0.stps=3", "phases.steps"),
        ("zzz=1", ""),
    ],
)
def test_a_key_that_there_is_not_names_the_one_that_was_meant(override: str, meant: str) -> None:
    with pytest.raises(VidenceError, match="there is no such key") as caught:
        load_config(ROOT / "configs" / "smoke.yaml", [override])
    assert (f"did you mean {meant}" in caught.value.message) == bool(meant)
    assert override.partition("=")[0] in caught.value.message
