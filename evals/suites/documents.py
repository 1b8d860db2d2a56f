"""Documents: the text of pages, and the key fields of receipts, with the line that says so.

`drawn_pages` and `drawn_receipts` are drawn by us. Public: SROIE's scanned receipts, their text by line and
their four key fields through the real graph.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from core.contracts import OcrLine
from core.text import squash
from evals.drawings.pages import PIECES, draw_lines, draw_sheet, piece_box, small_receipt, wrapped
from evals.metrics.fields import field_match
from evals.metrics.ocr import Errors, character_errors
from evals.run.registry import Place, Scorer, suite
from evals.run.sample import Output, Sample, Seen
from evals.run.scorers import metric_scorer
from evals.solvers.asking import Ask, ask, output_of
from evals.solvers.bench import AsyncAnswer, Bench, async_solver
from evals.suites.answers import INVENTED, said
from evals.suites.library import library
from evals.suites.rows import public

QUESTIONS = {
    "total": "What is the total amount on this receipt?",
    "date": "What is the date on this receipt?",
    "company": "What is the company name on this receipt?",
    "address": "What is the address on this receipt?",
}
KINDS: dict[str, Any] = {"total": "amount", "date": "date", "company": "text", "address": "text"}
_SHEETS, _RECEIPTS = 22, 36
_COLUMNS, _LINES = 44, 2
_LEAST = (480, 480)
"""Pixels of a receipt: smaller ones would be enlarged before they are read, which costs time."""
_SAME_PLACE = 0.5


def _draw(bench: Bench, sample: Sample) -> None:
    lines = [(left, right) for left, right in sample.input["lines"]]
    draw_lines(bench.path(sample.input["images"][0]), lines, sample.input["seed"], least=_LEAST)


async def _image(bench: Bench, sample: Sample) -> str:
    if "lines" in sample.input:
        await asyncio.to_thread(_draw, bench, sample)
    return await bench.image(sample.input["images"][0])


def _page_reader(bench: Bench) -> AsyncAnswer:
    async def answer(sample: Sample) -> Output:
        lines = await bench.services.models.ocr(await _image(bench, sample))
        return Output(
            answer={"lines": [line.model_dump(mode="json") for line in lines]},
            evidence=tuple(Seen(kind="ocr", text=line.text, box=line.box) for line in lines),
        )

    return answer


def _piece_reader(bench: Bench) -> AsyncAnswer:
    async def answer(sample: Sample) -> Output:
        name, seed = sample.input["images"][0], sample.input["seed"]
        drawn = partial(draw_sheet, bench.path(name), sample.input["pieces"], seed)
        await asyncio.to_thread(bench.once, f"draw {name}", drawn)
        lines = await bench.services.models.ocr(await bench.image(name))
        _, top, _, bottom = piece_box(sample.input["place"])
        here = [one for one in lines if top <= (one.box[1] + one.box[3]) / 2 < bottom]
        return Output(
            answer={"lines": [line.model_dump(mode="json") for line in here]},
            evidence=tuple(Seen(kind="ocr", text=line.text, box=line.box) for line in here),
        )

    return answer


def _text(sample: Sample, output: Output) -> str:
    return " ".join(line["text"] for line in output.answer["lines"])


@suite(
    "drawn_pages",
    family="reading",
    version="2",
    open_solver=async_solver(_piece_reader, "ocr"),
    scorers=(metric_scorer("cer", _text), metric_scorer("wer", _text, judged=False)),
    timeout_s=300.0,
    at_once=1,
    lane="ocr",
)
def drawn_pages(place: Place) -> Iterator[Sample]:
    """Pieces of known text, six to a page, each drawn in its own way: wrong characters over true ones."""
    # A page is read once for its six pieces. They are counted as independent: text, font, size, ink, turn and
    # noise are drawn anew for each.
    texts = [wrapped(row["text"], _COLUMNS)[:_LINES] for row in library()]
    for sheet in range(_SHEETS):
        pieces = texts[sheet * PIECES : (sheet + 1) * PIECES]
        for number, lines in enumerate(pieces):
            yield Sample(
                id=f"page-{sheet:02}-{number}",
                suite="drawn_pages",
                family="reading",
                modality="image",
                source="own",
                input={
                    "pieces": pieces,
                    "place": number,
                    "seed": sheet,
                    "images": [f"evals/drawn/pages/{sheet}.png"],
                },
                target=" ".join(lines),
            )


def _line_score(rate: Callable[[int, int, Errors], float | None]) -> Callable[[Sample, Output], float | None]:
    """Score the true lines that were found where they stand, and the characters read on those."""

    def score(sample: Sample, output: Output) -> float | None:
        read = [OcrLine.model_validate(line) for line in output.answer["lines"]]
        found, errors = 0, Errors()
        for line in sample.target:
            best = max(read, key=lambda one: overlap(one.box, line["box"]), default=None)
            if best is not None and overlap(best.box, line["box"]) >= _SAME_PLACE:
                found += 1
                errors += character_errors(_plain(best.text), _plain(line["text"]))
        return rate(found, len(sample.target), errors)

    return score


def _plain(text: str) -> str:
    return "".join(squash(text).split())


def overlap(a: Any, b: Any) -> float:
    """Return the intersection over union of two boxes `(x0, y0, x1, y1)`."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return float(shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared))


@suite(
    "sroie_text",
    family="reading",
    needs="sroie",
    open_solver=async_solver(_page_reader, "ocr"),
    scorers=(
        Scorer(
            "lines_found",
            _line_score(lambda found, whole, errors: found / whole if whole else None),
            help="Share of the true lines with a read line in the same place (IoU of 0.5).",
        ),
        Scorer(
            "line_cer",
            _line_score(lambda found, whole, errors: errors.rate),
            higher_is_better=False,
            help="Wrong characters over true ones on the lines that were found, case and spaces folded.",
        ),
    ),
    timeout_s=300.0,
)
def sroie_text(place: Place) -> Iterator[Sample]:
    """Scanned receipts: lines found in their place, and characters read wrong on those (SROIE)."""
    for row in public(place, "sroie/dev.jsonl"):
        lines = []
        for line in row["ocr_lines"]:
            xs, ys = line["poly"][::2], line["poly"][1::2]
            lines.append({"text": line["text"], "box": [min(xs), min(ys), max(xs), max(ys)]})
        yield Sample(
            id=row["id"],
            suite="sroie_text",
            family="reading",
            modality="image",
            source="sroie",
            input={"images": [f"sroie/{row['image']}"]},
            target=lines,
        )


def _field_asker(bench: Bench) -> AsyncAnswer:
    async def answer(sample: Sample) -> Output:
        await _image(bench, sample)
        images = tuple(sample.input["images"])
        asked = sample.input.get("ask", QUESTIONS)
        return await ask_fields(bench, {field: Ask(QUESTIONS[field], images=images) for field in asked})

    return answer


async def ask_fields(bench: Bench, asked: Mapping[str, Ask]) -> Output:
    """Ask a question for each field, and return what was said for each, with all citations."""
    outputs = {}
    for field, one in asked.items():
        outputs[field] = output_of(await ask(bench, one), bench.settings)
    return Output(
        answer={
            "fields": {field: said(one) for field, one in outputs.items()},
            "citations": [id_ for one in outputs.values() for id_ in one.answer["citations"]],
            "invented": [id_ for one in outputs.values() for id_ in one.answer["invented"]],
            "confidence": {field: one.answer["confidence"] for field, one in outputs.items()},
        },
        evidence=tuple(seen for one in outputs.values() for seen in one.evidence),
    )


def _said_fields(sample: Sample, output: Output) -> Any:
    return output.answer["fields"] if output.answer else {}  # a failed document has none


def _true_fields(sample: Sample) -> dict[str, tuple[str, Any]]:
    kinds = sample.input.get("kinds", KINDS)
    return {field: (text, kinds[field]) for field, text in sample.target.items()}


def _one_field(field: str) -> Scorer:
    def score(sample: Sample, output: Output) -> float | None:
        if field not in sample.target:
            return None
        return field_match(output.answer["fields"].get(field), sample.target[field], KINDS[field])

    return Scorer(f"field_{field}", score, judged=False, help=f"The {field} is right.")


TOGETHER = (
    metric_scorer("fields", _said_fields, _true_fields),
    metric_scorer("fields_f1", _said_fields, _true_fields, judged=False),
    INVENTED,
)
FIELDS = (*TOGETHER, *(_one_field(field) for field in QUESTIONS))


def _receipt(suite_name: str, id_: str, given: Mapping[str, Any], key: Mapping[str, str]) -> Sample:
    return Sample(
        id=id_,
        suite=suite_name,
        family="documents",
        modality="image",
        source=suite_name,
        input=dict(given),
        target={field: key[field] for field in given.get("ask", QUESTIONS)},
    )


@suite(
    "drawn_receipts",
    family="documents",
    version="2",
    open_solver=async_solver(_field_asker, "ocr"),
    scorers=FIELDS,
    timeout_s=300.0,
    at_once=1,
    lane="ocr",
)
def drawn_receipts(place: Place) -> Iterator[Sample]:
    """Receipts that we draw: two of company, address, date and total each, through the real graph."""
    pairs = (("total", "company"), ("date", "address"))
    for number in range(_RECEIPTS):
        made = small_receipt(number)
        name = f"evals/drawn/receipts/small-{number}.png"
        given = {"lines": made.lines, "seed": number, "images": [name], "ask": pairs[number % len(pairs)]}
        yield _receipt("drawn_receipts", f"receipt-{number:02}", given, made.fields)


@suite(
    "sroie_fields",
    family="documents",
    needs="sroie",
    open_solver=async_solver(_field_asker, "ocr"),
    scorers=FIELDS,
    timeout_s=300.0,
)
def sroie_fields(place: Place) -> Iterator[Sample]:
    """Scanned receipts: company, address, date and total through the real graph (SROIE)."""
    for row in public(place, "sroie/dev.jsonl"):
        yield _receipt("sroie_fields", row["id"], {"images": [f"sroie/{row['image']}"]}, row["key"])


SUITES = (drawn_pages, drawn_receipts, sroie_text, sroie_fields)
