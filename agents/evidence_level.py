"""How strong the evidence behind a medical answer is: the kinds of study it cites, and retractions first."""

from __future__ import annotations

from collections.abc import Iterable

from core.contracts import Evidence


def evidence_level(cited: Iterable[Evidence]) -> str:
    """Return the strongest kind of study among the evidence cited, with what it was published in.

    A retraction is named whatever else is cited. Evidence that says nothing about its kind counts for
    nothing; the text is empty when none does.
    """
    papers = [item for item in cited if item.kind == "pubmed"]
    retracted = [item for item in papers if item.metadata.get("retracted")]
    ranked = [item for item in papers if item.metadata.get("evidence_rank")]
    parts = [f"RETRACTED: {_named(item)}" for item in retracted]
    if ranked:
        best = min(ranked, key=lambda item: int(item.metadata["evidence_rank"]))
        level = best.metadata["evidence_level"]
        parts.append(f"{level}, level {best.metadata['evidence_rank']} of 5 ({_named(best)})")
    return "; ".join(parts)


def _named(item: Evidence) -> str:
    about = (item.metadata.get("journal"), str(item.metadata.get("date", ""))[:4], item.locator.pmid)
    journal, year, pmid = (str(part or "") for part in about)
    return ", ".join(part for part in (f"{journal} {year}".strip(), f"PMID {pmid}" if pmid else "") if part)
