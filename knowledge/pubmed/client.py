"""The PubMed client: searches, records, summaries, related papers and open full text, cached and limited."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from core.errors import VidenceError, invalid_input, not_found, unavailable
from core.settings import Settings
from knowledge.limits.breaker import CircuitBreaker
from knowledge.limits.limiter import open_limiter
from knowledge.pubmed.articles import parse_records, parse_with_xml
from knowledge.pubmed.cache import EntrezCache, key_of
from knowledge.pubmed.entrez import SearchReply, Summary, parse_links, parse_search, parse_summaries
from knowledge.pubmed.full_text import FullText, parse_full_text
from knowledge.pubmed.query import Wording, wordings
from knowledge.pubmed.record import PubMedRecord
from knowledge.pubmed.transport import EntrezHttp

_T = TypeVar("_T")
_BATCH = 200
"""Records a request: NCBI's own advice for lists of ids."""
_PMID = re.compile(r"[1-9]\d{0,8}")
_PMC = re.compile(r"PMC\d{1,9}", re.I)
_MISSING_TRIES = 2


@dataclass(frozen=True)
class PubMedSearch:
    """The records found for a query, in PubMed's order of relevance."""

    query: str
    used: str
    """The wording that found them; the last one tried when nothing was found."""
    count: int
    translation: str
    records: tuple[PubMedRecord, ...]
    step: str = ""
    """How that wording was made from the query: as given, focused, without some words, any of the words."""
    dropped: tuple[str, ...] = ()
    """Words of the query that had to be left out for anything to be found."""
    tried: tuple[tuple[str, int], ...] = ()
    """Every wording that was asked, with how many papers it found."""
    warnings: tuple[str, ...] = ()
    missing: tuple[str, ...] = field(default=())
    """Ids that were found but whose records did not come."""


class PubMed:
    """An asynchronous client of the E-utilities.

    Args:
        http: The transport.
        cache: Where replies are kept; none asks the server every time.
    """

    def __init__(self, http: EntrezHttp, cache: EntrezCache | None = None) -> None:
        self.http = http
        self._cache = cache

    def session(self) -> AbstractAsyncContextManager[None]:
        """Keep connections open over several calls."""
        return self.http.session()

    async def search(self, query: str, k: int = 10) -> PubMedSearch:
        """Find records for a query or a plain question, most relevant first.

        A question becomes key phrases, years and kinds of study; when they find nothing, the least telling
        words go one after the other.

        Raises:
            VidenceError: `invalid_input` for an empty query; `unavailable`, `timeout` or
                `rate_limited` when PubMed cannot be asked.
        """
        if not query.strip():
            raise invalid_input("The query is empty", help="Say what to search PubMed for.")
        async with self.session():
            reply, wording, tried = await self._first_found(query, k)
            records, missing = await self._all_records(reply.ids)
        return PubMedSearch(
            query,
            wording.text,
            reply.count,
            reply.translation,
            tuple(records),
            step=wording.step,
            dropped=wording.dropped,
            tried=tuple(tried),
            warnings=reply.warnings,
            missing=missing,
        )

    async def fetch(self, pmids: Sequence[str]) -> list[PubMedRecord]:
        """Return records in the order of their ids; ids that PubMed does not know are left out.

        Raises:
            VidenceError: `invalid_input` for what is not an id; `not_found` when PubMed knows none;
                `unavailable`, `timeout` or `rate_limited` when PubMed cannot be asked.
        """
        _check_ids(pmids)
        async with self.session():
            records = await self._records(pmids)
        if pmids and not records:
            raise not_found(f"PubMed has no record {', '.join(pmids[:5])}", help="Check the ids.")
        return records

    async def summaries(self, pmids: Sequence[str]) -> list[Summary]:
        """Return records in short (esummary); raises like `fetch`."""
        _check_ids(pmids)
        found: list[Summary] = []
        async with self.session():
            for start in range(0, len(pmids), _BATCH):
                ids = ",".join(pmids[start : start + _BATCH])
                found += await self.http.ask("esummary", {"db": "pubmed", "id": ids}, parse_summaries)
        return found

    async def related(self, pmid: str, k: int = 10) -> tuple[str, ...]:
        """Return the ids of papers that are like this one, most alike first (elink); raises like `fetch`."""
        links = await self._links(pmid, "pubmed", "pubmed_pubmed")
        return tuple(other for other in links if other != pmid)[:k]

    async def pmc_id(self, pmid: str) -> str:
        """Return the id in PubMed Central (`PMC3166277`), or an empty text; raises like `fetch`."""
        links = await self._links(pmid, "pmc", "pubmed_pmc")
        return f"PMC{links[0].removeprefix('PMC')}" if links else ""

    async def full_text(self, paper: str) -> FullText:
        """Return a paper by section from PubMed Central, where its text is open.

        Args:
            paper: A PubMed id, or one of PubMed Central such as `PMC3166277`.

        Raises:
            VidenceError: `unavailable`, not worth another try, when the text is not open there; otherwise
                like `fetch`.
        """
        pmid = "" if _PMC.fullmatch(paper) else paper
        async with self.session():
            number = await self._pmc_number(pmid) if pmid else paper
            number = number.upper().removeprefix("PMC")

            def check(body: bytes) -> bytes:
                parse_full_text(body, pmid=pmid)
                return body

            async def ask() -> bytes:
                return await self.http.ask("efetch", {"db": "pmc", "id": number, "retmode": "xml"}, check)

            body = await self._kept("fulltext", number, ask)
        return await asyncio.to_thread(parse_full_text, body, pmid=pmid)

    async def _pmc_number(self, pmid: str) -> str:
        _check_ids([pmid])
        records = await self._records([pmid])
        number = (records[0].pmc if records else "") or await self.pmc_id(pmid)
        if not number and not records:
            raise not_found(f"PubMed has no record {pmid}", help="Check the id.")
        if not number:
            raise unavailable(
                f"The full text of {pmid} is not open: it is not in PubMed Central",
                help="Its abstract is there: leave --full-text out.",
                retryable=False,
            )
        return number

    async def _first_found(self, query: str, k: int) -> tuple[SearchReply, Wording, list[tuple[str, int]]]:
        tried: list[tuple[str, int]] = []
        reply, wording = SearchReply((), 0), Wording(query.strip(), "as given")
        refused: VidenceError | None = None
        for wording in wordings(query, today=datetime.now(UTC).date()):
            try:
                reply = await self._esearch(wording.text, k)
            except VidenceError as error:
                # A wording that PubMed refuses is not the last one; a server that is down is.
                if error.retryable or error.kind != "unavailable":
                    raise
                refused = error
                continue
            tried.append((wording.text, reply.count))
            if reply.ids:
                break
        if not tried and refused is not None:
            raise refused
        return reply, wording, tried

    async def _esearch(self, term: str, k: int) -> SearchReply:
        params = {"db": "pubmed", "term": term, "retmax": k, "sort": "relevance", "retmode": "xml"}
        kept = await self._get("search", [key_of(**params)])
        if kept:
            found = json.loads(next(iter(kept.values())))
            return SearchReply(
                tuple(found["ids"]), found["count"], found["translation"], tuple(found["warnings"])
            )
        reply = await self.http.ask("esearch", params, parse_search)
        if reply.ids:
            await self._put("search", {key_of(**params): json.dumps(asdict(reply)).encode()})
        return reply

    async def _all_records(self, ids: Sequence[str]) -> tuple[list[PubMedRecord], tuple[str, ...]]:
        """Fetch what a search found; what did not come is asked for once more."""
        found: dict[str, PubMedRecord] = {}
        wanted = list(ids)
        for _ in range(_MISSING_TRIES):
            if not wanted:
                break
            found.update((record.pmid, record) for record in await self._records(wanted))
            wanted = [pmid for pmid in ids if pmid not in found]
        return [found[pmid] for pmid in dict.fromkeys(ids) if pmid in found], tuple(wanted)

    async def _records(self, pmids: Sequence[str]) -> list[PubMedRecord]:
        wanted = list(dict.fromkeys(pmids))
        kept = await self._get("record", wanted)
        found = await asyncio.to_thread(_reread, kept)
        absent = [pmid for pmid in wanted if pmid not in found]
        for start in range(0, len(absent), _BATCH):
            ids = ",".join(absent[start : start + _BATCH])
            pairs = await self.http.ask(
                "efetch", {"db": "pubmed", "id": ids, "retmode": "xml"}, parse_with_xml
            )
            found.update((record.pmid, record) for record, _ in pairs)
            await self._put("record", {record.pmid: xml for record, xml in pairs if record.pmid in absent})
        return [found[pmid] for pmid in wanted if pmid in found]

    async def _links(self, pmid: str, database: str, name: str) -> tuple[str, ...]:
        _check_ids([pmid])
        params = {"dbfrom": "pubmed", "db": database, "id": pmid, "linkname": name}

        async def ask() -> bytes:
            links = await self.http.ask("elink", params, parse_links)
            return json.dumps(links.get(name, ())).encode()

        return tuple(json.loads(await self._kept("link", key_of(**params), ask)))

    async def _kept(self, kind: str, key: str, ask: Callable[[], Awaitable[bytes]]) -> bytes:
        found = await self._get(kind, [key])
        if key in found:
            return found[key]
        body = await ask()
        if body not in (b"", b"[]"):
            await self._put(kind, {key: body})
        return body

    async def _get(self, kind: str, keys: Sequence[str]) -> dict[str, bytes]:
        return await asyncio.to_thread(self._cache.get_many, kind, keys) if self._cache else {}

    async def _put(self, kind: str, entries: dict[str, bytes]) -> None:
        if self._cache:
            await asyncio.to_thread(self._cache.put_many, kind, entries)


def _reread(kept: dict[str, bytes]) -> dict[str, PubMedRecord]:
    return {pmid: parse_records(body)[0] for pmid, body in kept.items()}


def _check_ids(pmids: Sequence[str]) -> None:
    for pmid in pmids:
        if not _PMID.fullmatch(pmid):
            raise invalid_input(f"Not a PubMed id: `{pmid[:40]}`", help="An id is a number like 29768149.")


def open_pubmed(settings: Settings, *, base_url: str = "", use_cache: bool = True) -> PubMed:
    """Return the client that the settings describe.

    Args:
        settings: Address, key, limits and lifetimes.
        base_url: Overrides their address.
        use_cache: False asks the server every time and keeps nothing.
    """
    address = (base_url or settings.pubmed_base_url).rstrip("/")
    if not address.startswith(("http://", "https://")):
        raise invalid_input(f"Not a web address: {address}", help="It begins with http:// or https://.")
    folder = settings.root / "pubmed"
    days = {
        "record": settings.pubmed_cache_days,
        "fulltext": settings.pubmed_cache_days,
        "link": settings.pubmed_search_cache_days,
        "search": settings.pubmed_search_cache_days,
    }
    http = EntrezHttp(
        address,
        open_limiter(settings, address, 10 if settings.pubmed_api_key else 3),
        breaker=CircuitBreaker(folder / "circuits.sqlite", address),
        identity={"tool": "vidence", "api_key": settings.pubmed_api_key, "email": settings.pubmed_email},
        timeout_s=settings.pubmed_timeout_s,
    )
    return PubMed(http, EntrezCache(folder / "cache.sqlite", address, days) if use_cache else None)
