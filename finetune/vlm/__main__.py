"""The first stage of the embedded VLM, and its data: `python -m finetune.vlm --help`."""

from __future__ import annotations

import argparse
from pathlib import Path


def main() -> None:
    """Run one of the commands."""
    parser = argparse.ArgumentParser(prog="python -m finetune.vlm", description=(__doc__ or "").split(":")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    sets = commands.add_parser("sets", help="write the data sets of configs/embedded_vlm.yaml")
    sets.add_argument("folder", type=Path, help="the data sets' folder: ~/.vidence/finetune/data")
    sets.add_argument("--charts", type=int, default=4000, help="training charts to draw")
    draw = commands.add_parser(
        "draw", help="draw chunks of 512 pictures for the tower; goes on where it stopped"
    )
    draw.add_argument("pool", type=Path, help="where chunks are kept; 80 MB each")
    draw.add_argument("chunks", type=int, help="how many")
    draw.add_argument("--first", type=int, default=0, help="number of the first; its content follows from it")
    start = commands.add_parser(
        "start", help="assemble an untrained checkpoint, for its word vectors or a test"
    )
    start.add_argument("folder", type=Path, help="where to write it: 290 MB")
    tower = commands.add_parser("tower", help="train tower and projector; goes on from the last checkpoint")
    tower.add_argument("pool", type=Path, help="chunks to learn from; more may come while it runs")
    tower.add_argument("run", type=Path, help="the run's folder")
    tower.add_argument("--base", type=Path, required=True, help="any assembled checkpoint: its word vectors")
    tower.add_argument("--check", type=Path, help="a chunk to measure on, not in the pool")
    tower.add_argument("--steps", type=int, default=20_000, help="of 32 pictures; about a CPU second each")
    tower.add_argument("--threads", type=int, default=1)
    ship = commands.add_parser("ship", help="put both runs' results together with a manifest")
    ship.add_argument("tower_result", type=Path, help="`result` of the tower's run")
    ship.add_argument("text_result", type=Path, help="`result` of the run of configs/embedded_vlm.yaml")
    ship.add_argument("report", type=Path, help="what `python -m benchmarks.vlm -o` wrote")
    ship.add_argument("out", type=Path, help="the parts folder: models/data/vlm in a checkout")
    for command in (sets, draw):
        command.add_argument("--rad", type=Path, help="folder of VQA-RAD; left out without it")
    options = parser.parse_args()
    {"sets": _sets, "draw": _draw, "tower": _tower, "ship": _ship, "start": _start}[options.command](options)


def _sets(options: argparse.Namespace) -> None:
    from finetune.vlm import sets

    sets.write_shapes(options.folder / "embedded-shapes")
    sets.write_charts(options.folder / "embedded-charts", options.charts)
    sets.write_test_charts(options.folder / "embedded-charts-test", 300)
    if options.rad:
        sets.write_scans(options.folder / "embedded-scans", options.rad)


def _draw(options: argparse.Namespace) -> None:
    from finetune.vlm.pool import build

    build(options.pool, options.chunks, rad=options.rad, first=options.first)


def _start(options: argparse.Namespace) -> None:
    import tempfile

    from finetune.vlm.random_parts import random_projector, random_tower, write_parts
    from models.vlm_assemble import assemble
    from models.vlm_parts import TowerShape

    shape = TowerShape()
    with tempfile.TemporaryDirectory() as folder:
        parts = write_parts(Path(folder), random_tower(shape), random_projector(shape.hidden, 576))
        assemble(parts, options.folder)


def _tower(options: argparse.Namespace) -> None:
    from finetune.vlm.tower_train import TowerRecipe, train_tower

    recipe = TowerRecipe(steps=options.steps, threads=options.threads)
    train_tower(options.pool, options.run, options.base, recipe, check=options.check)


def _ship(options: argparse.Namespace) -> None:
    import json

    from finetune.vlm.ship import gather, release, right_by_family

    report = json.loads(options.report.read_text())
    run = json.loads((options.text_result / "run.json").read_text())
    gather(options.tower_result, options.text_result, options.out)
    record = {
        "recipe": {key: run.get(key) for key in ("config_sha256", "base_hash", "steps", "seconds", "device")},
        "data": run.get("data", {}),
    }
    release(options.out, right=right_by_family(report), metrics=report, record=record)


if __name__ == "__main__":
    main()
