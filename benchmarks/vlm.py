"""How often the embedded VLM is right, beside what the words of a question alone would give.

    python -m benchmarks.vlm [--checkpoint DIR] [--sets DIR] [--limit 500] [--suite shapes]... [-o FILE]

Suites: `shapes` (easy-VQA's test questions), `charts` (themes, fonts, shades, words and public tables that
training never saw), `scans` (VQA-RAD's closed questions on images not trained on), and, only when named,
`baggage` (inspection scans: threat or not, and which, with confusion matrices; its data come from
`vidence finetune data xray_baggage DIR --out xray-baggage --dev 0.3`). The other data sets are those of
`python -m finetune.vlm sets`; the checkpoint is by default the one that ships. "Text alone" answers each
question with the answer most frequent among training questions of the same words, or else of its kind: the
best that can be done without looking. Intervals are 95%, by resampling images (1,000 times, fixed seed).
Needs no torch. About 0.15 CPU seconds a question.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common import print_figures
from finetune.data.dataset import Dataset
from finetune.data.rows import TrainRow
from models.vlm_run import Checkpoint
from models.vlm_scope import family_of

_SUITES = {
    "shapes": ("embedded-shapes", "embedded-shapes", "test"),
    "charts": ("embedded-charts-test", "embedded-charts", "test"),
    "scans": ("embedded-scans", "embedded-scans", "dev"),
    "baggage": ("xray-baggage", "xray-baggage", "dev"),
}
_USUAL = ("shapes", "charts", "scans")
_SORTED_OUT = ("threat", "which")  # kinds whose answers are few enough for a confusion matrix


def main() -> int:
    """Ask, score, print."""
    options = _options()
    model = Checkpoint(_checkpoint(options), bits=options.bits)
    report: dict[str, Any] = {"checkpoint": str(options.checkpoint or "shipped"), "bits": options.bits}
    for name in options.suite or _USUAL:
        report[name] = _suite(name, options, model)
    print_figures(report, options.output)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, help="an assembled folder; by default the shipped model")
    parser.add_argument("--cache", type=Path, default=Path("~/.vidence/cache"), help="of the shipped model")
    parser.add_argument("--sets", type=Path, default=Path("~/.vidence/finetune/data"), help="data sets")
    parser.add_argument("--suite", action="append", choices=sorted(_SUITES), help="only this one; repeatable")
    parser.add_argument(
        "--limit", type=int, default=500, help="questions a suite, spread over its images; 0: all"
    )
    parser.add_argument("--bits", type=int, choices=(8, 32), default=8, help="of the text model's weights")
    parser.add_argument("-o", "--output", type=Path, help="also write the report here")
    return parser.parse_args()


def _checkpoint(options: argparse.Namespace) -> Path:
    if options.checkpoint is not None:
        return Path(options.checkpoint)
    from models.vlm_shipped import checkpoint_folder

    return checkpoint_folder(options.cache.expanduser())


def _suite(name: str, options: argparse.Namespace, model: Checkpoint) -> dict[str, Any]:
    asked, learned, split = _SUITES[name]
    sets = options.sets.expanduser()
    rows = [row for row in Dataset(sets / asked).rows(split) if name != "scans" or row.kind == "closed"]
    rows = _spread(rows, options.limit)
    guess = _text_alone(list(Dataset(sets / learned).rows("train")))
    started, scored = time.perf_counter(), []
    for at, row in enumerate(sorted(rows, key=lambda row: str(row.image_sha256))):
        said = model.answer(_pixels(sets / asked, row), row.question)
        right = _same(said.text, row.answers[0])
        scored.append((row, right, _same(guess(row), row.answers[0]), said.confidence, said.text))
        if at % 20 == 0:
            sys.stderr.write(f"\r{name}: {at + 1} of {len(rows)}")
            sys.stderr.flush()
    sys.stderr.write("\n")
    figures = _figures([item[:4] for item in scored], time.perf_counter() - started)
    if name == "baggage":
        figures["confusion"] = {kind: _confusion(scored, kind) for kind in _SORTED_OUT}
    return figures


def _confusion(scored: list[Any], kind: str) -> dict[str, dict[str, int]]:
    """Return how often each right answer (outer) was answered by each word (inner)."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for row, _, _, _, said in scored:
        if row.kind == kind:
            table[row.answers[0].lower()][said.strip().strip(".").lower()] += 1
    return {gold: dict(counts.most_common()) for gold, counts in sorted(table.items())}


def _spread(rows: list[TrainRow], limit: int) -> list[TrainRow]:
    """Return whole images, in an order of their hashes, until there are enough questions."""
    if not limit:
        return rows
    by_image: dict[str, list[TrainRow]] = defaultdict(list)
    for row in rows:
        by_image[str(row.image_sha256)].append(row)
    chosen: list[TrainRow] = []
    for image in sorted(by_image):
        if len(chosen) >= limit:
            break
        chosen += by_image[image]
    return chosen


def _pixels(folder: Path, row: TrainRow) -> Any:
    from PIL import Image

    with Image.open(folder / str(row.image)) as picture:
        return np.asarray(picture.convert("RGB"))


def _text_alone(rows: list[TrainRow]) -> Any:
    words: dict[str, Counter[str]] = defaultdict(Counter)
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        words[row.question.lower()][row.answers[0]] += 1
        kinds[row.kind][row.answers[0]] += 1

    def guess(row: TrainRow) -> str:
        known = words.get(row.question.lower()) or kinds.get(row.kind)
        return known.most_common(1)[0][0] if known else ""

    return guess


def _same(said: str, wanted: str) -> bool:
    return said.strip().strip(".").lower() == wanted.strip().lower()


def _figures(scored: list[tuple[TrainRow, bool, bool, float]], seconds: float) -> dict[str, Any]:
    right = np.array([item[1] for item in scored], dtype=float)
    blind = np.array([item[2] for item in scored], dtype=float)
    images = [str(item[0].image_sha256) for item in scored]
    families: dict[str, list[bool]] = defaultdict(list)
    kinds: dict[str, list[bool]] = defaultdict(list)
    for row, good, _, _ in scored:
        family = family_of(row.question)
        families[family.name if family else "other"].append(good)
        kinds[row.kind].append(good)
    return {
        "questions": len(scored),
        "images": len(set(images)),
        "right": round(float(right.mean()), 4),
        "interval": _interval(right, images),
        "text_alone": round(float(blind.mean()), 4),
        "ahead": round(float((right - blind).mean()), 4),
        "ahead_interval": _interval(right - blind, images),
        "by_family": {
            name: [round(float(np.mean(got)), 4), len(got)] for name, got in sorted(families.items())
        },
        "by_kind": {name: [round(float(np.mean(got)), 4), len(got)] for name, got in sorted(kinds.items())},
        "confidence_right": round(float(np.mean([s[3] for s in scored if s[1]] or [0.0])), 3),
        "confidence_wrong": round(float(np.mean([s[3] for s in scored if not s[1]] or [0.0])), 3),
        "seconds_a_question": round(seconds / max(1, len(scored)), 3),
    }


def _interval(values: Any, images: list[str]) -> list[float]:
    """95% by resampling images with their questions."""
    names = sorted(set(images))
    place = {name: at for at, name in enumerate(names)}
    sums, counts = np.zeros(len(names)), np.zeros(len(names))
    for value, image in zip(values, images, strict=True):
        sums[place[image]] += value
        counts[place[image]] += 1
    draws = np.random.default_rng(0).integers(0, len(names), (1000, len(names)))
    means = sums[draws].sum(1) / counts[draws].sum(1)
    return [round(float(bound), 4) for bound in np.quantile(means, (0.025, 0.975))]


if __name__ == "__main__":
    raise SystemExit(main())
