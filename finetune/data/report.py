"""What a curation did, as Markdown for people and as JSON for programs, beside the data set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from finetune.data.dataset import Dataset, write_whole
from finetune.data.rows import DatasetRecord, Step


def report_json(record: DatasetRecord, steps: Sequence[Step]) -> dict[str, Any]:
    """Return the report as plain values."""
    return {
        "name": record.name,
        "version": record.version,
        "parents": list(record.parents),
        "rows_in": steps[0].rows_in if steps else sum(record.rows.values()),
        "rows_out": sum(record.rows.values()),
        "splits": record.rows,
        "kinds": record.kinds,
        "sources": record.sources,
        "licences": record.licences,
        "steps": [step.model_dump(mode="json") for step in steps],
    }


def report_markdown(record: DatasetRecord, steps: Sequence[Step]) -> str:
    """Return the report as Markdown."""
    body = report_json(record, steps)
    lines = [
        f"# {record.name}@{record.version}",
        "",
        f"Made of {', '.join(record.parents) or 'nothing else'}: {body['rows_in']:,} rows in, "
        f"{body['rows_out']:,} out.",
        "",
        "| step | in | out | what went |",
        "|---|---|---|---|",
    ]
    for step in steps:
        went = ", ".join(f"{count:,} {_cell(reason)}" for reason, count in step.reasons.items()) or "nothing"
        lines.append(f"| {step.name} | {step.rows_in:,} | {step.rows_out:,} | {went} |")
    for title, counts in (("Splits", record.rows), ("Kinds", record.kinds), ("Licences", record.licences)):
        lines += [
            "",
            f"**{title}**: " + (", ".join(f"{n:,} {_cell(k)}" for k, n in counts.items()) or "none"),
        ]
    for step in steps:
        for reason, examples in step.examples.items():
            lines += ["", f"## {step.name}: {_cell(reason)}", ""]
            lines += [f"- {_cell(example)}" for example in examples]
    return "\n".join(lines) + "\n"


def write_report(out: Dataset, record: DatasetRecord, steps: Sequence[Step]) -> None:
    """Write `curation.md` and `curation.json` into the data set's folder."""
    write_whole(out.folder / "curation.md", report_markdown(record, steps).encode())
    body = json.dumps(report_json(record, steps), indent=2, ensure_ascii=False)
    write_whole(out.folder / "curation.json", body.encode() + b"\n")


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").replace("<", "&lt;").split())[:200]
