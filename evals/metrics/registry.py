"""Every metric by name: what it takes, which direction is better, and whether it averages over samples."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, Literal

from core.errors import not_found
from evals.metrics import (
    calibration,
    caption,
    charts,
    choices,
    citations,
    classes,
    consistency,
    detection,
    fields,
    judging,
    lists,
    multihop,
    numbers,
    ocr,
    overlap,
    ranking,
    text,
    vqa,
)


@dataclass(frozen=True)
class Metric:
    """A metric as a suite names it.

    A `sample` metric takes one prediction and its gold, and the mean over samples is the figure; a `corpus`
    metric takes a list of each, and its figure cannot be had from single samples. Both give a number between
    `low` and `high` (None: no bound), or None where it is undefined.
    """

    name: str
    family: str
    help: str
    prediction: str
    gold: str
    function: Callable[..., float | None]
    kind: Literal["sample", "corpus"] = "sample"
    better: Literal["higher", "lower"] = "higher"
    low: float = 0.0
    high: float | None = 1.0

    def __call__(self, prediction: Any, gold: Any) -> float | None:
        """Score one sample, or a list of them for a corpus metric.

        Raises:
            ValueError: The arguments make no sense (see the function), or the result is not finite.
        """
        score = self.function(prediction, gold)
        if score is None:
            return None
        if not math.isfinite(score):
            raise ValueError(f"{self.name} is {score}")
        return float(score)


def metrics() -> Mapping[str, Metric]:
    """Return every metric by name; `@k` stands for any number of places (`ndcg@10`)."""
    return _metrics()


def get_metric(name: str) -> Metric:
    """Return a metric by its name; `recall@20` is `recall@k` with 20 places.

    Raises:
        VidenceError: `not_found`, with the names that come nearest.
    """
    known = _metrics()
    found = re.fullmatch(r"(\w+)@([1-9]\d*)", name)
    if found and (general := known.get(f"{found[1]}@k")):
        places = int(found[2])
        told = general.help.replace("first k", f"first {places}").replace(" at k", f" at {places}")
        return replace(general, name=name, help=told, function=partial(general.function, k=places))
    if name in known and not name.endswith("@k"):
        return known[name]
    near = difflib.get_close_matches(name, known, 3, 0.4) or sorted(known)
    raise not_found(f"There is no metric {name}", help=f"Such as: {', '.join(near)} (k is a number).")


_TEXT = ("an answer", "the accepted answers, or one")
_RANKED = ("ids, best first, or a score by id", "relevant ids, or a grade by id")
_SCORES = ("the judge's score of each candidate", "people's score of each")
_SURE = ("the confidence of each answer", "whether each was right")
_CELLS = ("cells (series, category, value)", "the true cells")
_IDS = ("the cited ids", "the ids that support the answer")


@cache
def _metrics() -> dict[str, Metric]:
    every = (*_retrieval(), *_answers(), *_reading(), *_structured(), *_reasoning(), *_trust())
    by_name = {metric.name: metric for metric in every}
    if len(by_name) != len(every):
        raise ValueError("two metrics have the same name")
    return by_name


def _retrieval() -> list[Metric]:
    make = partial(_sample, "retrieval", _RANKED)
    return [
        make("ndcg@k", ranking.ndcg_at_k, "Discounted gain at k over that of the best order"),
        make("mrr", ranking.reciprocal_rank, "1 over the place of the first relevant id"),
        make("mrr@k", ranking.reciprocal_rank, "1 over the place of the first relevant id at k, else 0"),
        make("recall@k", ranking.recall_at_k, "Share of what is relevant (passages, files) in the first k"),
        make("precision@k", ranking.precision_at_k, "Share of the first k that is relevant"),
        make("hit@k", ranking.hit_at_k, "Whether something relevant is in the first k"),
    ]


def _answers() -> list[Metric]:
    make, corpus = partial(_sample, "answers", _TEXT), partial(_corpus, "answers", _each(_TEXT))
    people = ("an answer", "what ten people answered")
    captions = partial(_corpus, "captions", ("a caption for each image", "reference captions for each"))
    return [
        make("exact_match", text.exact_match, "Equals an accepted answer, numbers and punctuation folded"),
        make("squad_exact", text.squad_exact, "Equals an accepted answer as SQuAD compares"),
        make("token_f1", text.token_f1, "Words shared with the best accepted answer (SQuAD)"),
        make("anls", text.anls, "Letters shared with the best accepted answer, 0 below a half (DocVQA)"),
        make("vqa_exact", vqa.vqa_exact, "Equals an accepted answer as VQA compares"),
        _sample(
            "answers", people, "vqa_accuracy", vqa.vqa_accuracy, "Agreeing people over 3, at most 1 (VQA)"
        ),
        make(
            "relaxed_accuracy", numbers.relaxed_match, "Within 5% of a number, else the same text (ChartQA)"
        ),
        make("numeric_match", numbers.numeric_match, "Within 5% of a number with its unit; years exact"),
        make("rouge_l", overlap.rouge_l, "Longest common subsequence of words, F-measure"),
        make("sentence_bleu", overlap.sentence_bleu, "BLEU of one text, smoothed"),
        corpus("bleu", overlap.corpus_bleu, "BLEU of all texts, as sacrebleu computes it"),
        captions("cider", caption.cider, "Rare n-grams shared with people's captions (cosine)"),
        captions("cider_d", caption.cider_d, "CIDEr-D as COCO reports it, 0 to 10", high=10.0),
    ]


def _reading() -> list[Metric]:
    page, pages = ("the text read", "the true text"), ("the text read on each page", "the true texts")
    field = ("values by field", "the true values by field, each alone or with its kind (date, amount, text)")
    rate: dict[str, Any] = {"better": "lower", "high": None}
    return [
        _sample("ocr", page, "cer", ocr.cer, "Wrong characters over true ones, by page", **rate),
        _sample("ocr", page, "wer", ocr.wer, "Wrong words over true ones, by page", **rate),
        _corpus("ocr", pages, "corpus_cer", ocr.corpus_cer, "Wrong characters over all true ones", **rate),
        _corpus("ocr", pages, "corpus_wer", ocr.corpus_wer, "Wrong words over all true ones", **rate),
        _sample(
            "documents", field, "fields", fields.fields_match, "Share of a document's fields that are right"
        ),
        _corpus("documents", _each(field), "fields_f1", fields.fields_f1, "F1 over all fields (SROIE)"),
        _sample(
            "charts", _CELLS, "cells_within", charts.cells_within, "Share of the true cells read within 5%"
        ),
        _sample(
            "charts",
            _CELLS,
            "cell_error",
            charts.cell_error,
            "Mean relative error of true cells",
            better="lower",
        ),
        _sample("charts", _CELLS, "rms_f1", charts.rms_f1, "Relative mapping similarity, F1 (DePlot)"),
        _sample(
            "charts",
            ("an answer", "the right letter, with the options or without"),
            "choice",
            choices.choice_match,
            "Chooses the right letter",
        ),
    ]


def _structured() -> list[Metric]:
    items = ("items, or a list in words", "items, each with its synonyms")
    factoid = partial(_sample, "lists", ("answers, best first", "the names of the right one"))
    labels = partial(_corpus, "classes", ("the label of each sample", "the true labels"))
    found = partial(_corpus, "inspection", ("the items found in each image", "the items that are there"))
    risk = ("the level of each sample", "the true levels, none to critical")
    return [
        _sample("lists", items, "item_f1", lists.item_f1, "F1 of the items of a list, in any order"),
        _sample(
            "lists", items, "item_precision", lists.item_precision, "Share of the named items that are right"
        ),
        _sample(
            "lists", items, "item_recall", lists.item_recall, "Share of the wanted items that were named"
        ),
        factoid("factoid_strict", lists.factoid_strict, "The first answer is right (BioASQ)"),
        factoid("factoid_lenient", lists.factoid_lenient, "One of five answers is right (BioASQ)"),
        factoid("factoid_mrr", lists.factoid_mrr, "1 over the place of the right answer among five"),
        _sample(
            "classes",
            ("an answer", "yes, no or maybe"),
            "yes_no",
            classes.yes_no_match,
            "Begins with the right one",
        ),
        labels("accuracy", classes.accuracy, "Share of right labels"),
        labels("macro_f1", classes.macro_f1, "Mean F1 of the labels"),
        found("items_micro_f1", detection.micro_f1, "F1 of the items found, pooled"),
        found("items_macro_f1", detection.macro_item_f1, "Mean F1 of the items"),
        _corpus(
            "inspection",
            risk,
            "under_called",
            classes.under_called,
            "Share of risks called too low",
            better="lower",
        ),
    ]


def _reasoning() -> list[Metric]:
    facts = partial(_sample, "multi-hop", ("the facts named", "the supporting facts"))
    both = partial(_sample, "multi-hop", ("MultiHop", "MultiHop"))
    answer = ("an answer", "the right answer")
    return [
        _sample(
            "multi-hop", answer, "answer_f1", multihop.answer_f1, "Words shared; yes and no whole (HotpotQA)"
        ),
        facts("supporting_f1", multihop.supporting_f1, "F1 of the supporting facts"),
        facts("supporting_exact", multihop.supporting_exact, "Exactly the supporting facts"),
        both("joint_f1", multihop.joint_f1, "Answer and supporting facts together, F1"),
        both("joint_exact", multihop.joint_exact, "Answer and supporting facts both exact"),
        _sample(
            "multi-hop",
            ("sub-questions", "the gold sub-questions"),
            "decomposition_f1",
            multihop.decomposition_f1,
            "Sub-questions alike, paired one to one",
        ),
        _sample(
            "multi-hop",
            ("steps", "the gold steps"),
            "dependency_f1",
            multihop.dependency_f1,
            "F1 of what needs what",
        ),
    ]


def _trust() -> list[Metric]:
    sure = partial(_corpus, "abstention", _SURE)
    judge = partial(_sample, "judging", _SCORES)
    cited = partial(_sample, "citations", _IDS)
    known = ("the cited ids", "the ids that exist")
    kept = ("each score after the change", "each score before")
    two = ("the new answer", "the old one")
    lower: dict[str, Any] = {"better": "lower"}
    invented = "Share of an answer's citations that do not exist"
    return [
        sure("ece", calibration.ece, "Gap of confidence and accuracy, 10 equal bins", **lower),
        sure("ece_mass", calibration.ece_equal_mass, "The same, bins of equally many", **lower),
        sure("brier", calibration.brier, "Squared gap of confidence and outcome", **lower),
        sure("aurc", calibration.aurc, "Mean risk over all coverages", **lower),
        sure("e_aurc", calibration.excess_aurc, "AURC above the best order's", **lower),
        sure("coverage_at_risk", calibration.coverage_at_risk, "Share answered at 5% wrong or less"),
        cited("citation_precision", citations.citation_precision, "Share of the citations that support"),
        cited("citation_recall", citations.citation_recall, "Share of the support that is cited"),
        _sample("citations", known, "invented", citations.invented_share, invented, **lower),
        _corpus(
            "citations",
            _each(known),
            "corpus_invented",
            citations.corpus_invented,
            "Share of all citations",
            **lower,
        ),
        judge("pairwise_accuracy", judging.pairwise_accuracy, "Share of pairs in people's order"),
        judge("kendall_tau", judging.kendall_tau, "Kendall's tau-b with people's order", low=-1.0),
        judge("judged_ndcg", judging.judged_ndcg, "nDCG of the judge's order"),
        judge("best_chosen", judging.best_chosen, "The judge's first is one of the best"),
        _corpus("robustness", kept, "kept_right", consistency.kept_right, "Right answers that stay right"),
        _sample("robustness", two, "same_answer", consistency.same_answer, "The answer stayed the same"),
    ]


Function = Callable[..., float | None]


def _sample(
    family: str, takes: tuple[str, str], name: str, function: Function, help: str, **more: Any
) -> Metric:
    return Metric(name, family, help, *takes, function, "sample", **more)


def _corpus(
    family: str, takes: tuple[str, str], name: str, function: Function, help: str, **more: Any
) -> Metric:
    return Metric(name, family, help, *takes, function, "corpus", **more)


def _each(takes: tuple[str, str]) -> tuple[str, str]:
    return f"{takes[0]}, for each sample", f"{takes[1]}, for each sample"
