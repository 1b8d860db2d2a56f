"""Finding images: by words and by other images, with captions indexed and by their pixels alone.

Photos (coco_mini, flickr8k_1000; five captions each), through the code of `vidence index` and `search`:
  text to image   pixels      nothing of an image is indexed but its pixels; all five captions ask
                  1 caption   the first caption is indexed with the pixels; the other four ask
                  4 captions  the first four are indexed; the fifth asks
                  text alone  as 1 caption, indexed as a text without the image
  image to image  views       a mirrored crop of 35% of the area, darker or brighter, as a coarse JPEG, must
                              find the image that it was cut from
                  related     COCO: images that show an object of the kind that is largest in the query image;
                              Flickr: its five nearest by mean caption vector (cosine of 0.5 or more).
                              Recall counts against min(k, relevant images)
  regions         COCO: the box that is shown for "a photo of a KIND" lies with its centre inside one of the
                  labelled boxes of that kind, against the centre of the image

Charts (opencqa): each is indexed by its pixels (its text is read once, then cached in --home, 2-5 s each);
its title asks for it.

    python -m benchmarks.images [photos|charts|all] [--data ../shared/data] [--home DIR] [--limit N] [-o FILE]
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.common import add_data_option, add_output_options, print_figures
from core.images import ImageStore
from core.settings import Settings
from evals.suites.rows import json_lines
from knowledge.collections import Collections
from knowledge.images.options import ImageOptions
from models.embeddings import open_embedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

PHOTOS = {"coco": "coco_mini", "flickr": "flickr8k_1000"}
"""Names of the collections, and the folders of their data."""
_CUTS = (1, 5, 10)
_NEAREST = 5
_RELATED = 0.5


class Bench:
    """The collections of one run; what is in --home already is not indexed again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        settings = Settings(home=home)
        loaded = open_embedder(settings)
        self.embedder = loaded
        self.collections = Collections(home / "collections", lambda: loaded, ImageOptions.of(settings))
        self.images = ImageStore(home / "images", max_bytes=1 << 30, max_pixels=1 << 28)

    def index(self, name: str, records: Sequence[dict[str, Any]], folder: Path) -> float:
        """Index records whose images lie in a folder; return the seconds it took."""
        # Captions beside the images would be files of the data's folder: links keep that one clean.
        place = self.home / "input" / name
        place.mkdir(parents=True, exist_ok=True)
        for record in records:
            if "image" not in record:
                continue
            target = place / record["image"]
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                shutil.copy(folder / record["image"], target)
        lines = "\n".join(json.dumps(record) for record in records)
        (place / "records.jsonl").write_text(lines + "\n")
        start = time.perf_counter()
        report = self.collections.add(name, [place / "records.jsonl"], progress=_progress)
        if report.failed:
            raise SystemExit(f"{report.failed[0].path}: {report.failed[0].message}")
        return time.perf_counter() - start

    def text_ranks(self, name: str, queries: Sequence[tuple[str, str]], **options: Any) -> list[int]:
        """Return at which place (from 0) each (query, wanted document) finds what it wants."""
        found = self.collections.search_many(name, [q for q, _ in queries], 100, by_document=True, **options)
        ranked = [[hit.doc_id for hit in hits] for hits in found]
        return [_place(ids, wanted) for ids, (_, wanted) in zip(ranked, queries, strict=True)]


def _progress(stage: str, done: int, total: int) -> None:
    if done == total or done % 50 == 0:
        print(f"  {stage} {done}/{total}", flush=True)


def _place(ids: Sequence[str], wanted: str) -> int:
    return ids.index(wanted) if wanted in ids else 10_000


def recall(ranks: Sequence[int]) -> dict[str, float]:
    """Return the share of queries that found what they wanted among the first 1, 5 and 10."""
    return {f"@{k}": round(sum(rank < k for rank in ranks) / max(len(ranks), 1), 3) for k in _CUTS}


def read_photos(folder: Path, limit: int) -> list[dict[str, Any]]:
    """Return rows with an id, an image, captions and objects."""
    rows = json_lines(folder / "dev.jsonl")
    return [{**row, "id": Path(row["image"]).stem} for row in rows[: limit or None]]


def photos(bench: Bench, name: str, folder: Path, limit: int) -> dict[str, Any]:
    """Measure one set of photos."""
    rows = read_photos(folder, limit)
    result: dict[str, Any] = {"images": len(rows)}

    def asked(skip: int) -> list[tuple[str, str]]:
        return [(caption, row["id"]) for row in rows for caption in row["captions"][skip:]]

    def records(captions: int) -> list[dict[str, Any]]:
        return [
            {"id": row["id"], "image": row["image"], "text": "\n".join(row["captions"][:captions])}
            for row in rows
        ]

    seconds = bench.index(f"{name}-pixels", records(0), folder)
    result["index_images_per_s"] = round(len(rows) / seconds, 1)
    result["pixels"] = recall(bench.text_ranks(f"{name}-pixels", asked(0)))
    for captions in (1, 4):
        bench.index(f"{name}-{captions}", records(captions), folder)
        result[f"{captions} caption"] = recall(bench.text_ranks(f"{name}-{captions}", asked(captions)))
    texts = [{"id": row["id"], "text": row["captions"][0]} for row in rows]
    bench.index(f"{name}-text", texts, folder)
    result["1 caption, text alone"] = recall(bench.text_ranks(f"{name}-text", asked(1)))
    result["views"] = recall(list(_views(bench, f"{name}-pixels", rows, folder)))
    result["related"] = _related(bench, f"{name}-pixels", rows, folder)
    if any(row.get("objects") for row in rows):
        result["regions"] = _regions(bench, f"{name}-pixels", rows)
    return result


def _pixels(bench: Bench, path: Path) -> Pixels:
    return bench.images.decode(path.read_bytes(), str(path))


def _views(bench: Bench, name: str, rows: Sequence[dict[str, Any]], folder: Path) -> Iterable[int]:
    import numpy as np
    from PIL import Image

    chance = np.random.default_rng(0)
    for row in rows:
        picture = _pixels(bench, folder / row["image"])
        height, width = (int(side * 0.35**0.5) for side in picture.shape[:2])
        top = int(chance.integers(0, picture.shape[0] - height + 1))
        left = int(chance.integers(0, picture.shape[1] - width + 1))
        crop = picture[top : top + height, left : left + width][:, ::-1]
        lit = np.clip(crop * chance.uniform(0.6, 1.4), 0, 255).astype(np.uint8)
        coarse = io.BytesIO()
        Image.fromarray(lit).save(coarse, format="JPEG", quality=40)
        hits = bench.collections.search_image(name, np.asarray(Image.open(coarse)), 100)
        yield _place([hit.doc_id for hit in hits], row["id"])


def relevant_images(bench: Bench, rows: Sequence[dict[str, Any]]) -> dict[str, set[str]]:
    """Return for each image which others are related to it (see the head of this file)."""
    import numpy as np

    if any(row.get("objects") for row in rows):
        kinds = {row["id"]: {item["name"] for item in row["objects"]} for row in rows}
        main = {
            row["id"]: max(row["objects"], key=lambda item: item["bbox"][2] * item["bbox"][3])["name"]
            for row in rows
            if row["objects"]
        }
        return {
            id_: {other for other in kinds if other != id_ and kind in kinds[other]}
            for id_, kind in main.items()
        }
    means = np.stack([bench.embedder.embed(row["captions"]).mean(axis=0) for row in rows])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    cosine = means @ means.T
    np.fill_diagonal(cosine, -1)
    return {
        row["id"]: {
            rows[other]["id"]
            for other in np.argsort(-cosine[place])[:_NEAREST]
            if cosine[place, other] >= _RELATED
        }
        for place, row in enumerate(rows)
    }


def _related(bench: Bench, name: str, rows: Sequence[dict[str, Any]], folder: Path) -> dict[str, float]:
    relevant = {id_: others for id_, others in relevant_images(bench, rows).items() if others}
    scores: dict[str, list[float]] = {f"@{k}": [] for k in _CUTS} | {f"chance@{k}": [] for k in _CUTS}
    for row in rows:
        others = relevant.get(row["id"])
        if not others:
            continue
        hits = bench.collections.search_image(name, _pixels(bench, folder / row["image"]), max(_CUTS) + 1)
        ids = [hit.doc_id for hit in hits if hit.doc_id != row["id"]]
        for k in _CUTS:
            scores[f"@{k}"].append(len(others & set(ids[:k])) / min(k, len(others)))
            scores[f"chance@{k}"].append(k * len(others) / (len(rows) - 1) / min(k, len(others)))
    return {key: round(sum(values) / max(len(values), 1), 3) for key, values in scores.items()}


def _regions(bench: Bench, name: str, rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return how often the middle of the shown box is inside a labelled one (the pointing game)."""
    inside, middle, asked = 0, 0, 0
    for row in rows:
        for kind in sorted({item["name"] for item in row["objects"]}):
            boxes = [item["bbox"] for item in row["objects"] if item["name"] == kind]
            hits = bench.collections.search(name, f"a photo of a {kind}", 1, where={"doc_id": row["id"]})
            if not hits or hits[0].locator.box is None:
                continue
            x0, y0, x1, y1 = hits[0].locator.box
            size = _size(bench, hits[0].locator.path)
            asked += 1
            inside += _within((x0 + x1) / 2, (y0 + y1) / 2, boxes)
            middle += _within(size[0] / 2, size[1] / 2, boxes)
    return {
        "asked": asked,
        "pointing": round(inside / max(asked, 1), 3),
        "centre": round(middle / max(asked, 1), 3),
    }


def _size(bench: Bench, path: str | None) -> tuple[int, int]:
    pixels = _pixels(bench, Path(str(path)))
    return pixels.shape[1], pixels.shape[0]


def _within(x: float, y: float, boxes: Sequence[Sequence[float]]) -> bool:
    return any(left <= x <= left + width and top <= y <= top + height for left, top, width, height in boxes)


def charts(bench: Bench, folder: Path, limit: int) -> dict[str, Any]:
    """Measure from a chart's title to the chart."""
    rows = json_lines(folder / "dev.jsonl")[: limit or None]
    records = [{"id": row["id"], "image": row["image"]} for row in rows]
    seconds = bench.index("charts", records, folder)
    asked = [(row["title"], row["id"]) for row in rows]
    questions = [(row["question"], row["id"]) for row in rows]
    return {
        "charts": len(rows),
        "index_s_per_chart": round(seconds / len(rows), 2),
        "title": recall(bench.text_ranks("charts", asked)),
        "title, words only": recall(bench.text_ranks("charts", asked, mode="sparse")),
        "question": recall(bench.text_ranks("charts", questions)),
    }


def main() -> None:
    """Run what was asked for and print, or write, one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=("photos", "charts", "all"), default="all")
    add_data_option(parser)
    parser.add_argument("--home", type=Path, help="Keep collections and what was read here.")
    parser.add_argument("--limit", type=int, default=0, help="Only the first N images of a set.")
    add_output_options(parser)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(given.home or Path(scratch))
        result: dict[str, Any] = {}
        if given.what in ("photos", "all"):
            for name, folder in PHOTOS.items():
                print(f"{name} ...", flush=True)
                result[name] = photos(bench, name, given.data / folder, given.limit)
                print(json.dumps(result[name]), flush=True)
        if given.what in ("charts", "all"):
            result["opencqa"] = charts(bench, given.data / "opencqa", given.limit)
        bench.collections.close()
    print_figures(result, given.output)


if __name__ == "__main__":
    main()
