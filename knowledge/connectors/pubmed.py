"""PubMed as a connector."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from core.contracts import Locator
from knowledge.connectors.base import Connector, Found, Options
from knowledge.pubmed.client import open_pubmed


class PubMedOptions(Options):
    """Another E-utilities server than the settings name."""

    base_url: str = ""


class PubMedConnector(Connector):
    """Published medical and biological research."""

    kind: ClassVar[str] = "pubmed"
    description: ClassVar[str] = "PubMed: published medical and biological research"
    options: ClassVar[type[Options]] = PubMedOptions

    async def search(self, query: str, k: int = 10) -> list[Found]:
        """Return records by relevance, with what a reader needs to judge them."""
        client = await asyncio.to_thread(open_pubmed, self.around.settings, base_url=self.given.base_url)
        found = await client.search(query, k)
        return [
            Found(
                id=record.pmid,
                title=record.title,
                text=record.text,
                source=record.url,
                score=round(1.0 / place, 4),
                kind="pubmed",
                locator=Locator(pmid=record.pmid),
                metadata={
                    "journal": record.journal,
                    "date": record.date,
                    "evidence_level": record.evidence_level,
                    "evidence_rank": record.evidence_rank,
                    "publication_types": list(record.publication_types),
                    "mesh": list(record.mesh),
                    "retracted": record.retracted,
                    "notices": list(record.notices),
                },
            )
            for place, record in enumerate(found.records, start=1)
        ]
