"""50 answerable and 20 unanswerable questions, asked through the same session as `vidence ask`.

    python -m benchmarks.answers [--data ../shared/data] [--home DIR] [--only form|chart|doc] [--show]

Reports how many were answered and right, how many unanswerable ones abstained with a reason, and two
invariants that must be zero: citations outside the run's evidence, quotes that are not in their source.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")

from core.contracts import RunResult
from core.settings import Settings
from core.text import find_dates, find_numbers, squash
from server.demo import index_docs
from server.session import AskRequest, ask

HERE = Path(__file__).resolve().parent
COLLECTION = "vidence-docs"


def rows(name: str) -> list[dict[str, Any]]:
    """Return the rows of a question file beside this script."""
    return [json.loads(line) for line in (HERE / name).read_text().splitlines() if line.strip()]


def right(result: RunResult, answers: list[str]) -> bool:
    """Return whether the short answer is one of the gold answers, normalised by type."""
    said = squash(result.short_answer)
    return any(_same(said, squash(gold)) for gold in answers)


def _same(said: str, gold: str) -> bool:
    if gold == said or _bare(gold) == _bare(said):
        return True
    dates = [span.iso for span in find_dates(gold)]
    if dates:
        return dates == [span.iso for span in find_dates(said)]
    numbers = [span.value for span in find_numbers(gold)]
    if numbers and not any(char.isalpha() for char in gold.replace("rm", "")):
        return numbers == [span.value for span in find_numbers(said)]
    return len(gold) > 3 and gold in said and len(said) < 2 * len(gold) + 10


def _bare(text: str) -> str:
    return "".join(char for char in text if char.isalnum())


def broken(result: RunResult) -> list[str]:
    """Return what breaks the two invariants; empty for a sound result."""
    content = {item.id: item.content for item in result.evidence}
    faults = []
    for citation in result.citations:
        if citation.evidence_id not in content:
            faults.append(f"{citation.evidence_id} is not evidence of the run")
        elif squash(citation.quote) not in squash(content[citation.evidence_id]):
            faults.append(f"quote not in its source: {citation.quote[:60]}")
    return faults


def ask_row(row: dict[str, Any], settings: Settings, data: Path) -> RunResult:
    """Ask one row's question."""
    request = AskRequest(
        question=row["question"],
        images=(str(data / row["image"]),) if row.get("image") else (),
        collections=(row["collection"],) if row.get("collection") else (),
    )
    return asyncio.run(ask(settings, request, lambda *_: None))


def measure(settings: Settings, data: Path, only: str, *, show: bool) -> dict[str, Any]:
    """Ask every question and return the figures."""
    index_docs(settings)
    answerable = [r for r in rows("questions.jsonl") if r["kind"].startswith(only)]
    silent = [r for r in rows("unanswerable.jsonl") if r["kind"].startswith(only)]
    figures: dict[str, Any] = {"questions": len(answerable), "answered": 0, "right": 0}
    figures |= {"unanswerable": len(silent), "abstained": 0, "faults": [], "by_kind": {}}
    for row in [*answerable, *silent]:
        result = ask_row(row, settings, data)
        figures["faults"] += [f"{row['id']}: {fault}" for fault in broken(result)]
        done = result.status == "done"
        if row in answerable:
            good = done and right(result, row["answers"])
            figures["answered"] += done
            figures["right"] += good
            kind = figures["by_kind"].setdefault(row["kind"], {"questions": 0, "answered": 0, "right": 0})
            kind["questions"] += 1
            kind["answered"] += done
            kind["right"] += good
        else:
            good = result.status == "abstained" and bool(result.abstain_reason)
            figures["abstained"] += good
        if show and not good:
            said = f"{result.status} {result.short_answer!r} {result.confidence:.2f}"
            print(f"{row['id']} {row['question']} -> {said}, gold {row.get('answers', '-')}", file=sys.stderr)
    return figures


def main() -> int:
    """Measure, print, and exit 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("VIDENCE_DATA", str(HERE.parents[1] / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--only", default="")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not options.data.is_dir():
        sys.exit(f"No data at {options.data}: set VIDENCE_DATA or --data.")
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(home=options.home or Path(scratch))
        figures = measure(settings, options.data, options.only, show=options.show)
    print(json.dumps(figures) if options.json else json.dumps(figures, indent=2))
    missed = figures["answered"] < 0.8 * figures["questions"]
    missed |= figures["abstained"] < 0.8 * figures["unanswerable"]
    return 1 if missed or figures["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
