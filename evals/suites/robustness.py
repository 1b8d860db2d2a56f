"""Robustness: an answer stays where nothing that matters changes, and turns where something does.

`robust_search` and `robust_answers` reword the questions about our library: another sentence that asks the
same, slips of the finger, case and punctuation, politeness around it, and negation, which must turn the
answer. `robust_pictures` changes drawn receipts as a phone would.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from core.text import words
from evals.drawings.pages import Receipt, draw_lines, make_receipt
from evals.metrics.consistency import kept_right, same_answer
from evals.perturb.image import CHANGES
from evals.perturb.text import FORMATS, framed, typos
from evals.run.registry import Place, Scorer, suite
from evals.run.sample import Output, Sample
from evals.run.scorers import metric_scorer
from evals.solvers.asking import Ask
from evals.solvers.before_after import Pair, Pairing, before_after, side
from evals.solvers.bench import Bench
from evals.suites.answers import right, said
from evals.suites.documents import QUESTIONS
from evals.suites.library import library
from evals.suites.passages import search_solver
from evals.suites.rows import own

_FORMATS = tuple(FORMATS)
_SLIPS = 2
_RECEIPTS = 3


@cache
def _known() -> frozenset[str]:
    """Return the words of the library: a slip may not turn one into another."""
    return frozenset(word for row in library() for word in words(f"{row['title']} {row['text']}"))


def reworded() -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield (row, kind, changed question): all of the rewordings that keep what a question asks."""
    paraphrases = {row["id"]: row["paraphrase"] for row in own("rewordings.jsonl")}
    for number, row in enumerate(own("questions.jsonl")):
        question = row["question"]
        if row["id"] in paraphrases:
            yield row, "paraphrase", paraphrases[row["id"]]
        slipped = typos(question, number, _SLIPS, _known())
        if slipped != question:
            yield row, "typo", slipped
        name = _FORMATS[number % len(_FORMATS)]
        yield row, name, FORMATS[name](question)
        yield row, "framed", framed(question, number)


def _asked(row: dict[str, Any], kind: str) -> bool:
    """Whether the graph is asked, not only the search: the paraphrase, and one other change in turn."""
    turn = ("typo", "framed", "format")[int(row["id"].strip("q")) % 3]
    return kind in ("paraphrase", turn) or (turn == "format" and kind in _FORMATS)


@suite(
    "robust_search",
    family="robustness",
    open_solver=search_solver("passages", lambda bench: library()),
    scorers=(metric_scorer("ndcg@10"), metric_scorer("recall@5", judged=False)),
)
def robust_search(place: Place) -> Iterator[Sample]:
    """Reworded questions over our library (paraphrase, slips, case, politeness): the same passages."""
    for row, kind, changed in reworded():
        yield Sample(
            id=f"{row['id']}-{kind.replace(' ', '-')}",
            suite="robust_search",
            family="robustness",
            kind=kind,
            modality="text",
            source="own",
            group=row["id"],
            input={"question": changed, "before": row["question"]},
            target=row["passages"],
        )


def right_after(sample: Sample, output: Output) -> float | None:
    """Score the answer after the change."""
    return right(as_target(sample, "after"), side(output, "after"))


def _kept(sample: Sample, output: Output) -> float | None:
    """Return whether what was right before is right after; None where it was not right before."""
    before = right(as_target(sample, "before"), side(output, "before"))
    return kept_right([right_after(sample, output) or 0.0], [before or 0.0])


def as_target(sample: Sample, name: str) -> Sample:
    """Return a sample whose target is that of one side, `before` or `after`."""
    return sample.model_copy(update={"target": {"answers": sample.target[name]}})


def _turned(sample: Sample) -> bool:
    return bool(set(sample.target["after"]).isdisjoint(sample.target["before"]))


def _same(sample: Sample, output: Output) -> float | None:
    """Return whether the short answer is the same; None where it should turn, or where nothing was said."""
    before, after = said(side(output, "before")), said(side(output, "after"))
    if _turned(sample) or not (before or after):
        return None
    return same_answer(after, before)


def _not_turned(sample: Sample, output: Output) -> float | None:
    """Return whether an answer stayed that had to turn; None elsewhere, and where nothing was said."""
    before, after = said(side(output, "before")), said(side(output, "after"))
    return same_answer(after, before) if _turned(sample) and before and after else None


AFTER = Scorer("answer_right", right_after, help="Right after the change; an abstention is wrong.")
KEPT = Scorer("kept_right", _kept, judged=False, help="Of what was right before the change, still right.")
SAME = Scorer(
    "same_answer", _same, judged=False, help="The same short answer as before, right or wrong, if any."
)


def _library_pairs(bench: Bench) -> Pairing:
    name = bench.collection("passages", library())

    def pair(sample: Sample) -> Pair:
        given = sample.input
        return Ask(given["before"], collections=(name,)), Ask(given["question"], collections=(name,))

    return pair


@suite(
    "robust_answers",
    family="robustness",
    open_solver=before_after(_library_pairs),
    scorers=(AFTER, KEPT, SAME),
)
def robust_answers(place: Place) -> Iterator[Sample]:
    """The same rewordings through the real graph: the answer stays right."""
    for row, kind, changed in reworded():
        if _asked(row, kind):
            yield _answer_sample(
                "robust_answers", f"{row['id']}-{kind.replace(' ', '-')}", row, kind, changed
            )


@suite(
    "negation",
    family="robustness",
    open_solver=before_after(_library_pairs),
    scorers=(
        AFTER,
        KEPT,
        Scorer(
            "not_turned",
            _not_turned,
            higher_is_better=False,
            judged=False,
            help="Says the same to the question and its opposite, where it says something to both.",
        ),
    ),
)
def negation(place: Place) -> Iterator[Sample]:
    """Questions and their opposites through the real graph: the answer turns."""
    for row in own("negations.jsonl"):
        kind = "yes_no" if row["answers"] in (["yes"], ["no"]) else "which"
        yield _answer_sample("negation", row["id"], row, kind, row["negated"], row["negated_answers"])


def _answer_sample(
    suite_name: str, id_: str, row: dict[str, Any], kind: str, changed: str, answers: list[str] | None = None
) -> Sample:
    return Sample(
        id=id_,
        suite=suite_name,
        family="robustness",
        kind=kind,
        modality="text",
        source="own",
        group=row["id"],
        input={"question": changed, "before": row["question"]},
        target={"before": row["answers"], "after": answers or row["answers"]},
    )


def receipts() -> Iterator[tuple[int, Receipt]]:
    """Yield the short receipts that are changed, by seed: shop, date and total."""
    for seed in range(_RECEIPTS):
        whole = make_receipt(seed)
        total = next(line for line in whole.lines if line[0] == "TOTAL")
        kept = (whole.lines[0], whole.lines[4], total)
        yield seed, Receipt(kept, {name: whole.fields[name] for name in ("total", "date")})


def _picture_pairs(bench: Bench) -> Pairing:
    def pair(sample: Sample) -> Pair:
        plain, changed = sample.input["images"][1], sample.input["images"][0]
        _draw(bench, sample, plain, changed)
        question = sample.input["question"]
        return Ask(question, images=(plain,)), Ask(question, images=(changed,))

    return pair


def _draw(bench: Bench, sample: Sample, plain: str, changed: str) -> None:
    import numpy as np
    from PIL import Image

    bench.once(
        f"draw {plain}", lambda: draw_lines(bench.path(plain), sample.input["lines"], sample.input["seed"])
    )

    def change() -> None:
        with Image.open(bench.path(plain)) as image:
            pixels = CHANGES[sample.kind](np.asarray(image))
        Image.fromarray(pixels).save(bench.path(changed))

    bench.once(f"draw {changed}", change)


@suite(
    "robust_pictures",
    family="robustness",
    timeout_s=300.0,
    at_once=2,
    lane="ocr beside",
    open_solver=before_after(_picture_pairs, "ocr"),
    scorers=(AFTER, KEPT, SAME),
)
def robust_pictures(place: Place) -> Iterator[Sample]:
    """Drawn receipts blurred, cropped, saved as JPEG, turned and darkened: total and date stay right."""
    for seed, receipt in receipts():
        for kind in CHANGES:
            for field, truth in receipt.fields.items():
                yield Sample(
                    id=f"{seed}-{kind}-{field}",
                    suite="robust_pictures",
                    family="robustness",
                    kind=kind,
                    difficulty=field,
                    modality="image",
                    source="own",
                    group=f"receipt-{seed}",
                    input={
                        "question": QUESTIONS[field],
                        "lines": [list(line) for line in receipt.lines],
                        "seed": seed,
                        "images": [
                            f"evals/drawn/changed/{seed}-{kind}.png",
                            f"evals/drawn/changed/{seed}.png",
                        ],
                    },
                    target={"before": [truth], "after": [truth]},
                )


SUITES = (robust_search, robust_answers, negation, robust_pictures)
