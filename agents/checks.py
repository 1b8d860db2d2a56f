"""Every claim is checked in code against the evidence that it cites, or it goes.

The checks lean to refusal: a true claim refused costs an abstention, a false one that passes costs trust.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agents.check.commands import is_command
from agents.check.derived import derived_faults
from agents.check.overlap import MIN_COVERAGE, best_window, coverage, key_words, names_missing
from agents.check.polarity import polarity_faults
from agents.check.quantities import figure_faults
from agents.check.quotes import line_sentences, occurs, split_text, surroundings, touched
from agents.quarantine import without_commands
from core.contracts import (
    Candidate,
    Citation,
    Claim,
    Contract,
    DraftClaim,
    Evidence,
    EvidenceKind,
    Locator,
    Support,
)

_SEEN: frozenset[EvidenceKind] = frozenset({"vlm", "region"})
_VERDICT = re.compile(r"\s*(?:yes|no|maybe|[A-H])\s*[.)]?\s*$", re.I)
_OCR: frozenset[EvidenceKind] = frozenset({"ocr", "chart"})


class Checked(Contract):
    """A claim with its level of support, and every reason against it."""

    claim: Claim
    reasons: tuple[str, ...] = ()


class CheckedCandidate(Contract):
    """A candidate with its claims after the check, in their order.

    It survives when at least one claim stands and its short answer rests on those that do.
    """

    candidate: Candidate
    claims: tuple[Claim, ...]
    survives: bool
    reasons: tuple[str, ...] = ()
    """Every reason against the candidate and its claims, for the run's report."""

    @property
    def support(self) -> Support:
        """The weakest level among the claims that stand."""
        levels = {claim.supported for claim in self.claims} - {"unsupported"}
        if not self.survives or not levels:
            return "unsupported"
        return "observed" if "observed" in levels else "verified"


def check_claim(claim: DraftClaim, evidence: Mapping[str, Evidence]) -> Checked:
    """Check one claim against this run's evidence.

    Args:
        claim: The claim with the quotes that it rests on.
        evidence: This run's evidence by id.

    Returns:
        The claim as `verified`, `observed` (only a vision model's word supports it) or `unsupported`.
    """
    ids = tuple(dict.fromkeys(citation.evidence_id for citation in claim.citations))

    def result(level: Support, faults: Sequence[str] = ()) -> Checked:
        return Checked(claim=Claim(text=claim.text, evidence_ids=ids, supported=level), reasons=tuple(faults))

    faults = _citation_faults(claim.citations, evidence)
    if not claim.text.strip():
        faults.append("the claim is empty")
    if faults:
        return result("unsupported", faults)
    read = [citation for citation in claim.citations if evidence[citation.evidence_id].kind not in _SEEN]
    if read and not (faults := _text_faults(claim, read, evidence)):
        return result("verified")
    if len(read) < len(claim.citations) and not (faults := _text_faults(claim, claim.citations, evidence)):
        return result("observed")
    return result("unsupported", faults)


def check_candidate(candidate: Candidate, evidence: Mapping[str, Evidence]) -> CheckedCandidate:
    """Check a candidate's claims, and that its short answer rests on those that survive."""
    checked = [check_claim(claim, evidence) for claim in candidate.claims]
    alive = [
        draft
        for draft, result in zip(candidate.claims, checked, strict=True)
        if result.claim.supported != "unsupported"
    ]
    faults = _answer_faults(candidate, alive) if alive else ["no claim stands"]
    return CheckedCandidate(
        candidate=_backed(candidate, alive) if candidate.route == "chat" else candidate,
        claims=tuple(result.claim for result in checked),
        survives=not faults,
        reasons=(*faults, *(reason for result in checked for reason in result.reasons)),
    )


def _citation_faults(citations: Sequence[Citation], evidence: Mapping[str, Evidence]) -> list[str]:
    if not citations:
        return ["it cites nothing"]
    faults = []
    for citation in citations:
        item = evidence.get(citation.evidence_id)
        if item is None:
            faults.append(f"evidence {citation.evidence_id} is not of this run")
        elif citation.kind != item.kind or citation.source != item.source or citation.locator != item.locator:
            faults.append(f"the citation misdescribes evidence {citation.evidence_id}")
        elif not occurs(citation.quote, item.content):
            faults.append(f"the quote does not occur in evidence {citation.evidence_id}")
        elif item.trust != "trusted" and _is_ordered(citation.quote, item.content):
            faults.append("the quote is an instruction, not a statement")
    return faults


def _is_ordered(quote: str, content: str) -> bool:
    """Whether a quote is a command or stands in one; an order on the next line does not spoil a statement."""
    return any(map(is_command, (quote, *touched(quote, line_sentences(content)))))


def _text_faults(
    claim: DraftClaim, citations: Sequence[Citation], evidence: Mapping[str, Evidence]
) -> list[str]:
    """Return why a claim does not follow from its quotes, each read in the sentence around it."""
    if claim.derived:
        quotes = [citation.quote for citation in citations]
        flat = "\n".join(quotes)
        return (
            figure_faults(claim.text, flat, skip_numbers=True)
            + derived_faults(claim.text, quotes)
            + [f"`{name}` is not quoted" for name in names_missing(claim.text, flat)]
        )
    faults: list[str] = []
    for sentence in split_text(claim.text) or [claim.text]:
        faults += _sentence_faults(sentence, citations, evidence)
    return faults


def _sentence_faults(
    sentence: str, citations: Sequence[Citation], evidence: Mapping[str, Evidence]
) -> list[str]:
    windows = [best_window(sentence, citation.quote) for citation in citations]
    quotes = "\n".join(windows)
    context = "\n".join(
        surroundings(window, without_commands(evidence[citation.evidence_id].content))
        for window, citation in zip(windows, citations, strict=True)
    )
    faults = figure_faults(sentence, quotes) + polarity_faults(sentence, context)
    faults += [f"`{name}` is not quoted" for name in names_missing(sentence, quotes)]
    joined = any(citation.kind in _OCR for citation in citations)
    share = coverage(sentence, quotes, joined=joined)
    if share < MIN_COVERAGE:
        faults.append(f"only {share:.0%} of its key words are quoted")
    return faults


def _answer_faults(candidate: Candidate, alive: Sequence[DraftClaim]) -> list[str]:
    """Return what the short answer says that no surviving claim or its quotes say."""
    answer = candidate.short_answer
    if not answer.strip():
        return ["the short answer is empty"]
    places = (citation.locator for draft in alive for citation in draft.citations)
    if any(_names_place(answer, locator) for locator in places):
        return []  # `path:line` is where the citation points, not something that it says
    if candidate.answer_type in ("yes_no", "choice") and (
        candidate.route != "chat" or _VERDICT.match(answer)
    ):
        return []  # a letter or a yes stands for a claim and is in no quote
    backing = _backing(alive)
    faults = figure_faults(answer, backing)
    if key_words(answer) and coverage(answer, backing, joined=True) < MIN_COVERAGE:
        faults.append("the short answer says more than its claims")
    return faults


def _backing(alive: Sequence[DraftClaim]) -> str:
    return "\n".join(text for draft in alive for text in (draft.text, *(c.quote for c in draft.citations)))


def _backed(candidate: Candidate, alive: Sequence[DraftClaim]) -> Candidate:
    """Return a model's candidate with an answer that its standing claims carry, word by word if need be."""
    backing = _backing(alive)
    for sentence in split_text(candidate.answer) or [""]:
        extra = key_words(sentence) and coverage(sentence, backing, joined=True) < MIN_COVERAGE
        if extra or figure_faults(sentence, backing) or names_missing(sentence, backing):
            # What it said beside its claims was never checked.
            told = " ".join(dict.fromkeys(draft.text for draft in alive))
            return candidate.model_copy(update={"answer": told})
    return candidate


def _names_place(answer: str, locator: Locator) -> bool:
    """Whether an answer is the place that a locator names: its path, with a line inside its lines."""
    path, _, line = answer.strip().rpartition(":")
    if locator.path is None or locator.lines is None or not line.isdigit():
        return locator.path is not None and answer.strip() == locator.path
    return path == locator.path and locator.lines[0] <= int(line) <= locator.lines[1]
