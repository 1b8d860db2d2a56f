"""Fit the head that reads yes, no or maybe from reports of studies, and say what held-out questions give.

    python -m benchmarks.fit_verdict --data ../shared/data [--check]

PubMedQA (MIT) and BioASQ (CC BY 2.5) are licensed for weights that ship. Half of their questions, by a hash
of the id, are fitted on; the others never are, and suites show the two halves apart. `--check` writes
nothing.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.answer.studies import HEAD_FILE, LABELS, features
from benchmarks.common import add_data_option
from evals.suites.biomedical import fitted_on
from evals.suites.rows import json_lines

STRENGTH = 0.005
"""Inverse of the penalty, chosen by cross-validation over the fitted half; .002 to .008 differ by .02."""
_SNIPPETS = 8
_DIGITS = 5


def examples(data: Path) -> list[tuple[str, str, list[str], str]]:
    """Return (id, question, reports, label) of both sets."""
    rows = [
        (row["id"], row["question"], [" ".join(row["contexts"])], row["final_decision"])
        for row in json_lines(data / "pubmedqa" / "dev.jsonl")
    ]
    return rows + [
        (
            row["id"],
            row["question"],
            [snippet["text"] for snippet in row["snippets"]][:_SNIPPETS],
            row["exact_answer"].lower(),
        )
        for row in json_lines(data / "bioasq" / "dev.jsonl")
        if row["type"] == "yesno" and row["snippets"]
    ]


def fit(x: NDArray[np.float64], y: NDArray[Any]) -> dict[str, Any]:
    """Fit a softmax on standardised features; the order of labels is that of `LABELS`."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale[scale == 0] = 1.0
    model = LogisticRegression(C=STRENGTH, max_iter=3000).fit((x - mean) / scale, y)
    order = [list(model.classes_).index(label) for label in LABELS]
    return {
        "mean": mean.round(_DIGITS).tolist(),
        "scale": scale.round(_DIGITS).tolist(),
        "weights": model.coef_[order].round(_DIGITS).tolist(),
        "bias": model.intercept_[order].round(_DIGITS).tolist(),
    }


def right(head: dict[str, Any], x: NDArray[np.float64], y: NDArray[Any]) -> float:
    """Return the share of rows that a head labels right."""
    scaled = (x - np.asarray(head["mean"])) / np.asarray(head["scale"])
    logits = scaled @ np.asarray(head["weights"]).T + np.asarray(head["bias"])
    return float((np.asarray(LABELS)[logits.argmax(axis=1)] == y).mean())


def main() -> None:
    """Fit, print, and write the head."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add_data_option(parser)
    parser.add_argument("--check", action="store_true", help="write nothing")
    args = parser.parse_args()
    rows = examples(Path(args.data))
    x = np.asarray([features(question, reports) for _, question, reports, _ in rows], dtype=np.float64)
    y = np.asarray([label for *_, label in rows])
    seen = np.asarray([fitted_on(id_) for id_, *_ in rows])
    pubmed = np.arange(len(rows)) < sum(1 for id_, *_ in rows if id_.isdigit())
    head = fit(x[seen], y[seen])
    for name, mask in (("PubMedQA", pubmed), ("BioASQ", ~pubmed)):
        rest = mask & ~seen
        share = max(float((y[rest] == label).mean()) for label in LABELS)
        print(
            f"{name}: {seen[mask].sum()} fitted on, {rest.sum()} held out: "
            f"{right(head, x[rest], y[rest]):.3f} right, the commonest label {share:.3f}"
        )
    if not args.check:
        HEAD_FILE.write_text(json.dumps(head) + "\n", encoding="utf-8")
        print(f"wrote {HEAD_FILE}")


if __name__ == "__main__":
    main()
