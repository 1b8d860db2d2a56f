"""Finding a picture by a picture: cropped, turned, dimmed or made smaller, it should find itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from evals.drawings.scenes import draw_scene
from evals.run.registry import Place, suite
from evals.run.sample import Output, Sample
from evals.run.scorers import metric_scorer
from evals.solvers.bench import Bench, bench_solver

_COUNT = 132
_FOUND = 10
_CHANGES = ("crop", "turn", "dim", "small")


def _names() -> Iterator[tuple[int, str]]:
    for seed in range(_COUNT):
        yield seed, f"scene-{seed:03}"


def changed(path: Path, change: str, seed: int) -> Any:
    """Return the pixels of a picture after a change: RGB, shape (height, width, 3)."""
    import numpy as np
    from PIL import Image, ImageEnhance

    rng = random.Random(f"change-{seed}")  # noqa: S311 - a drawing, no secret
    with Image.open(path) as stored:
        image = stored.convert("RGB")
    side = image.width
    if change == "crop":
        cut = rng.uniform(0.02, 0.06) * side
        image = image.crop((int(cut), int(cut / 2), int(side - cut / 2), int(side - cut)))
    elif change == "turn":
        image = image.rotate(rng.choice((-4, -3, 3, 4)), fillcolor=image.getpixel((0, 0)))
    elif change == "dim":
        image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.7, 0.85))
    else:
        image = image.resize((side // 2, side // 2))
    return np.asarray(image)


def _searcher(bench: Bench) -> Callable[[Sample, int], Output]:
    folder = bench.path("evals/drawn/searched")
    for seed, name in _names():
        draw_scene(folder / f"{name}.png", seed)
    records = [{"id": name, "image": f"{name}.png"} for _, name in _names()]
    collection = bench.collection("searched", records, folder=folder)
    collections = bench.services.collections

    def answer(sample: Sample, seed: int) -> Output:
        given = sample.input
        pixels = changed(bench.path(given["images"][0]), given["change"], given["seed"])
        return Output(answer=[hit.doc_id for hit in collections.search_image(collection, pixels, _FOUND)])

    return answer


@suite(
    "drawn_search",
    family="pictures",
    open_solver=bench_solver(_searcher),
    scorers=(metric_scorer("hit@1"), metric_scorer("mrr", judged=False)),
)
def drawn_search(place: Place) -> Iterator[Sample]:
    """132 scenes that we draw, each changed a little, searched for among all by pixels."""
    for number, name in _names():
        change = _CHANGES[number % len(_CHANGES)]
        yield Sample(
            id=name,
            suite="drawn_search",
            family="pictures",
            kind=change,
            modality="image",
            source="drawn",
            input={"images": [f"evals/drawn/searched/{name}.png"], "change": change, "seed": number},
            target=[name],
        )


SUITES = (drawn_search,)
