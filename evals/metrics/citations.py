"""Whether an answer cites what supports it, all of it, and nothing that does not exist."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from evals.metrics.averages import mean_of


def citation_precision(prediction: Collection[str] | None, gold: Collection[str]) -> float | None:
    """Return the share of the cited ids that support the answer; None when nothing was cited."""
    cited = set(prediction or ())
    return len(cited & set(gold)) / len(cited) if cited else None


def citation_recall(prediction: Collection[str] | None, gold: Collection[str]) -> float | None:
    """Return the share of the supporting ids that were cited; None when there are none."""
    supporting = set(gold)
    return len(supporting & set(prediction or ())) / len(supporting) if supporting else None


def invented_citations(prediction: Collection[str] | None, known: Collection[str]) -> list[str]:
    """Return the cited ids that do not exist, sorted."""
    return sorted(set(prediction or ()) - set(known))


def invented_share(prediction: Collection[str] | None, known: Collection[str]) -> float | None:
    """Return the share of the cited ids that do not exist; None when nothing was cited."""
    cited = set(prediction or ())
    return len(invented_citations(cited, known)) / len(cited) if cited else None


def corpus_invented(
    predictions: Sequence[Collection[str] | None], known: Sequence[Collection[str]]
) -> float | None:
    """Return the share of all citations that do not exist, each answer's ids counted once; None without any.

    Raises:
        ValueError: The lists differ in length.
    """
    pairs = [(id_, ids) for cited, ids in zip(predictions, known, strict=True) for id_ in set(cited or ())]
    return mean_of(float(id_ not in ids) for id_, ids in pairs)
