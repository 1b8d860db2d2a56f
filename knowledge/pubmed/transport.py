"""Calling the E-utilities: one shared limiter, deadlines, retries, a circuit breaker, typed failures.

The rules of NCBI (A General Introduction to the E-utilities, Sayers 2009-): 3 requests a second, 10 with a
key; `tool` and `email` name the caller.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from core.certificates import trusted
from core.errors import VidenceError, unavailable
from knowledge.limits.breaker import CircuitBreaker
from knowledge.limits.rate import SharedLimiter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

_T = TypeVar("_T")
_CONNECT_S = 5.0
"""Offline is noticed after this many seconds at most."""
_ATTEMPTS = 4
_TIMEOUT_ATTEMPTS = 2
_BACKOFF_S = 0.5
_LONGEST_WAIT_S = 20.0
"""A server that asks for a longer wait gets it, but the caller is told at once."""
_MAX_BYTES = 100_000_000


class EntrezHttp:
    """An asynchronous transport for one E-utilities server.

    Args:
        base_url: Address of the E-utilities.
        limiter: Shared by everything that calls the same address.
        breaker: Shared likewise; none leaves failing servers to the retries.
        identity: `tool`, `email` and `api_key`, sent along when not empty.
        timeout_s: Seconds that a reply may take as a whole.
        patience_s: An open circuit whose probe is due within this time is waited for.
        transport: For tests: an httpx transport that needs no network.
    """

    def __init__(
        self,
        base_url: str,
        limiter: SharedLimiter,
        *,
        breaker: CircuitBreaker | None = None,
        identity: dict[str, str] | None = None,
        timeout_s: float = 20.0,
        patience_s: float = 5.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        import httpx  # noqa: F401 - loaded here, where no event loop waits for it

        self.base_url = base_url.rstrip("/")
        self._limiter = limiter
        self._breaker = breaker
        self._identity = identity or {}
        self._timeout_s = timeout_s
        self.patience_s = patience_s
        self.transport = transport
        self._client: httpx.AsyncClient | None = None
        self.requests = 0
        """Requests sent so far, retries included."""

    @asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        """Keep connections open over several calls; sessions may be nested."""
        import httpx

        if self._client is not None:
            yield
            return
        limits = httpx.Limits(max_connections=10)
        async with httpx.AsyncClient(
            timeout=httpx.Timeout(self._timeout_s, connect=_CONNECT_S),
            transport=self.transport,
            limits=limits,
            verify=trusted(),
        ) as client:
            self._client = client
            try:
                yield
            finally:
                self._client = None

    async def ask(self, tool: str, params: dict[str, Any], parse: Callable[[bytes], _T]) -> _T:
        """Call one E-utility and parse its reply; what passes is asked for again.

        Raises:
            VidenceError: `unavailable` (offline, 5xx, not whole, circuit open), `timeout`, `rate_limited`;
                the message says when to try again where the server or the breaker knows.
        """
        await self._gate()
        try:
            async with self.session():
                reply = await self._try(tool, params, parse)
        except VidenceError as error:
            # A server that limits or refuses us is up; one that fails, stalls or talks nonsense is not.
            await self._report(ok=error.kind == "rate_limited" or not error.retryable)
            raise
        except BaseException:
            await self._report(ok=True)
            raise
        await self._report(ok=True)
        return reply

    async def _try(self, tool: str, params: dict[str, Any], parse: Callable[[bytes], _T]) -> _T:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                body = await self._post(tool, params)
                return await asyncio.to_thread(parse, body)
            except _Busy as busy:
                error: VidenceError = busy.error
                wait_s = busy.wait_s
            except VidenceError as failed:
                if not failed.retryable or isinstance(failed, _OfflineError) or failed.kind == "rate_limited":
                    raise
                error, wait_s = failed, 0.0
                if failed.kind == "timeout" and attempt >= _TIMEOUT_ATTEMPTS:
                    raise
            if wait_s > _LONGEST_WAIT_S:
                raise error
            if attempt < _ATTEMPTS:
                backoff_s = _BACKOFF_S * 2.0 ** (attempt - 1) * (1 + random.random())  # noqa: S311 - jitter
                await asyncio.sleep(max(wait_s, backoff_s))
        raise error

    async def _post(self, tool: str, params: dict[str, Any]) -> bytes:
        import httpx

        token = await self._limiter.take()
        self.requests += 1
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(tool, params, token)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _OfflineError(self.base_url, str(error)) from error
        except (httpx.TimeoutException, TimeoutError) as error:
            raise VidenceError(
                "timeout",
                f"PubMed did not answer in {self._timeout_s:g} s",
                help="Try again in a minute, or raise VIDENCE_PUBMED_TIMEOUT_S.",
                retryable=True,
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unavailable(f"The connection to PubMed broke: {error}", help="Try again.") from error

    async def _exchange(self, tool: str, params: dict[str, Any], token: str) -> bytes:
        assert self._client is not None
        data = {key: value for key, value in {**params, **self._identity}.items() if value != ""}
        url = f"{self.base_url}/{tool}.fcgi"
        heard = False
        try:
            async with self._client.stream("POST", url, data=data) as reply:
                await self._limiter.heard(token)
                heard = True
                body = bytearray()
                async for part in reply.aiter_bytes():
                    body += part
                    if len(body) > _MAX_BYTES:
                        raise unavailable(
                            f"PubMed's reply is over {_MAX_BYTES:,} bytes",
                            help="Ask for less.",
                            retryable=False,
                        )
                await self._judge(reply, bytes(body))
                return bytes(body)
        finally:
            if not heard:
                await self._limiter.heard(token)

    async def _judge(self, reply: httpx.Response, body: bytes) -> None:
        """Raise for a reply that is a failure by its status, or a rate limit inside a good one."""
        status = reply.status_code
        if status == 429 or (body[:1] == b"{" and b"rate limit" in body[:300]):
            wait_s = retry_after(reply.headers.get("Retry-After", ""))
            await self._limiter.pause(wait_s)
            raise _Busy(_limited(wait_s), wait_s)
        if status >= 500:
            wait_s = retry_after(reply.headers.get("Retry-After", ""))
            raise _Busy(unavailable(f"PubMed answered {status}", help="Try again later."), wait_s)
        if status >= 300:
            raise VidenceError(
                "unavailable",
                f"PubMed answered {status}: {_plain(body)}",
                help="Check VIDENCE_PUBMED_BASE_URL and VIDENCE_PUBMED_API_KEY.",
            )

    async def _gate(self) -> None:
        """Pass when the circuit is closed or a probe is due soon enough."""
        if self._breaker is None:
            return
        started = time.monotonic()
        while (wait_s := await asyncio.to_thread(self._breaker.ask)) > 0:
            if time.monotonic() - started + wait_s > self.patience_s:
                again = datetime.fromtimestamp(time.time() + wait_s, UTC).isoformat(timespec="seconds")
                raise VidenceError(
                    "unavailable",
                    f"PubMed failed several times in a row, so it is left alone until {again}",
                    help=f"Try again in {wait_s:.0f} s.",
                    retryable=True,
                )
            # Somebody else's probe may close the circuit sooner.
            await asyncio.sleep(min(wait_s, 0.5))

    async def _report(self, *, ok: bool) -> None:
        if self._breaker is not None:
            await asyncio.to_thread(self._breaker.succeeded if ok else self._breaker.failed)


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


def _limited(wait_s: float) -> VidenceError:
    when = f"Wait {wait_s:.0f} s" if wait_s >= 1 else "Wait a minute"
    return VidenceError(
        "rate_limited",
        "PubMed is limiting our requests",
        help=f"{when}, or set VIDENCE_PUBMED_API_KEY for ten requests a second.",
        retryable=True,
    )


def retry_after(value: str, *, now: datetime | None = None) -> float:
    """Return the seconds that a Retry-After header asks for, in either of its forms; 0 when it says nothing.

    Args:
        value: Seconds or an HTTP date (RFC 9110, section 10.2.3).
        now: For tests: the time that a date is counted from.
    """
    try:
        return max(float(value), 0.0) if value.strip() else 0.0
    except ValueError:
        pass
    try:
        then = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return max((then - (now or datetime.now(UTC))).total_seconds(), 0.0)


def _plain(body: bytes) -> str:
    text = re.sub(r"<[^>]*>", " ", body[:2000].decode("utf-8", errors="replace"))
    return re.sub(r"\s+", " ", text).strip()[:200]
