"""`search_pubmed`: published medical literature, with what a reader needs to judge it."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from pydantic import Field

from core.contracts import Evidence, Locator, ToolResult
from core.text import content_words
from knowledge.pubmed import open_pubmed
from knowledge.pubmed_xml import PubMedRecord
from tools.base import Cost, Need, ToolArgs, ToolContext, make_evidence


class SearchPubMedArgs(ToolArgs):
    """A query or plain question, and how many records to return."""

    query: str = Field(min_length=1, max_length=2000)
    k: int = Field(8, ge=1, le=100)


class SearchPubMed:
    """Finds PubMed records; retractions, publication types, MeSH, journal and date come along."""

    name: ClassVar[str] = "search_pubmed"
    version: ClassVar[str] = "1"
    description: ClassVar[str] = (
        "Search PubMed for medical and biological research: diseases, drugs, trials, genes, outcomes."
    )
    arguments: ClassVar[type[ToolArgs]] = SearchPubMedArgs
    cost: ClassVar[Cost] = "moderate"
    needs: ClassVar[tuple[Need, ...]] = ("network",)

    async def run(self, args: SearchPubMedArgs, context: ToolContext) -> ToolResult:
        """Return the records with an abstract or title; `unavailable` at once when offline."""
        client = await asyncio.to_thread(open_pubmed, context.settings)
        found = await client.search(args.query, args.k)
        return ToolResult(
            evidence=tuple(self._evidence(record, args.query, context) for record in found.records)
        )

    def _evidence(self, record: PubMedRecord, query: str, context: ToolContext) -> Evidence:
        return make_evidence(
            self,
            context,
            kind="pubmed",
            source=record.url,
            content=record.text,
            locator=Locator(pmid=record.pmid),
            score=coverage(query, f"{record.title} {record.text}"),
            metadata={
                "title": record.title,
                "journal": record.journal,
                "date": record.date,
                "authors": list(record.authors[:6]),
                "publication_types": list(record.publication_types),
                "mesh": list(record.mesh),
                "doi": record.doi,
                "retracted": record.retracted,
                "notices": list(record.notices),
                "evidence_level": record.evidence_level,
            },
        )


def coverage(query: str, text: str) -> float:
    """Return the share of the query's key words that a text has, in 0 to 1."""
    asked = set(content_words(query))
    return round(len(asked & set(content_words(text))) / len(asked), 4) if asked else 0.0
