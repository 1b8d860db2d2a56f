"""Longer answers against references by what they share: BLEU and ROUGE-L."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from evals.metrics.counts import harmonic
from evals.metrics.text import accepted_answers
from evals.metrics.words import metric_words


def corpus_bleu(
    predictions: Sequence[str | None], golds: Sequence[str | Iterable[str]], tokenize: str = "13a"
) -> float | None:
    """Return sacrebleu's corpus BLEU (Papineni et al. 2002), 0 to 1; samples may differ in their references.

    Args:
        predictions: N texts.
        golds: N references, or lists of them.
        tokenize: sacrebleu's tokenizer: `13a`, `intl`, `zh`, `char` (for scripts without spaces), `none`.

    Returns:
        None when there is no sample.

    Raises:
        ValueError: The lists differ in length, or a sample has no reference.
    """
    from sacrebleu.metrics.bleu import BLEU

    lists = [accepted_answers(gold) for gold in golds]
    if len(predictions) != len(lists) or not all(lists):
        raise ValueError(f"{len(predictions)} predictions for {len(lists)} lists of references, none empty")
    if not lists:
        return None
    widest = max(map(len, lists))
    columns: list[Any] = [[refs[at] if at < len(refs) else None for refs in lists] for at in range(widest)]
    said = [text or "" for text in predictions]
    return float(BLEU(tokenize=tokenize, force=True).corpus_score(said, columns).score) / 100


def sentence_bleu(prediction: str | None, gold: str | Iterable[str], tokenize: str = "13a") -> float | None:
    """Return BLEU of one text, 0 to 1, with effective order and exponential smoothing; None without gold."""
    from sacrebleu.metrics.bleu import BLEU

    references = accepted_answers(gold)
    if not references:
        return None
    scorer = BLEU(tokenize=tokenize, effective_order=True)
    return float(scorer.sentence_score(prediction or "", references).score) / 100


def rouge_l(prediction: str | None, gold: str | Iterable[str]) -> float | None:
    """Return ROUGE-L's F-measure (Lin 2004) with equal weights, the best over references; None without gold.

    As rouge_score without stemming on ASCII text; other scripts keep their words, where it drops them.
    """
    from rapidfuzz.distance import LCSseq

    said = metric_words(prediction)
    scores = []
    for reference in accepted_answers(gold):
        wanted = metric_words(reference)
        shared = LCSseq.similarity(said, wanted) if said and wanted else 0
        scores.append(harmonic(shared / len(said), shared / len(wanted)) if shared else 0.0)
    return max(scores, default=None)
