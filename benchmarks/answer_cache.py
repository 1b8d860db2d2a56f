"""The answer cache: whether it takes one question for another, how often it knows a wording, what it saves.

    python -m benchmarks.answer_cache [--data DIR] [--no-speed] [--show] [--json]

Pairs of another meaning come from `benchmarks/data/other_meaning.txt` (by hand), from questions of the public
development sets changed in one place, and from different questions about the same image or collection whose
gold answers differ. Beside the cache stands what the embedding alone would do.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx

from benchmarks.question_pairs import FREE, OTHER, SAME, Asked, Pair, changed, public, written
from core.settings import Settings
from models.embeddings import Embedder, open_embedder
from server.cache.sense import sense_of, timeless

ALONE = (0.8, 0.9, 0.95, 0.98)
"""Cosines at which the embedding alone would say that two questions are one."""
ASKED_S = 60.0


def same_sense(pair: Pair, images: int = 1) -> bool:
    """Whether the cache takes two texts for one question, before it compares their vectors."""
    if pair.one == pair.other or not (timeless(pair.one) and timeless(pair.other)):
        return False
    sense = sense_of(pair.one, images=images)
    return sense is not None and sense == sense_of(pair.other, images=images)


def likeness(pairs: list[Pair], embedder: Embedder) -> list[float]:
    """Return the cosine of every pair."""
    texts = list(dict.fromkeys(text for pair in pairs for text in (pair.one, pair.other)))
    vectors = dict(zip(texts, embedder.embed(texts), strict=True))
    return [float(vectors[pair.one] @ vectors[pair.other]) for pair in pairs]


def upper_bound(found: int, of: int) -> float:
    """Return the upper end of the one-sided 95% interval of a rate (Clopper and Pearson, 1934)."""
    from scipy.stats import beta

    return 1.0 if found >= of else float(beta.ppf(0.95, found + 1, of - found))


def mutated(asked: list[Asked]) -> Iterator[Pair]:
    """Yield every public question changed in one place, in each way that applies."""
    questions = sorted({item.question for item in asked})
    names = sorted({word.strip("?.,") for text in questions[:3000] for word in text.split() if len(word) > 4})
    for number, question in enumerate(questions):
        yield from (pair for pair in changed(question, number, names) if pair.one != pair.other)


def neighbours(asked: list[Asked]) -> tuple[int, list[Pair]]:
    """Return how many pairs of questions about one thing have different gold answers, and the hits."""
    by_place: dict[str, list[Asked]] = defaultdict(list)
    for item in dict.fromkeys(asked):
        by_place[item.about].append(item)
    count, hits = 0, []
    for items in by_place.values():
        golds = Counter(item.gold for item in items)
        count += (len(items) ** 2 - sum(n * n for n in golds.values())) // 2
        seen: dict[str, list[Asked]] = defaultdict(list)
        for item in items:
            sense = sense_of(item.question, images=1) if timeless(item.question) else None
            if sense is not None:
                others = [
                    other
                    for other in seen[sense]
                    if other.gold != item.gold and _plain(other.question) != _plain(item.question)
                ]
                hits += [Pair("neighbours", other.question, item.question) for other in others]
                seen[sense].append(item)
    return count, hits


def _plain(text: str) -> str:
    """Return a question as sets repeat it: with other capitals and spaces, and two gold answers."""
    return " ".join(text.casefold().rstrip("?. ").split())


def false_hits(asked: list[Asked], embedder: Embedder) -> dict[str, Any]:
    """Measure hits between questions of other meaning."""
    by_hand = written(OTHER)
    near = likeness(by_hand, embedder)
    hits = [pair for pair in by_hand for images in (0, 1, 2) if same_sense(pair, images)]
    found: dict[str, Any] = {
        "by_hand": _rate(hits, len(by_hand)),
        "embedding_alone": {str(at): sum(value >= at for value in near) / len(near) for at in ALONE},
    }
    if asked:
        pairs = list(mutated(asked))
        found["changed_in_one_place"] = _rate(filter(same_sense, pairs), len(pairs))
        count, wrong = neighbours(asked)
        found["same_place_other_gold"] = _rate(wrong, count)
    return found


def _rate(hits: Iterable[Pair], of: int) -> dict[str, Any]:
    wrong = [f"{pair.kind}: {pair.one} | {pair.other}" for pair in hits]
    return {"pairs": of, "hits": len(wrong), "at_most": upper_bound(len(wrong), of), "which": wrong[:20]}


def hit_rate(embedder: Embedder, least: float) -> dict[str, Any]:
    """Measure how many wordings of one question are known for it, by kind."""
    pairs = written(SAME)
    near = likeness(pairs, embedder)
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    missed = []
    for pair, value in zip(pairs, near, strict=True):
        sense = same_sense(pair)
        kinds[pair.kind].update(pairs=1, sense=sense, hits=sense and value >= least)
        if not (sense and value >= least):
            missed.append(
                f"{pair.kind}: {pair.one} | {pair.other} ({'near' if sense else 'sense'} {value:.2f})"
            )
    return {"by_kind": {kind: dict(counts) for kind, counts in kinds.items()}, "missed": missed}


def speed() -> dict[str, Any]:
    """Ask a server with the embedded models: anew, by the same text, and by another wording."""
    from evals.suites.rows import own
    from server.runs.engine import open_default
    from tests.support.live_server import live

    records = [{"id": row["id"], "title": row["title"], "text": row["text"]} for row in own("passages.jsonl")]
    questions = [row["question"] for row in own("questions.jsonl")][:16]
    times: dict[str, list[float]] = {"miss": [], "exact": [], "semantic": []}
    with (
        tempfile.TemporaryDirectory() as folder,
        live(Path(folder), open_services=open_default, server_cache="semantic") as client,
    ):
        client.post("/v1/index/build", json={"collection": "own", "records": records}, timeout=ASKED_S)
        _ask(client, "Is this warm?")
        for question in questions:
            for wanted, text in (("miss", question), ("exact", question), ("semantic", f"Hello, {question}")):
                seconds, cached = _ask(client, text)
                if cached == (wanted != "miss"):
                    times[wanted].append(seconds)
    return {
        "questions": len(questions),
        **{f"{name}_ms": round(statistics.median(took) * 1000, 1) for name, took in times.items() if took},
        **{
            f"{name}_times_faster": round(
                statistics.median(times["miss"]) / statistics.median(times[name]), 1
            )
            for name in ("exact", "semantic")
            if times[name]
        },
        "measured": {name: len(took) for name, took in times.items()},
    }


def _ask(client: httpx.Client, question: str) -> tuple[float, bool]:
    began = time.perf_counter()
    run = client.post("/v1/runs", json={"question": question, "collections": ["own"]}).json()
    run = client.get(f"/v1/runs/{run['run_id']}", params={"wait": 60}).json()
    took = time.perf_counter() - began
    result = run["result"] or {}
    return took, "cached_from" in result


def _show(report: dict[str, Any], *, missed: bool) -> None:
    for name in ("by_hand", "changed_in_one_place", "same_place_other_gold"):
        if name in (wrong := report["false_hits"]):
            row = wrong[name]
            print(
                f"other meaning, {name}: {row['hits']} of {row['pairs']:,} hit (95%: < {row['at_most']:.3%})"
            )
            for pair in row["which"]:
                print("   ", pair)
    alone = report["false_hits"]["embedding_alone"]
    print("  by the embedding alone:", ", ".join(f"{rate:.0%} at {at}" for at, rate in alone.items()))
    hits = pairs = 0
    for kind, counts in report["same_meaning"]["by_kind"].items():
        print(f"same meaning, {kind}: {counts['hits']} of {counts['pairs']} hit")
        if kind != FREE:
            hits, pairs = hits + counts["hits"], pairs + counts["pairs"]
    print(f"same meaning, all but {FREE}: {hits} of {pairs} ({hits / pairs:.0%})")
    if missed:
        print("\n".join(report["same_meaning"]["missed"]))
    if "speed" in report:
        print("speed:", json.dumps(report["speed"]))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = os.environ.get("VIDENCE_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(default), help="folder of the public sets")
    parser.add_argument("--no-speed", action="store_true", help="start no server")
    parser.add_argument("--show", action="store_true", help="list the wordings that are not known")
    parser.add_argument("--json", action="store_true", dest="as_json")
    args = parser.parse_args()
    settings = Settings()
    embedder, least = open_embedder(settings), settings.server_cache_similarity
    report: dict[str, Any] = {
        "least_cosine": least,
        "false_hits": false_hits(public(args.data), embedder),
        "same_meaning": hit_rate(embedder, least),
    }
    if not args.no_speed:
        report["speed"] = speed()
    if args.as_json:
        print(json.dumps(report))
    else:
        _show(report, missed=args.show)


if __name__ == "__main__":
    main()
