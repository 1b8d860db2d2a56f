"""The PubMed client: esearch and efetch through one shared limiter, with timeouts, retries, typed errors.

The rules of NCBI (E-utilities in Depth, Sayers 2009-): 3 requests a second, 10 with a key; `tool` and
`email` name the caller.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from core.errors import VidenceError, invalid_input, not_found, unavailable
from core.settings import Settings
from core.text import content_words
from knowledge.pubmed_xml import PubMedRecord, SearchReply, parse_records, parse_search
from knowledge.rate import SharedLimiter

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

_T = TypeVar("_T")
_CONNECT_S = 5.0
"""Offline is noticed after this many seconds at most."""
_READ_S = 20.0
_ATTEMPTS = 3
_BACKOFF_S = 0.5
_LONGEST_WAIT_S = 20.0
_BATCH = 200
"""Records a request: NCBI's own advice for lists of ids."""
_PMID = re.compile(r"[1-9]\d{0,8}")


@dataclass(frozen=True)
class PubMedSearch:
    """The records found for a query, in PubMed's order of relevance."""

    query: str
    used: str
    """The query that was sent: the one given, or its key words when that found nothing."""
    count: int
    translation: str
    records: tuple[PubMedRecord, ...]


class PubMed:
    """An asynchronous client of the E-utilities.

    Args:
        base_url: Address of the E-utilities, without a slash at the end.
        limiter: Shared by everything that calls the same address.
        api_key: NCBI's key, if there is one.
        email: Sent to NCBI, who write to it before they block anyone.
        transport: For tests: an httpx transport that needs no network.
    """

    def __init__(
        self,
        base_url: str,
        limiter: SharedLimiter,
        *,
        api_key: str = "",
        email: str = "",
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._limiter = limiter
        self._identity = {"tool": "vidence", "api_key": api_key, "email": email}
        self._transport = transport

    async def search(self, query: str, k: int = 10) -> PubMedSearch:
        """Find records for a query or a plain question, most relevant first.

        When the words as given find nothing, the question's key words are tried: all, then any.

        Raises:
            VidenceError: `invalid_input` for an empty query; `unavailable`, `timeout` or
                `rate_limited` when PubMed cannot be asked.
        """
        if not query.strip():
            raise invalid_input("The query is empty", help="Say what to search PubMed for.")
        reply, used = SearchReply((), 0), query
        for used in _wordings(query):
            reply = await self._ask(
                "esearch", {"db": "pubmed", "term": used, "retmax": k, "sort": "relevance"}, parse_search
            )
            if reply.ids:
                break
        records = await self.fetch(reply.ids) if reply.ids else []
        return PubMedSearch(query, used, reply.count, reply.translation, tuple(records))

    async def fetch(self, pmids: Sequence[str]) -> list[PubMedRecord]:
        """Return records in the order of their ids; ids that PubMed does not know are left out.

        Raises:
            VidenceError: `invalid_input` for what is not an id; `not_found` when PubMed knows none;
                `unavailable`, `timeout` or `rate_limited` when PubMed cannot be asked.
        """
        for pmid in pmids:
            if not _PMID.fullmatch(pmid):
                raise invalid_input(
                    f"Not a PubMed id: `{pmid[:40]}`", help="An id is a number like 29768149."
                )
        found: dict[str, PubMedRecord] = {}
        for start in range(0, len(pmids), _BATCH):
            ids = ",".join(pmids[start : start + _BATCH])
            records = await self._ask("efetch", {"db": "pubmed", "id": ids, "retmode": "xml"}, parse_records)
            found.update((record.pmid, record) for record in records)
        if pmids and not found:
            raise not_found(f"PubMed has no record {', '.join(pmids[:5])}", help="Check the ids.")
        return [found[pmid] for pmid in dict.fromkeys(pmids) if pmid in found]

    async def _ask(self, tool: str, params: dict[str, Any], parse: Callable[[bytes], _T]) -> _T:
        """Call one E-utility and parse its reply; a reply cut short is asked for again."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return parse(await self._post(tool, params))
            except _Busy as busy:
                error: VidenceError = busy.error
                wait_s = busy.wait_s
            except VidenceError as failed:
                if not failed.retryable or failed.kind != "unavailable" or isinstance(failed, _OfflineError):
                    raise
                error, wait_s = failed, 0.0
            if attempt < _ATTEMPTS:
                backoff_s = _BACKOFF_S * 2 ** (attempt - 1) * (1 + random.random())  # noqa: S311 - jitter
                await asyncio.sleep(max(wait_s, backoff_s))
        raise error

    async def _post(self, tool: str, params: dict[str, Any]) -> bytes:
        import httpx

        data = {key: value for key, value in {**params, **self._identity}.items() if value}
        url = f"{self._base_url}/{tool}.fcgi"
        await self._limiter.wait()
        timeout = httpx.Timeout(_READ_S, connect=_CONNECT_S)
        try:
            async with httpx.AsyncClient(timeout=timeout, transport=self._transport) as client:
                reply = await client.post(url, data=data)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _OfflineError(self._base_url, str(error)) from error
        except httpx.TimeoutException as error:
            raise VidenceError(
                "timeout",
                f"PubMed did not answer in {_READ_S:g} s",
                help="Try again in a minute.",
                retryable=True,
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unavailable(f"The connection to PubMed broke: {error}", help="Try again.") from error
        return _body(reply)


class _OfflineError(VidenceError):
    """No connection at all: asking again at once would only make the user wait."""

    def __init__(self, base_url: str, reason: str) -> None:
        super().__init__(
            "unavailable",
            f"PubMed cannot be reached at {base_url} ({reason or 'no connection'})",
            help="Check the network, or point VIDENCE_PUBMED_BASE_URL at another server.",
            retryable=True,
        )


class _Busy(Exception):  # noqa: N818 - a signal to wait, not an error of its own
    """The server asked to wait."""

    def __init__(self, error: VidenceError, wait_s: float) -> None:
        super().__init__(error.message)
        self.error = error
        self.wait_s = wait_s


def _body(reply: httpx.Response) -> bytes:
    status = reply.status_code
    if status == 429:
        error = VidenceError(
            "rate_limited",
            "PubMed is limiting our requests",
            help="Wait a minute, or set VIDENCE_PUBMED_API_KEY for ten requests a second.",
            retryable=True,
        )
        raise _Busy(error, _retry_after(reply))
    if status >= 500:
        raise _Busy(unavailable(f"PubMed answered {status}", help="Try again later."), _retry_after(reply))
    if status >= 400:
        raise VidenceError(
            "unavailable",
            f"PubMed answered {status}: {_plain(reply.text)}",
            help="Check VIDENCE_PUBMED_BASE_URL and VIDENCE_PUBMED_API_KEY.",
        )
    return bytes(reply.content)


def _retry_after(reply: httpx.Response) -> float:
    """Return the seconds that the server asks to wait, within reason; the date form counts as none."""
    try:
        return min(max(float(reply.headers.get("Retry-After", "0")), 0.0), _LONGEST_WAIT_S)
    except ValueError:
        return 0.0


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text)).strip()[:200]


def _wordings(query: str) -> list[str]:
    """Return the query, then its key words joined by all and by any."""
    words = list(dict.fromkeys(content_words(query)))
    tried = [query.strip(), " AND ".join(words), " OR ".join(words)]
    return [wording for wording in dict.fromkeys(tried) if wording]


def open_pubmed(settings: Settings, *, base_url: str = "") -> PubMed:
    """Return the client that the settings describe; `base_url` overrides their address."""
    address = base_url or settings.pubmed_base_url
    if not address.startswith(("http://", "https://")):
        raise invalid_input(f"Not a web address: {address}", help="It begins with http:// or https://.")
    rate = 10.0 if settings.pubmed_api_key else 3.0
    path: Path = settings.root / "limits" / f"pubmed-{re.sub(r'[^A-Za-z0-9]+', '-', address)[:80]}.txt"
    return PubMed(
        address,
        SharedLimiter(path, rate),
        api_key=settings.pubmed_api_key,
        email=settings.pubmed_email,
    )
