"""Fifty questions that can be answered and twenty that cannot, through the command line as a user would ask.

    python benchmarks/answers.py --data ../shared/data [--kind form|chart|doc] [--limit N] [--show] [-o FILE]

The rows were fixed by id and committed before any extractor was tuned on them. Each goes through
`vidence ask --image | --collection ... --json`. Prints one JSON object with accuracy, abstention and the
invariants: no citation outside the run's evidence, no quote that does not occur in its evidence.
Exit 1 when a target of issue 2 is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agents.check.quotes import occurs
from benchmarks.common import add_data_option, print_figures
from evals.suites.answers import FIXED, FIXED_UNANSWERABLE, is_right
from evals.suites.rows import json_lines

ROOT = Path(__file__).resolve().parents[1]
COLLECTION = "vidence-docs"
_DOCUMENTS = ("README.md", "docs")
_MIN_ANSWERED, _MIN_ABSTAINED = 40, 16


def main() -> int:
    """Ask every question, score the replies and print the report."""
    options = _options()
    answerable = _rows(FIXED, options)
    unanswerable = _rows(FIXED_UNANSWERABLE, options)
    if any("collection" in row for row in (*answerable, *unanswerable)):
        _index(options)
    started = time.perf_counter()
    asked = [_score(row, _ask(row, options), options) for row in answerable]
    refused = [_score(row, _ask(row, options), options) for row in unanswerable]
    report = _report(asked, refused)
    report["seconds"] = round(time.perf_counter() - started, 1)
    print_figures(report, options.output)
    whole = options.kind is None and options.limit is None
    return 1 if whole and not report["met"] else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--home", type=Path, default=Path("~/.cache/vidence/bench-answers"))
    parser.add_argument("--kind", choices=("form", "chart", "doc"), default=None)
    parser.add_argument("--limit", type=int, default=None, help="at most this many rows of each file")
    parser.add_argument("--show", action="store_true", help="print every reply to stderr")
    parser.add_argument("-o", "--output", type=Path, default=None)
    return parser.parse_args()


def _rows(path: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    rows = json_lines(path)
    kept = [row for row in rows if options.kind in (None, row["kind"])]
    missing = [row for row in kept if "image" in row and not (options.data / row["image"]).exists()]
    if missing:
        print(
            f"{len(missing)} rows of {path.name} left out: no {missing[0]['image']} in {options.data}",
            file=sys.stderr,
        )
    return [row for row in kept if row not in missing][: options.limit]


def _vidence(arguments: list[str], options: argparse.Namespace) -> tuple[int, str, str]:
    command = Path(sys.executable).parent / "vidence"
    environment = {**os.environ, "VIDENCE_HOME": str(options.home.expanduser())}
    done = subprocess.run(
        [str(command), *arguments], capture_output=True, text=True, check=False, env=environment, cwd=ROOT
    )
    return done.returncode, done.stdout, done.stderr


def _index(options: argparse.Namespace) -> None:
    paths = [str(ROOT / name) for name in _DOCUMENTS]
    _vidence(["index", "drop", COLLECTION], options)
    code, _, error = _vidence(["index", "add", *paths, "--collection", COLLECTION], options)
    if code:
        sys.exit(f"indexing failed ({code}): {error[-500:]}")


def _ask(row: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    where = (
        ["--image", str(options.data / row["image"])]
        if "image" in row
        else ["--collection", row["collection"]]
    )
    code, out, error = _vidence(["ask", row["question"], *where, "--json"], options)
    try:
        reply: dict[str, Any] = json.loads(out)
    except ValueError:
        sys.exit(f"{row['id']}: vidence ask failed ({code}): {error[-500:]}")
    return reply


def _score(row: dict[str, Any], reply: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    status = reply.get("status", "failed")
    short = str(reply.get("short_answer", ""))
    scored = {
        "id": row["id"],
        "kind": row["kind"],
        "status": status,
        "answered": status == "done",
        "right": status == "done" and any(is_right(short, gold) for gold in row.get("answers", [])),
        "reason": bool(reply.get("abstain_reason")),
        "confidence": float(reply.get("confidence", 0.0)),
        "short": short,
        "broken": broken_citations(reply),
    }
    if options.show:
        gold = row.get("answers", ["(none)"])[0]
        said = short or reply.get("abstain_reason", "") or reply.get("error", "")
        mark = "ok " if scored["right"] else "-- "
        print(f"{mark}{row['id']} {status} {scored['confidence']:.2f} [{gold}] {said}"[:200], file=sys.stderr)
    return scored


def broken_citations(reply: dict[str, Any]) -> list[str]:
    """Return what breaks the invariants: a citation of unknown evidence, or a quote not in its source."""
    known = {item["id"]: item for item in reply.get("evidence", [])}
    broken = []
    for citation in reply.get("citations", []):
        item = known.get(citation["evidence_id"])
        if item is None:
            broken.append(f"citation of unknown evidence {citation['evidence_id']}")
        elif not occurs(citation["quote"], item["content"]):
            broken.append(f"quote not in evidence {citation['evidence_id']}")
    for claim in reply.get("claims", []):
        broken += [f"claim on unknown evidence {id_}" for id_ in claim["evidence_ids"] if id_ not in known]
    if reply.get("status") == "done" and not reply.get("citations"):
        broken.append("an answer without a citation")
    return broken


def _report(asked: list[dict[str, Any]], refused: list[dict[str, Any]]) -> dict[str, Any]:
    broken = [(row["id"], fault) for row in (*asked, *refused) for fault in row["broken"]]
    answered = [row for row in asked if row["answered"]]
    abstained = [row for row in refused if row["status"] == "abstained" and row["reason"]]
    return {
        "questions": len(asked),
        "answered": len(answered),
        "right": sum(row["right"] for row in asked),
        "accuracy_of_answered": round(sum(row["right"] for row in answered) / max(1, len(answered)), 3),
        "right_by_kind": dict(Counter(row["kind"] for row in asked if row["right"])),
        "unanswerable": len(refused),
        "abstained_with_reason": len(abstained),
        "broken_citations": broken,
        "wrong": {row["id"]: row["short"] for row in answered if not row["right"]},
        "not_answered": [row["id"] for row in asked if not row["answered"]],
        "answered_unanswerable": {row["id"]: row["short"] for row in refused if row not in abstained},
        "confidence": {
            row["id"]: [row["confidence"], int(row["right"])] for row in (*asked, *refused) if row["answered"]
        },
        "met": len(answered) >= _MIN_ANSWERED and len(abstained) >= _MIN_ABSTAINED and not broken,
    }


if __name__ == "__main__":
    raise SystemExit(main())
