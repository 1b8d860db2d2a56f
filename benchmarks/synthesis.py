"""Measure synthesis: processor time a picture by renderer and kind, and how far questions give answers away.

    python -m benchmarks.synthesis --count 60 [-o FILE]

Processor time (this process and its drawing process), so that a busy machine changes it little. "By words" is
how often the commonest answer to the same words is right: what a model gets without looking.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from finetune.synth.balance import balanced, text_alone
from finetune.synth.chart import make_chart
from finetune.synth.charts import ChartMaker
from finetune.synth.documents.maker import KINDS, DocumentMaker
from finetune.synth.made import Maker, to_rows


def cpu_seconds() -> float:
    """Return the processor time of this process and of ended children."""
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def timed(maker: Maker, count: int, warm: int = 1) -> dict[str, Any]:
    """Make items and return milliseconds of processor time and bytes for each."""
    sizes, asked = [], 0
    before, start = cpu_seconds(), time.perf_counter()
    for index in range(count):
        made = maker.make(warm + index)
        assert made is not None
        sizes.append(len(made.png or b""))
        asked += len(made.questions)
    wall = time.perf_counter() - start
    maker.close()  # an ended child's time is counted
    used = cpu_seconds() - before
    return {
        "cpu_ms": round(1000 * used / count, 1),
        "wall_ms": round(1000 * wall / count, 1),
        "kilobytes": round(sum(sizes) / count / 1000, 1),
        "questions": round(asked / count, 1),
    }


def start_seconds(cache: Path) -> float:
    """Return the processor time of a drawing process that draws nothing."""
    from finetune.synth.sandbox.client import Sandbox

    before = cpu_seconds()
    with Sandbox(cache) as sandbox:
        sandbox.draw("plt.figure()")
    return cpu_seconds() - before


def given_away(count: int) -> dict[str, float]:
    """Return by kind what words alone get right, over questions of `count` charts that are not drawn."""
    from random import Random

    from finetune.synth.chart_questions import ask
    from finetune.synth.made import Made, Question

    rows = []
    for index in range(count):
        random = Random(f"bench:{index}")
        chart = make_chart(random, "train")
        fields = ("kind", "question", "answers", "balance", "reading")
        asked = tuple(Question(**draft.model_dump(include=set(fields))) for draft in ask(random, chart, 8))
        rows += to_rows(Made(png=None, group=str(index), split="train", questions=asked, source="s"), None)
    kept, _ = balanced({row.id: row for row in rows}.values())
    return {kind: round(share, 3) for kind, share in text_alone(kept).items()}


def main() -> None:
    """Run the measurements and print or write them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=60, help="pictures of each kind (default 60)")
    parser.add_argument(
        "--charts", type=int, default=4000, help="charts whose questions are counted (default 4000)"
    )
    parser.add_argument("-o", "--output", type=Path, help="write the figures as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        start_seconds(cache)  # lists the fonts
        base = start_seconds(cache)
        figures: dict[str, Any] = {"start_cpu_s": round(base, 2)}
        for name, light in (("matplotlib", 0.0), ("light", 1.0)):
            print(f"charts, {name} ...", file=sys.stderr)
            found = timed(ChartMaker(1, cache, light=light), options.count)
            if light == 0.0:
                found["cpu_ms"] = round(found["cpu_ms"] - 1000 * base / options.count, 1)
            figures[f"charts_{name}"] = found
    for kind in KINDS:
        figures[kind] = timed(DocumentMaker(kind, 1), options.count)
    figures["by_words"] = given_away(options.charts)
    for name, value in figures.items():
        print(f"{name:20} {value}")
    if options.output:
        options.output.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
