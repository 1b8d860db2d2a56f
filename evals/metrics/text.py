"""Short answers against accepted ones: exact match, token F1 (SQuAD), ANLS (DocVQA)."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence

from evals.exact_match import exact_match as is_exact_match
from evals.metrics.counts import harmonic

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def accepted_answers(gold: str | Iterable[str]) -> list[str]:
    """Return the accepted answers as a list; a string is the only one."""
    return [gold] if isinstance(gold, str) else list(gold)


def exact_match(prediction: str | None, gold: str | Iterable[str]) -> float | None:
    """Return 1 when an answer is an accepted one after `normal_answer`, else 0; None without gold."""
    accepted = accepted_answers(gold)
    return float(is_exact_match(prediction or "", accepted)) if accepted else None


def squad_normal(text: str | None) -> str:
    """Return lower case without ASCII punctuation, English articles and extra spaces, as SQuAD compares."""
    bare = (text or "").lower().translate(_NO_PUNCTUATION)
    return " ".join(re.sub(r"\b(?:a|an|the)\b", " ", bare).split())


def squad_exact(prediction: str | None, gold: str | Iterable[str]) -> float | None:
    """Return SQuAD's exact match (Rajpurkar et al. 2016): 1 or 0 after `squad_normal`; None without gold."""
    accepted = accepted_answers(gold)
    return float(squad_normal(prediction) in map(squad_normal, accepted)) if accepted else None


def token_overlap(prediction: Sequence[str], gold: Sequence[str]) -> tuple[float, float]:
    """Return precision and recall of tokens as bags; without tokens on one side both are 0."""
    same = sum((Counter(prediction) & Counter(gold)).values())
    return (same / len(prediction), same / len(gold)) if same else (0.0, 0.0)


def token_f1(prediction: str | None, gold: str | Iterable[str]) -> float | None:
    """Return SQuAD's token F1, the best over the accepted answers; None without gold.

    When either side has no tokens the F1 is 1 if both have none, else 0 (SQuAD 2.0).
    """
    said = squad_normal(prediction).split()
    scores = []
    for answer in accepted_answers(gold):
        wanted = squad_normal(answer).split()
        both = bool(said and wanted)
        scores.append(harmonic(*token_overlap(said, wanted)) if both else float(said == wanted))
    return max(scores, default=None)


def normalised_distance(one: str, other: str) -> float:
    """Return the Levenshtein distance over the length of the longer text, 0 to 1; 0 for two empty texts."""
    from rapidfuzz.distance import Levenshtein

    return float(Levenshtein.normalized_distance(one, other))


def anls(prediction: str | None, gold: str | Iterable[str], threshold: float = 0.5) -> float | None:
    """Return the normalised Levenshtein similarity, 0 below the threshold (Biten et al. 2019, equation 1).

    Case and runs of white space do not count. The best over the accepted answers; None without gold.
    """
    said = _plain(prediction)
    distances = [normalised_distance(said, _plain(answer)) for answer in accepted_answers(gold)]
    if not distances:
        return None
    nearest = min(distances)
    return 1 - nearest if nearest < threshold else 0.0


def _plain(text: str | None) -> str:
    return " ".join((text or "").lower().split())
