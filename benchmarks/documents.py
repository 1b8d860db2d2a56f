"""Key questions on scanned documents: is the answer right, and does its citation stand on the gold line?

    python benchmarks/documents.py --data ../shared/data [--limit N] [--cache DIR] [--show]
    python benchmarks/documents.py --data ../shared/data --cli

Without `--cli` the reader and the extractor run in this process, with OCR cached outside the repository;
with it every question goes through `vidence ask --image ... --json`. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agents.answer.labels import distance
from benchmarks.common import add_data_option
from core.contracts import Box, Evidence, Locator, OcrLine
from core.text import find_dates, squash
from evals.metrics.ocr import Errors, character_errors
from evals.suites.documents import QUESTIONS, overlap
from evals.suites.rows import json_lines

TARGETS = {"total": 0.70, "date": 0.75}
_CITED = 0.95


@dataclass(frozen=True)
class Reply:
    """What came back for one question: short answer ("" when it abstained), confidence and citations."""

    short: str
    confidence: float
    citations: tuple[tuple[Box, str], ...]


def main() -> int:
    """Run the benchmark; exit 1 when a target of issue 2 is missed."""
    options = _options()
    rows = _rows(options.data / "sroie")[: options.limit]
    started = time.perf_counter()
    report: dict[str, Any] = {"documents": len(rows), "mode": "cli" if options.cli else "direct"}
    if not options.cli:
        report["ocr"] = _ocr_report(rows, options)
    met = True
    for field, question in QUESTIONS.items():
        scores = [_score(field, row, _ask(row, question, options), options) for row in rows]
        right = [score for score in scores if score["right"]]
        cited = sum(bool(score["cited"]) for score in right) / max(len(right), 1)
        report[field] = {
            "right": round(len(right) / max(len(rows), 1), 3),
            "answered": round(sum(bool(score["answered"]) for score in scores) / max(len(rows), 1), 3),
            "cited_of_right": round(cited, 3),
        }
        if field in TARGETS:
            met &= report[field]["right"] >= TARGETS[field] and cited >= _CITED
    report["seconds"] = round(time.perf_counter() - started, 1)
    print(json.dumps(report, indent=2))
    return 0 if met else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/vidence/bench-ocr"))
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--cli", action="store_true", help="go through `vidence ask`")
    parser.add_argument("--show", action="store_true", help="print what went wrong to stderr")
    return parser.parse_args()


def _rows(folder: Path) -> list[dict[str, Any]]:
    return [{**row, "path": folder / row["image"]} for row in json_lines(folder / "dev.jsonl")]


def _ask(row: dict[str, Any], question: str, options: argparse.Namespace) -> Reply:
    if options.cli:
        return _ask_cli(row["path"], question)
    from agents.answer.base import AnswerTask
    from agents.answer.fields import FieldExtractor
    from agents.checks import check_candidate
    from agents.question import parse_question

    evidence = _evidence(row["path"], options.cache)
    known = {item.id: item for item in evidence}
    task = AnswerTask(parse_question(question), evidence)
    for candidate in FieldExtractor().propose(task):
        if check_candidate(candidate, known).survives:
            citations = [citation for claim in candidate.claims for citation in claim.citations]
            return Reply(
                candidate.short_answer,
                candidate.score,
                tuple((c.locator.box or (0, 0, 0, 0), c.quote) for c in citations),
            )
    return Reply("", 0.0, ())


def _ask_cli(path: Path, question: str) -> Reply:
    command = [sys.executable, "-m", "server.cli", "ask", question, "--image", str(path), "--json"]
    vidence = Path(sys.executable).parent / "vidence"
    if vidence.exists():
        command = [str(vidence), *command[3:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        body = json.loads(done.stdout)
    except ValueError:
        sys.exit(f"vidence ask failed ({done.returncode}): {done.stderr[-500:]}")
    citations = tuple(
        (tuple(item["locator"]["box"]), item["quote"])
        for item in body.get("citations", [])
        if item["locator"].get("box")
    )
    return Reply(str(body.get("short_answer", "")), float(body.get("confidence", 0.0)), citations)


def _lines(path: Path, cache: Path) -> list[OcrLine]:
    import numpy as np
    from PIL import Image

    from models.ocr import OCR_VERSION

    key = hashlib.sha256(path.read_bytes()).hexdigest()
    entry = cache.expanduser() / OCR_VERSION / f"{key}.json"
    if not entry.exists():
        with Image.open(path) as picture:
            found = _reader().read_lines(np.asarray(picture.convert("RGB")))
        entry.parent.mkdir(parents=True, exist_ok=True)
        entry.write_text(json.dumps([line.model_dump() for line in found]))
    return [OcrLine.model_validate(line) for line in json.loads(entry.read_text())]


def _reader() -> Any:
    from models.ocr import OcrReader

    if not hasattr(_reader, "kept"):
        _reader.kept = OcrReader()  # type: ignore[attr-defined]
    return _reader.kept  # type: ignore[attr-defined]


def _evidence(path: Path, cache: Path) -> list[Evidence]:
    return [
        Evidence(
            kind="ocr",
            source=str(path),
            locator=Locator(sha256=path.name, box=line.box),
            content=line.text,
            score=line.score,
        )
        for line in _lines(path, cache)
    ]


def _score(
    field: str, row: dict[str, Any], reply: Reply, options: argparse.Namespace
) -> dict[str, bool | str]:
    gold, got = normal(field, row["key"][field]), normal(field, reply.short)
    slack = 0 if field in TARGETS else max(2, len(gold) // 10)
    right = bool(got) and distance(got, gold) <= slack
    cited = right and any(_on_gold(box, quote, row) for box, quote in reply.citations)
    if options.show and not (right and cited):
        what = "citation" if right else "answer"
        print(row["id"], field, f"wrong {what}:", reply.short, "| gold", row["key"][field],
              "|", [quote for _, quote in reply.citations][:2], file=sys.stderr)  # fmt: skip
    return {"right": right, "cited": cited, "answered": bool(got)}


def normal(field: str, text: str) -> str:
    """Dates become ISO (day first), totals a decimal with two places, names their letters and digits."""
    if field == "date":
        dates = find_dates(text)
        return dates[0].iso if dates else text
    if field == "total":
        digits = re.sub(r"[^\d.]", "", text)
        try:
            return f"{float(digits):.2f}"
        except ValueError:
            return text
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _gold_lines(row: dict[str, Any]) -> Iterator[tuple[Box, str]]:
    for line in row["ocr_lines"]:
        xs, ys = line["poly"][::2], line["poly"][1::2]
        yield (min(xs), min(ys), max(xs), max(ys)), line["text"]


def _on_gold(box: Box, quote: str, row: dict[str, Any]) -> bool:
    return any(
        overlap(box, gold) >= 0.5 and distance(squash(quote), squash(text)) <= 2
        for gold, text in _gold_lines(row)
    )


def _ocr_report(rows: Sequence[dict[str, Any]], options: argparse.Namespace) -> dict[str, float]:
    """Lines found (IoU 0.5 or more) and the character error rate on those, case and spaces folded."""
    lines = found = 0
    errors = Errors()
    for row in rows:
        read = _lines(row["path"], options.cache)
        for box, text in _gold_lines(row):
            lines += 1
            best = max(read, key=lambda line: overlap(line.box, box), default=None)
            if best is None or overlap(best.box, box) < 0.5:
                continue
            found += 1
            read_text, true_text = (re.sub(r"\s", "", squash(line)) for line in (best.text, text))
            errors += character_errors(read_text, true_text)
    return {"lines_found": round(found / max(lines, 1), 3), "error_rate": round(errors.rate or 0.0, 4)}


if __name__ == "__main__":
    sys.exit(main())
