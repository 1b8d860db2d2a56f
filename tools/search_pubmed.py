"""`search_pubmed`: published medical literature, with what a reader needs to judge it."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from pydantic import Field

from core.contracts import Evidence, Locator, ToolResult
from core.errors import VidenceError
from core.text import content_words
from knowledge.pubmed.client import PubMed, open_pubmed
from knowledge.pubmed.full_text import FullText
from knowledge.pubmed.record import PubMedRecord
from tools.base import Cost, Need, ToolArgs, ToolContext, make_evidence

_FULL_TEXTS = 2
_SECTIONS = 4
"""Of a full text the sections that have most of the query's words are evidence."""


class SearchPubMedArgs(ToolArgs):
    """A query or plain question, how many records to return, and whether to open full texts."""

    query: str = Field(min_length=1, max_length=2000)
    k: int = Field(8, ge=1, le=100)
    full_text: bool = Field(False, description="Also read the first open papers by section.")


class SearchPubMed:
    """Finds PubMed records; retractions, publication types, MeSH, journal and date come along."""

    name: ClassVar[str] = "search_pubmed"
    version: ClassVar[str] = "2"
    description: ClassVar[str] = (
        "Search PubMed for medical and biological research: diseases, drugs, trials, genes, outcomes."
    )
    arguments: ClassVar[type[ToolArgs]] = SearchPubMedArgs
    cost: ClassVar[Cost] = "moderate"
    needs: ClassVar[tuple[Need, ...]] = ("network",)

    async def run(self, args: SearchPubMedArgs, context: ToolContext) -> ToolResult:
        """Return the records with an abstract or title; `unavailable` at once when offline."""
        client = await asyncio.to_thread(open_pubmed, context.settings)
        async with client.session():
            found = await client.search(args.query, args.k)
            evidence = [self._evidence(record, args.query, found.used, context) for record in found.records]
            if args.full_text:
                for text in await _open_texts(client, found.records):
                    evidence += self._sections(text, args.query, context)
        return ToolResult(evidence=tuple(evidence))

    def _evidence(self, record: PubMedRecord, query: str, used: str, context: ToolContext) -> Evidence:
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
                "pmc": record.pmc,
                "retracted": record.retracted,
                "notices": list(record.notices),
                "evidence_level": record.evidence_level,
                "evidence_rank": record.evidence_rank,
                "registrations": list(record.registrations),
                "pubmed_query": used,
            },
        )

    def _sections(self, text: FullText, query: str, context: ToolContext) -> list[Evidence]:
        scored = [(coverage(query, f"{part.title} {part.text}"), part) for part in text.sections if part.text]
        best = sorted(scored, key=lambda item: -item[0])[:_SECTIONS]
        return [
            make_evidence(
                self,
                context,
                kind="pubmed",
                source=f"https://pmc.ncbi.nlm.nih.gov/articles/{text.pmc}/",
                content=part.text,
                locator=Locator(pmid=text.pmid, section=part.title),
                score=score,
                metadata={"title": text.title, "pmc": text.pmc, "licence": text.licence},
            )
            for score, part in best
            if score > 0
        ]


async def _open_texts(client: PubMed, records: tuple[PubMedRecord, ...]) -> list[FullText]:
    """Read the first few papers whose text is open; one that cannot be read leaves its abstract."""
    texts: list[FullText] = []
    for record in records:
        if len(texts) == _FULL_TEXTS:
            break
        if record.pmc and not record.retracted:
            try:
                texts.append(await client.full_text(record.pmid))
            except VidenceError:
                continue
    return texts


def coverage(query: str, text: str) -> float:
    """Return the share of the query's key words that a text has, in 0 to 1."""
    asked = set(content_words(query))
    return round(len(asked & set(content_words(text))) / len(asked), 4) if asked else 0.0
