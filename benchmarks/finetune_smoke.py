"""The whole way of a model in one run, from nothing but the packages: `make finetune-smoke`.

Draws a small data set, trains a tiny model on it (everything first, an adapter then), merges, registers,
evaluates, lets the gate decide, promotes, serves, and asks the served model through `vidence ask --image`.
Each proof is a line of the table; the exit code is 1 when one fails.

    python -m benchmarks.finetune_smoke --work /tmp/smoke
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.tiny_loop import BASE, MODEL, from_scratch, make_base, recipe, run_cycle
from benchmarks.tiny_server import serving
from evals.exact_match import normal_answer
from finetune.data.dataset import Dataset
from finetune.data.rows import TrainRow, dataset_version
from finetune.loop.cycle import CycleReport
from finetune.loop.shapes import write_shapes

QUESTION = "what colour is the shape?"


class Table:
    """The proofs, printed as they come."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    @contextmanager
    def proof(self, name: str) -> Iterator[Callable[[bool, str], None]]:
        """Time a proof; its body says whether it held, and an error fails it."""
        started = time.monotonic()
        said: list[tuple[bool, str]] = []
        try:
            yield lambda held, detail: said.append((held, detail))
        except Exception as error:  # noqa: BLE001 - a proof that breaks is a proof that fails
            said.append((False, f"{type(error).__name__}: {error}"))
        held = bool(said) and all(one[0] for one in said)
        detail = "; ".join(one[1] for one in said) or "did not end"
        seconds = time.monotonic() - started
        self.rows.append({"proof": name, "held": held, "detail": detail, "seconds": round(seconds, 1)})
        print(f"{'ok  ' if held else 'FAIL'} {name:34s} {seconds:6.1f} s  {detail}", flush=True)


def main() -> int:
    """Run all proofs; 0 when each held."""
    args = _arguments()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        root = args.work or Path(temporary)
        table = Table()
        prove(root, table, args)
    failed = [row["proof"] for row in table.rows if not row["held"]]
    seconds = round(time.monotonic() - started)
    print(f"{len(table.rows) - len(failed)} of {len(table.rows)} proofs held, {seconds} s")
    body = {"proofs": table.rows, "seconds": seconds, "failed": failed}
    if args.output:
        args.output.write_text(json.dumps(body, indent=1) + "\n")
    if args.json:
        print(json.dumps(body))
    return 1 if failed else 0


def prove(root: Path, table: Table, args: argparse.Namespace) -> None:
    """Go the whole way, a proof a step."""
    folder = root / "finetune" / "data" / BASE
    with table.proof("data set and its hash") as said:
        made = write_shapes(folder, train=args.drawings, dev=10, test=60)
        read = dataset_version(Dataset(folder).rows())
        said(read == made.version, f"{sum(made.rows.values())} rows, version {made.version}")
    report: CycleReport | None = None
    with table.proof("the cycle ran to its end") as said:
        make_base(root)
        report = run_cycle(root, cycle_of(root, args))
        said(report.status == "passed", f"{report.status} {report.reason}".strip())
    if report is None:
        return
    prove_steps(report, made.version, table)
    prove_again(root, args, report, table)
    if report.output("register"):
        prove_served(root, folder, str(report.output("register")["ref"]), table)


def cycle_of(root: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Return the cycle: a first model, which has to beat the words alone."""
    path = recipe(root / "recipes", "smoke", from_scratch(args.steps, args.tune_steps))
    return {
        "name": "smoke",
        "model": MODEL,
        "data": {"sources": []},
        "train": {"recipe": str(path), "base": "recipe", "data": [{"name": BASE}]},
        "compare": f"{BASE}:dev",
        "compare_questions": 40,
        "gate": {"data": f"{BASE}:test", "need": "improve"},
    }


def prove_steps(report: CycleReport, data: str, table: Table) -> None:
    """Read the proofs off the steps' records."""
    with table.proof("the loss falls") as said:
        train = report.output("train")
        first, last = train["first_loss"], train["last_loss"]
        said(last < 0.5 * first, f"{first:.3f} to {last:.3f} in {train['steps']} steps")
    with table.proof("merged equals adapter") as said:
        merge = report.output("merge")
        same = merge["equal"] == merge["questions"] and "lora" in merge["merged"]
        apart = merge["largest_logit_difference"]
        said(same, f"{merge['equal']} of {merge['questions']} answers, logits within {apart:.1e}")
    with table.proof("registered, with its lineage") as said:
        registered = report.output("register")
        lineage = registered["lineage"]
        known = any(one.startswith(f"{BASE}@") for one in lineage["data"]) and lineage["config_sha256"]
        said(bool(known), f"{registered['ref']}, trained on {', '.join(lineage['data'])}, set {data}")
    with table.proof("the gate decided") as said:
        gate = report.output("gate")
        moved = gate["overall"]["compared"]
        span = f"{moved['difference']['low']:+.3f} to {moved['difference']['high']:+.3f}"
        said(gate["passed"], f"text alone {moved['base']:.3f}, with images {moved['new']:.3f} ({span})")


def prove_again(root: Path, args: argparse.Namespace, report: CycleReport, table: Table) -> None:
    """Run the same cycle again: nothing may be done twice."""
    with table.proof("run again: nothing is done twice") as said:
        again = run_cycle(root, cycle_of(root, args))
        said(again == report, "the same records")


def prove_served(root: Path, folder: Path, ref: str, table: Table) -> None:
    """Serve what is in production and ask it through the command line."""
    from finetune.release.answering import Asked, open_checkpoint
    from finetune.release.registry import Registry

    dataset = Dataset(folder)
    rows = [row for row in dataset.rows("test") if row.question == QUESTION][:3]
    registry = Registry(root / "finetune" / "models", who="smoke")
    checkpoint = registry.checkpoint(f"{MODEL}@production")
    registry.close()
    answerer = open_checkpoint(checkpoint)
    direct = answerer.answer([Asked(row.question, dataset.image_path(row)) for row in rows])
    with serving(answerer, ref) as url:
        with table.proof("served") as said:
            import httpx

            listed = httpx.get(f"{url}/models").json()["data"][0]["id"]
            said(listed == ref, f"{listed}, hash checked when it was opened")
        for row, reply in zip(rows, direct, strict=True):
            with table.proof("answered through vidence ask") as said:
                said(*_asked(root, dataset, row, reply.text, f"openai:{url}#{ref}", ref))


def _asked(
    root: Path, dataset: Dataset, row: TrainRow, expected: str, vlm: str, ref: str
) -> tuple[bool, str]:
    path = dataset.image_path(row)
    vidence = Path(sys.executable).with_name("vidence")
    command = [str(vidence), "ask", row.question, "--image", str(path), "--json"]
    # A tiny model may be unsure: the proof is that its answer comes through. A busy machine may be slow.
    patient = {"VIDENCE_MIN_CONFIDENCE": "0", "VIDENCE_TOOL_TIMEOUT_S": "280"}
    env = {**os.environ, **patient, "VIDENCE_HOME": str(root), "VIDENCE_VLM": vlm}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=600)
    body = json.loads(done.stdout or "{}")
    if body.get("status") != "done":
        return False, f"exit {done.returncode}: {done.stdout[-300:]} {done.stderr[-300:]}"
    answer, model = body["short_answer"], body["models"]["vlm"]["name"]
    same = normal_answer(answer) == normal_answer(expected) and model == ref
    cited = ", ".join(sorted({item["kind"] for item in body["citations"]}))
    return same, f"{answer!r} (true: {row.answers[0]}), by {model}, cites {cited or 'nothing'}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, help="A folder to keep; else a temporary one.")
    parser.add_argument("--drawings", type=int, default=180, help="Drawings to train on, 4 questions each.")
    parser.add_argument("--steps", type=int, default=160, help="Steps in which everything is trained.")
    parser.add_argument("--tune-steps", type=int, default=20, help="Steps of the adapter.")
    parser.add_argument("--json", action="store_true", help="Print one JSON object, too.")
    parser.add_argument("-o", "--output", type=Path, help="Write the proofs here.")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
