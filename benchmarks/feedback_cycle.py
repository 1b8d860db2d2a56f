"""Does the loop learn from feedback, and does the gate stop poison?

A tiny model learns a small world (`finetune.loop.shapes`) from data in which two colours are named
wrongly: purple things are called blue, yellow ones green. Simulated users then rate 200 of its answers to new
pictures: 50 wrong names get a correction, 150 right answers a good rating. `incorporate` and a cycle make the
next model of it, which the gate compares with the one in production. After that two users call 50 right names
wrong, and the same cycle is run on their word: the gate has to refuse it.

    python -m benchmarks.feedback_cycle --work /tmp/feedback-cycle -o cycle.json

The work folder keeps every step: a killed run goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.tiny_loop import BASE, MODEL, from_scratch, kinds_of, make_base, recipe, run_cycle
from core.feedback_store import FeedbackStore, RatedRun
from core.images import ImageStore
from evals.exact_match import exact_match
from finetune.data.dataset import Dataset
from finetune.data.rows import DatasetRecord, Step, TrainRow
from finetune.loop.shapes import COLOURS, Scene, rows_of, scenes
from finetune.release.answering import open_checkpoint
from finetune.release.registry import Registry

MISNAMED = {"purple": "blue", "yellow": "green"}
RATINGS, CORRECTIONS = 200, 50


def main() -> int:
    """Run the whole story and print the figures; exit code 1 when a claim does not hold."""
    args = _arguments()
    root = args.work
    root.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    make_base(root)
    write_world(root, args.drawings, args.exam)
    first = run_cycle(root, first_cycle(root, args.base_steps))
    print(f"first model: {first.status} {first.reason}", file=sys.stderr)
    honest_ratings(root, args.seed)
    good = run_cycle(root, feedback_cycle(root, "feedback", args.tune_steps))
    poison(root, args.seed)
    bad = run_cycle(root, feedback_cycle(root, "poison", args.tune_steps))
    body = judge(root, first.status, good, bad)
    body["seconds"] = round(time.monotonic() - started)
    show(body)
    if args.output:
        args.output.write_text(json.dumps(body, indent=1) + "\n")
    if args.json:
        print(json.dumps(body))
    return 0 if all(body["claims"].values()) else 1


def write_world(root: Path, drawings: int, exam: int) -> DatasetRecord:
    """Write the data of the first model: wrong names in `train`, true ones in `test`, which the gate asks."""
    dataset = Dataset(root / "finetune" / "data" / BASE)
    if (dataset.folder / "dataset.json").exists():
        return dataset.record
    drawn = scenes(drawings + exam, seed=1)
    rows: list[TrainRow] = [misnamed(row) for row in rows_of(dataset, drawn[:drawings], "train", 1)]
    rows += rows_of(dataset, drawn[drawings:], "test", 2)
    return dataset.write(BASE, rows, steps=(Step(name="shapes", options={"misnamed": MISNAMED}),))


def misnamed(row: TrainRow) -> TrainRow:
    """Return a row as the careless labellers of the first data set would have it."""
    if row.kind != "colour" or row.answers[0] not in MISNAMED:
        return row
    return row.model_copy(update={"answers": (MISNAMED[row.answers[0]],)})


def first_cycle(root: Path, steps: int) -> dict[str, Any]:
    """Return the cycle that makes the first model: nothing but the data set, against its text alone."""
    return {
        "name": "first",
        "model": MODEL,
        "data": {"sources": []},
        "train": {
            "recipe": str(recipe(root / "recipes", "first", from_scratch(steps, 30))),
            "base": "recipe",
            "data": [{"name": BASE}],
        },
        "gate": {"data": f"{BASE}:test"},
    }


def feedback_cycle(root: Path, name: str, steps: int) -> dict[str, Any]:
    """Return a cycle on feedback: half of what it trains on is new, half is the old data, misnamed no more.

    The old rows that the corrections speak against are not mended, only outweighed: nobody told the loop
    which of them are wrong. So their colour questions are left out.
    """
    # The tower learns too: two colours that had one name look alike to it.
    rates = {"lora": 2e-3, "projector": 1e-3, "tower": 1e-3}
    phases = [{"name": "tune", "steps": steps, "train": rates, "warmup": 0.1}]
    kinds = ["shape", "position", "yes_no"]
    return {
        "name": name,
        "model": MODEL,
        "data": {"sources": ["feedback"]},
        "train": {
            "recipe": str(recipe(root / "recipes", name, phases)),
            "data": [{"name": "@new", "weight": 0.6}, {"name": BASE, "weight": 0.4, "kinds": kinds}],
        },
        "gate": {"data": f"{BASE}:test", "target": ["colour"], "need": "improve"},
    }


def honest_ratings(root: Path, seed: int) -> None:
    """Let three users rate what is in production on new pictures."""
    store = FeedbackStore.under(root)
    if any(True for _ in store.all()):
        return
    asked = ask(root, scenes(360, seed=7 + seed), seed)
    wrong = [one for one in asked if one[0].kind == "colour" and not one[2]][:CORRECTIONS]
    right = [one for one in asked if one[2]]
    random.Random(seed).shuffle(right)
    if len(wrong) < CORRECTIONS:
        raise SystemExit(f"only {len(wrong)} wrong names among {len(asked)} answers; train the base longer")
    for number, (row, answer, good) in enumerate([*wrong, *right[: RATINGS - CORRECTIONS]]):
        run = rated(row, answer, f"honest-{number}")
        at = f"2026-01-{1 + number // 20:02d}T{8 + number % 12:02d}:{number % 60:02d}:00+00:00"
        store.put(
            run,
            "up" if good else "down",
            user=f"user-{number % 3}",
            correction="" if good else row.answers[0],
            at=at,
        )


def poison(root: Path, seed: int) -> None:
    """Let two users call right colour names wrong, in place of all honest feedback."""
    store = FeedbackStore.under(root)
    items = list(store.all())
    if any(item.run.run_id.startswith("poison") for item in items):
        return
    asked = ask(root, scenes(360, seed=107 + seed), seed)
    right = [one for one in asked if one[0].kind == "colour" and one[2]][:CORRECTIONS]
    others = [one for one in asked if one[2] and one[0].kind != "colour"]
    random.Random(seed).shuffle(others)
    for item in items:
        store.delete(item.run.run_id, item.user)
    names = list(COLOURS)
    for number, (row, answer, _) in enumerate([*right, *others[: RATINGS - CORRECTIONS]]):
        lie = names[(names.index(row.answers[0]) + 1) % len(names)] if number < len(right) else ""
        store.put(
            rated(row, answer, f"poison-{number}"),
            "down" if lie else "up",
            user=f"mallory-{number % 2}" if lie else f"user-{number % 3}",
            correction=lie,
        )


def ask(root: Path, drawn: list[Scene], seed: int) -> list[tuple[TrainRow, str, bool]]:
    """Return questions about new pictures with what the production model says, and whether it is right."""
    dataset = Dataset(root / "pool" / str(seed) / str(len(drawn)) / str(drawn[0].seed))
    rows = list(rows_of(dataset, drawn, "train", seed))
    registry = Registry(root / "finetune" / "models", who="benchmark")
    answerer = open_checkpoint(registry.checkpoint(f"{MODEL}@production"), batch=32)
    registry.close()
    from finetune.release.answering import Asked

    replies = answerer.answer([Asked(row.question, dataset.image_path(row)) for row in rows])
    images = ImageStore(root / "images", max_bytes=10_000_000, max_pixels=10_000_000)
    for row in rows:
        images.add_path(dataset.folder / str(row.image))
    shutil.rmtree(dataset.folder, ignore_errors=True)
    return [
        (row, reply.text, exact_match(reply.text, row.answers))
        for row, reply in zip(rows, replies, strict=True)
    ]


def rated(row: TrainRow, answer: str, run_id: str) -> RatedRun:
    """Return a run as `vidence feedback` would find it."""
    return RatedRun(
        run_id=run_id,
        question=row.question,
        answer=answer,
        short_answer=answer,
        confidence=0.6,
        images=(str(row.image_sha256),),
    )


def judge(root: Path, first: str, good: Any, bad: Any) -> dict[str, Any]:
    """Return the figures and which claims hold."""
    registry = Registry(root / "finetune" / "models", who="benchmark")
    live = registry.resolve(f"{MODEL}@production").version
    registry.close()
    kinds = kinds_of(good)
    data, poisoned = good.output("data"), bad.output("data")
    rest = [part for name, part in kinds.items() if name not in ("overall", "colour")]
    return {
        "ratings": data.get("votes"),
        "corrections": data.get("preferences"),
        "rows": data.get("rows"),
        "feedback": kinds,
        "feedback_status": f"{good.status} {good.reason}".strip(),
        "poison": kinds_of(bad),
        "poison_status": f"{bad.status} {bad.reason}".strip(),
        "suspicious": [f"{item['user']}: {item['detail']}" for item in poisoned.get("suspicions", [])],
        "claims": {
            "the first model is in production": first == "passed",
            "the corrected kind rises beyond its interval": kinds.get("colour", {}).get("low", -1) > 0,
            "no other kind falls beyond the gate's interval": bool(rest)
            and all(part["high"] >= 0 and part["value"] >= -0.05 for part in rest),
            "the gate passes the feedback cycle": good.status == "passed",
            "the gate refuses the poisoned cycle": bad.status == "refused",
            "production is the feedback model": live == good.output("register").get("version"),
            "the poisoners are reported": any("mallory" in one["user"] for one in poisoned["suspicions"]),
        },
    }


def show(body: dict[str, Any]) -> None:
    """Print the figures."""
    for name in ("feedback", "poison"):
        print(f"{name} cycle: {body[f'{name}_status']}")
        for kind, part in body[name].items():
            print(
                f"  {kind:9s} n={part['n']:<4d} {part['before']:.3f} -> {part['after']:.3f}  "
                f"{part['value']:+.3f} ({part['low']:+.3f} to {part['high']:+.3f})"
            )
    for line in body["suspicious"]:
        print(f"suspicious {line}")
    for claim, held in body["claims"].items():
        print(f"{'yes' if held else 'NO '}  {claim}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--work", type=Path, default=Path("/tmp/vidence-feedback-cycle"), help="Kept between runs."
    )
    parser.add_argument("--drawings", type=int, default=600, help="Drawings to train the first model on.")
    parser.add_argument("--exam", type=int, default=300, help="Drawings in the exam, 4 questions each.")
    parser.add_argument("--base-steps", type=int, default=400, help="Optimiser steps of the first model.")
    parser.add_argument("--tune-steps", type=int, default=240, help="Optimiser steps of each cycle.")
    parser.add_argument("--seed", type=int, default=0, help="Which pictures are rated.")
    parser.add_argument("--json", action="store_true", help="Print one JSON object, too.")
    parser.add_argument("-o", "--output", type=Path, help="Write the figures here.")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
