"""Re-selection against question and image, measured with and without.

Charts (opencqa): 150 summaries are indexed as texts; a question about a chart, with its image, has to find
its summary. Retrieved wide (24) by the question, then re-selected by what is written in the image.
The question is put in three ways, each naming less: as asked; five words of it; "What does this chart show?".
Photos (flickr8k_1000): the first captions are indexed as texts; "What is happening in this picture?" with the
photo has to find its caption by the pixels alone, among 300.

    python -m benchmarks.sebe [--data ../shared/data] [--home DIR] [--limit N] [-o FILE]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.sebe import ImageView, aligned_scores
from benchmarks.common import add_data_option, add_output_options, print_figures
from benchmarks.images import Bench, read_photos, recall
from core.contracts import Locator
from evals.suites.rows import json_lines
from knowledge.images.written import ImageText
from knowledge.records import Piece

if TYPE_CHECKING:
    from models.embeddings import Embedder

WIDE = 24
GENERIC = "What does this chart show?"
PICTURE = "What is happening in this picture?"


class Remembering:
    """Embeds each text once: the same passages are scored for every question."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, Any] = {}
        self.name, self.hash, self.dim = embedder.name, embedder.hash, embedder.dim

    def embed(self, texts: Sequence[str]) -> Any:
        """Return one unit vector a text, shape (n, dim)."""
        import numpy as np

        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._embedder.embed(new), strict=True))
        return np.stack([self._known[text] for text in texts])


def view_of(bench: Bench, path: Path, *, read: bool) -> ImageView:
    """Return what is written in an image, read once and then cached in --home, and what its pixels mean."""
    import hashlib

    data = path.read_bytes()
    pixels = bench.images.decode(data, str(path))
    meaning = bench.collections.image_meaning(pixels)
    if not read:
        return ImageView("", meaning)
    piece = Piece("", "image", Locator(path=str(path), sha256=hashlib.sha256(data).hexdigest()))
    written = ImageText(bench.home / "cache", "always").add_to(piece, lambda *_: pixels)
    return ImageView(written.text.strip(), meaning)


def measure(
    bench: Bench,
    name: str,
    asked: Sequence[tuple[str, str]],
    views: Sequence[ImageView],
    wide: int,
    embedder: Embedder,
) -> dict[str, Any]:
    """Return recall without and with re-selection, and the share that retrieving wide can reach."""
    found = bench.collections.search_many(name, [query for query, _ in asked], wide, by_document=True)
    before, after = [], []
    for (_, wanted), hits, view in zip(asked, found, views, strict=True):
        ids = [hit.doc_id for hit in hits]
        scores = aligned_scores([hit.text for hit in hits], [hit.score for hit in hits], [view], embedder)
        order = sorted(range(len(ids)), key=lambda place: -scores[place])
        before.append(ids.index(wanted) if wanted in ids else 10_000)
        ranked = [ids[place] for place in order]
        after.append(ranked.index(wanted) if wanted in ranked else 10_000)
    return {
        "without": recall(before),
        "with": recall(after),
        "within reach": round(sum(rank < wide for rank in before) / max(len(before), 1), 3),
    }


def charts(bench: Bench, folder: Path, limit: int) -> dict[str, Any]:
    """Measure charts; all summaries are indexed, `limit` counts questions."""
    rows = json_lines(folder / "dev.jsonl")
    bench.index("summaries", [{"id": row["id"], "text": row["summary"]} for row in rows], folder)
    rows = rows[: limit or None]
    views = []
    for place, row in enumerate(rows, start=1):
        views.append(view_of(bench, folder / row["image"], read=True))
        if place % 25 == 0:
            print(f"  read {place}/{len(rows)} charts", flush=True)
    ways = {
        "as asked": lambda row: row["question"],
        "first five words": lambda row: " ".join(row["question"].split()[:5]),
        "generic": lambda row: GENERIC,
    }
    result: dict[str, Any] = {"questions": len(rows)}
    embedder = Remembering(bench.embedder)
    for way, put in ways.items():
        asked = [(put(row), row["id"]) for row in rows]
        result[way] = measure(bench, "summaries", asked, views, WIDE, embedder)
        result[f"{way}, everything retrieved"] = measure(bench, "summaries", asked, views, 150, embedder)
    return result


def photos(bench: Bench, folder: Path, limit: int) -> dict[str, Any]:
    """Measure photos without text: every caption is retrieved, the pixels decide."""
    rows = read_photos(folder, limit)
    bench.index("captions", [{"id": row["id"], "text": row["captions"][0]} for row in rows], folder)
    views = [view_of(bench, folder / row["image"], read=False) for row in rows]
    asked = [(PICTURE, row["id"]) for row in rows]
    return {
        "photos": len(rows),
        "generic": measure(bench, "captions", asked, views, len(rows), Remembering(bench.embedder)),
    }


def main() -> None:
    """Print, or write, one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data_option(parser)
    parser.add_argument("--home", type=Path, help="Keep collections and what was read here.")
    parser.add_argument("--limit", type=int, default=0, help="Only the first N questions and photos.")
    add_output_options(parser)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(given.home or Path(scratch))
        result = {
            "opencqa": charts(bench, given.data / "opencqa", given.limit),
            "flickr": photos(bench, given.data / "flickr8k_1000", given.limit),
        }
        bench.collections.close()
    print_figures(result, given.output)


if __name__ == "__main__":
    main()
