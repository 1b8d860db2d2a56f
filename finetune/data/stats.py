"""What a data set holds, and what is odd about it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from finetune.data.near import answer_key
from finetune.data.rows import DatasetRecord, TrainRow
from knowledge.seen import question_key


def stats(record: DatasetRecord, rows: Sequence[TrainRow]) -> dict[str, Any]:
    """Return counts and shares of a data set.

    `majority` is, for each kind, the share of its most frequent answer: what a model gets without looking.
    `conflicts` are questions about one image with different first answers.
    """
    by_kind: dict[str, Counter[str]] = defaultdict(Counter)
    asked: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        by_kind[row.kind][answer_key(row)] += 1
        asked[row.image_sha256 or "", question_key(row.question)].add(answer_key(row))
    lengths = sorted(len(row.question) for row in rows)
    images = Counter(row.image_sha256 for row in rows if row.image_sha256)
    return {
        "name": record.name,
        "version": record.version,
        "rows": len(rows),
        "images": len(images),
        "text_only": sum(row.image_sha256 is None for row in rows),
        "rows_an_image": round(sum(images.values()) / len(images), 2) if images else 0.0,
        "splits": record.rows,
        "kinds": record.kinds,
        "sources": record.sources,
        "licences": record.licences,
        "answers": {kind: len(counts) for kind, counts in sorted(by_kind.items())},
        "majority": {
            kind: round(counts.most_common(1)[0][1] / counts.total(), 3)
            for kind, counts in sorted(by_kind.items())
        },
        "top_answers": dict(Counter(answer_key(row) for row in rows).most_common(10)),
        "question_chars": {
            "median": lengths[len(lengths) // 2] if lengths else 0,
            "most": lengths[-1] if lengths else 0,
        },
        "with_boxes": sum(bool(row.boxes) for row in rows),
        "conflicts": sum(len(answers) > 1 for (image, _), answers in asked.items() if image),
        "parents": list(record.parents),
        "steps": [f"{step.name}: {step.rows_in:,} to {step.rows_out:,}" for step in record.steps],
    }
