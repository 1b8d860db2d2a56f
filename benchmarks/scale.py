"""The store at 100,000 pieces: time and memory of an add, of a small add after it, and of queries; disk.

The corpus is made: sentences of SciFact's abstracts (or of the packages' README files that are installed,
where the set is missing), put together anew, so that words are as frequent as in real text. Texts are about
90 words, one piece each. By default (`--fake-vectors`) the vectors are pseudo-random, in 40 clusters, so that
the store is measured without hours of embedding; MiniLM is then timed on 64 texts apart.

Each step runs in a process of its own, so that its peak memory is its own.

    python -m benchmarks.scale [--real-vectors] [--pieces 100000] [--queries 200] [--home DIR] [-o FILE]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import resource
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.common import add_data_option, add_output_options, print_figures
from core.settings import Settings
from core.text import sentences
from evals.suites.rows import json_lines
from knowledge.collections import Collections
from models.embeddings import Embedder, open_embedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NAME = "scale"
_SENTENCES = 4
_CLUSTERS = 40
_DIM = 384


class FakeEmbedder:
    """Unit vectors from a text's hash, in clusters, as an HNSW index meets them."""

    name = "fake"
    hash = "fake-1"
    dim = _DIM

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, shape (n, 384)."""
        import numpy as np

        centres = np.random.default_rng(0).standard_normal((_CLUSTERS, _DIM), dtype=np.float32)
        rows = np.empty((len(texts), _DIM), dtype=np.float32)
        for place, text in enumerate(texts):
            seed = zlib.crc32(text.encode())
            own = np.random.default_rng(seed).standard_normal(_DIM, dtype=np.float32)
            rows[place] = own + centres[seed % _CLUSTERS]
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def source_sentences(data: Path) -> list[str]:
    """Return the sentences that the corpus is made of."""
    corpus = data / "scifact" / "corpus.jsonl"
    if corpus.is_file():
        return [sentence for row in json_lines(corpus) for sentence in row["abstract"]]
    texts = [str(found.metadata.get_payload() or "") for found in distributions()]
    return [sentence for text in texts for sentence in sentences(text) if len(sentence.split()) > 5]


def write_corpus(path: Path, pool: Sequence[str], pieces: int) -> None:
    """Write records of four sentences each; the same ones every time."""
    chosen = random.Random(0)
    with path.open("w") as out:
        for number in range(pieces):
            text = " ".join(chosen.sample(pool, _SENTENCES))
            out.write(json.dumps({"id": str(number), "text": text, "metadata": {"part": number % 10}}) + "\n")


def _open(home: Path, fake: bool) -> tuple[Collections, Embedder]:
    embedder: Embedder = FakeEmbedder() if fake else open_embedder(Settings(home=home))
    return Collections(home / "collections", lambda: embedder), embedder


def add(home: Path, fake: bool, source: Path) -> dict[str, Any]:
    """Add a file and return how long it took."""
    collections, _ = _open(home, fake)
    shown = [0.0]

    def progress(stage: str, done: int, total: int) -> None:
        if time.monotonic() - shown[0] > 5:
            shown[0] = time.monotonic()
            print(f"\r{stage} {done:,} of {total:,}   ", end="", file=sys.stderr, flush=True)

    start, cpu = time.perf_counter(), time.process_time()
    report = collections.add(_NAME, [source], progress=progress)
    print(file=sys.stderr)
    seconds = time.perf_counter() - start
    collections.close()
    return {
        "added": report.added,
        "chunks": report.chunks,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "duplicate_groups": len(report.duplicates),
    }


def search(home: Path, fake: bool, queries: Sequence[str]) -> dict[str, Any]:
    """Return the latency of single queries by mode, after one to warm up, and with a filter."""
    collections, _ = _open(home, fake)
    figures: dict[str, Any] = {}
    for name, mode, where in (
        ("sparse", "sparse", None),
        ("dense", "dense", None),
        ("hybrid", "hybrid", None),
        ("hybrid, filtered", "hybrid", {"part": 3}),
    ):
        times = []
        for query in queries:
            start = time.perf_counter()
            collections.search(_NAME, query, 10, mode=mode, where=where)  # type: ignore[arg-type]
            times.append((time.perf_counter() - start) * 1000)
        first, rest = times[0], sorted(times[1:])
        figures[name] = {
            "first_ms": round(first, 1),
            "p50_ms": round(rest[len(rest) // 2], 1),
            "p95_ms": round(rest[int(len(rest) * 0.95)], 1),
        }
    collections.close()
    return figures


def verify(home: Path, fake: bool) -> dict[str, Any]:
    """Verify the whole and return the report with the time it took."""
    collections, _ = _open(home, fake)
    start = time.perf_counter()
    report = collections.verify(_NAME)
    seconds = round(time.perf_counter() - start, 1)
    collections.close()
    return {
        "ok": report.ok,
        "seconds": seconds,
        "mb": {k: round(v / 1e6, 1) for k, v in report.bytes.items()},
    }


def embedding_speed(home: Path, texts: Sequence[str]) -> float:
    """Return how many texts the real model embeds a second."""
    embedder = open_embedder(Settings(home=home))
    embedder.embed(texts[:4])
    start = time.perf_counter()
    embedder.embed(texts)
    return round(len(texts) / (time.perf_counter() - start), 1)


def apart(function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    """Run a function in a process of its own; return its result with its peak memory in MB."""
    context = multiprocessing.get_context("spawn")
    queue: Any = context.Queue()
    process = context.Process(target=_apart, args=(queue, function, arguments))
    process.start()
    result: dict[str, Any] = queue.get()
    process.join()
    return result


def _apart(queue: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    result = function(*arguments)
    peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    queue.put({"result": result, "peak_mb": peak})


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add_data_option(parser)
    parser.add_argument("--home", type=Path, default=Path(tempfile.gettempdir()) / "vidence-bench-scale")
    parser.add_argument("--pieces", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--fake-vectors", action="store_true", default=True, help="this is the default")
    parser.add_argument(
        "--real-vectors", dest="fake_vectors", action="store_false", help="embed with MiniLM: takes hours"
    )
    parser.add_argument("--keep", action="store_true", help="go on with the collection of an earlier run")
    add_output_options(parser)
    args = parser.parse_args()
    if not args.keep:
        shutil.rmtree(args.home, ignore_errors=True)
    args.home.mkdir(parents=True, exist_ok=True)
    pool = source_sentences(args.data)
    source, small = args.home / "corpus.jsonl", args.home / "small.jsonl"
    write_corpus(source, pool, args.pieces)
    write_corpus(small, list(reversed(pool)), 10)
    chosen = random.Random(1)
    queries = [chosen.choice(pool) for _ in range(args.queries + 1)]
    figures: dict[str, Any] = {"pieces": args.pieces, "fake_vectors": args.fake_vectors}
    figures["add"] = apart(add, args.home, args.fake_vectors, source)
    figures["add 10 more"] = apart(add, args.home, args.fake_vectors, small)
    figures["search"] = apart(search, args.home, args.fake_vectors, queries)
    figures["verify"] = apart(verify, args.home, args.fake_vectors)
    if args.fake_vectors:
        texts = [json.loads(line)["text"] for line in source.read_text().splitlines()[:64]]
        figures["embedding, texts a second"] = embedding_speed(args.home, texts)
    print_figures(figures, args.output)


if __name__ == "__main__":
    main()
