"""Pictures: finding photos by words, closed questions on scans, and prohibited items in baggage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from agents.profiles import PROFILES
from evals.metrics.detection import micro_f1
from evals.metrics.lists import item_recall
from evals.run.options import draw
from evals.run.registry import OpenSolver, Place, Scorer, suite
from evals.run.sample import Output, Record, Sample
from evals.run.scorers import metric_scorer
from evals.solvers.asking import Ask, Asking, asker
from evals.solvers.bench import Bench, bench_solver
from evals.suites.answers import ANSWERED
from evals.suites.biomedical import LABELS
from evals.suites.rows import json_lines, public

_FOUND = 10
_MOST = 300
_SCANS = 120
FOUND = (
    metric_scorer("hit@5"),
    metric_scorer("hit@1", judged=False),
    metric_scorer("hit@10", judged=False),
    metric_scorer("mrr", judged=False),
)


def photo_solver(set_name: str) -> OpenSolver:
    """Return what searches photos by words; nothing of a photo is indexed but its pixels."""

    def prepare(bench: Bench) -> Callable[[Sample, int], Output]:
        assert bench.data is not None  # the suite needs it
        folder = bench.data / set_name
        rows = json_lines(folder / "dev.jsonl")
        records = [{"id": Path(row["image"]).stem, "image": row["image"]} for row in rows]
        collection = bench.collection(set_name, records, folder=folder)
        collections = bench.services.collections

        def answer(sample: Sample, seed: int) -> Output:
            query = sample.input["question"]
            hits = collections.search_many(collection, [query], _FOUND, by_document=True)[0]
            return Output(answer=[hit.doc_id for hit in hits])

        return answer

    return bench_solver(prepare, "embeddings")


def _captions(place: Place, set_name: str, suite_name: str) -> list[Sample]:
    samples = [
        Sample(
            id=f"{Path(row['image']).stem}-{number}",
            suite=suite_name,
            family="pictures",
            modality="image",
            source=set_name,
            group=row["image"],
            input={"question": caption},
            target=[Path(row["image"]).stem],
        )
        for row in public(place, f"{set_name}/dev.jsonl")
        for number, caption in enumerate(row["captions"])
    ]
    return draw(samples, _MOST)


@suite(
    "coco_photos", family="pictures", needs="coco_mini", open_solver=photo_solver("coco_mini"), scorers=FOUND
)
def coco_photos(place: Place) -> Iterator[Sample]:
    """Captions that should find their photo among 53, by its pixels alone (COCO)."""
    yield from _captions(place, "coco_mini", "coco_photos")


@suite(
    "flickr_photos",
    family="pictures",
    needs="flickr8k_1000",
    open_solver=photo_solver("flickr8k_1000"),
    scorers=FOUND,
)
def flickr_photos(place: Place) -> Iterator[Sample]:
    """Captions that should find their photo among 300, by its pixels alone (Flickr8k, 300 drawn)."""
    yield from _captions(place, "flickr8k_1000", "flickr_photos")


def _asker(profile: str) -> Callable[[Bench], Asking]:
    def prepare(bench: Bench) -> Asking:
        return lambda sample: Ask(
            sample.input["question"], images=tuple(sample.input["images"]), profile=profile
        )

    return prepare


@suite(
    "vqa_rad_closed",
    family="pictures",
    needs="vqa_rad",
    open_solver=asker(_asker("medical")),
    scorers=LABELS,
)
def vqa_rad_closed(place: Place) -> Iterator[Sample]:
    """Yes or no on radiographs and scans, through the real graph (VQA-RAD, 120 drawn)."""
    samples = [
        Sample(
            id=str(row["qid"]),
            suite="vqa_rad_closed",
            family="pictures",
            kind=str(row["question_type"]),
            modality="image",
            source=str(row["image_organ"]),
            group=row["image_name"],
            input={"question": row["question"], "images": [f"vqa_rad/images/{row['image_name']}"]},
            target=str(row["answer"]).strip().lower(),
        )
        for row in public(place, "vqa_rad/dev.jsonl")
        if row["answer_type"] == "CLOSED" and str(row["answer"]).strip().lower() in ("yes", "no")
    ]
    yield from draw(samples, _SCANS)


ITEMS = {"handgun": "gun", "pistol": "gun", "firearm": "gun", "revolver": "gun", "razor_blade": "razor",
         "blade": "razor", "knive": "knife", "scissors": "scissor", "pliers": "plier"}  # fmt: skip
"""Labels and names of the risk list that mean the same item."""
NO_THREAT = {"no_threat", "safe"}


def item(name: str) -> str:
    """Return an item by the one name that both sides are compared by."""
    return ITEMS.get(name, name)


def found_items(output: Output) -> list[str]:
    """Return the items that an inspection names."""
    inspection = (output.answer or {}).get("inspection") or {}
    return sorted({item(name) for name in inspection.get("detected_items", ())})


def _recall(sample: Sample, output: Output) -> float | None:
    return item_recall(found_items(output), sample.target["items"]) if sample.target["items"] else None


def _pooled(records: Sequence[Record]) -> float | None:
    known = [record for record in records if record.sample.target["exhaustive"]]
    return micro_f1(
        [found_items(record.output) for record in known], [record.sample.target["items"] for record in known]
    )


def _risk_right(sample: Sample, output: Output) -> float | None:
    if not sample.target["exhaustive"]:
        return None
    return float(((output.answer["inspection"] or {}).get("risk_level")) == sample.target["risk"])


def _missed(sample: Sample, output: Output) -> float | None:
    """Return 1 when a scan with a prohibited item is waved through."""
    if not sample.target["items"]:
        return None
    return float((output.answer["inspection"] or {}).get("action") == "clear")


def risk_of(items: Sequence[str]) -> str:
    """Return the risk level of items by the inspection profile's policy."""
    policy = PROFILES["inspection"].risk
    assert policy is not None
    return str(policy.level(list(items), undeclared=False))


@suite(
    "baggage",
    family="inspection",
    needs="xray_baggage",
    open_solver=asker(_asker("inspection")),
    scorers=(
        Scorer("item_recall", _recall, help="Share of the labelled items that are named."),
        Scorer(
            "items_micro_f1",
            corpus=_pooled,
            help="F1 of items, where the labels are exhaustive.",
            judged=False,
        ),
        Scorer("risk_right", _risk_right, help="The risk level is right, where the labels are exhaustive."),
        Scorer(
            "waved_through",
            _missed,
            higher_is_better=False,
            help="Scans with a prohibited item that are said to be clear.",
        ),
        ANSWERED,
    ),
)
def baggage(place: Place) -> Iterator[Sample]:
    """X-ray scans of baggage: prohibited items and risk by the inspection profile (GDXray, SIXray)."""
    for number, row in enumerate(public(place, "xray_baggage/dev.jsonl")):
        items = sorted({item(name) for name in row["label"] if name not in NO_THREAT})
        yield Sample(
            id=f"{number:03}",
            suite="baggage",
            family="inspection",
            kind="+".join(items) or "none",
            modality="image",
            source=row["set"],
            group=row["image"],
            input={
                "question": "Are there prohibited items in this scan?",
                "images": [f"xray_baggage/{row['image']}"],
            },
            target={
                "items": items,
                "risk": risk_of(items),
                "exhaustive": row["label_kind"].startswith("exhaustive"),
            },
        )


SUITES = (coco_photos, flickr_photos, vqa_rad_closed, baggage)
