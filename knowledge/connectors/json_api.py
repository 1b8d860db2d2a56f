"""Any search service that answers a GET request with JSON, described in the settings."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from pydantic import Field, field_validator

from core.errors import VidenceError, invalid_input, unavailable
from core.net import FetchPolicy, fetch_async
from core.text import content_words
from knowledge.connectors.base import Connector, Found, Options
from knowledge.limits.limiter import open_limiter

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+|\*)\]")
_MAX_TEXT = 20_000


class JsonApiOptions(Options):
    """Where to ask and where in the reply things stand. Paths look like `data.items[0].title`.

    `[*]` means every member of a list.
    """

    url: str = Field(description="Address with `{query}` and, if it takes one, `{k}`.")
    results: str = Field("", description="Path of the list of results; empty when the reply is the list.")
    title: str = "title"
    text: str = "text"
    link: str = "url"
    id: str = "id"
    score: str = ""
    per_second: int = Field(5, ge=1, le=100)
    timeout_s: float = Field(20.0, gt=0)

    @field_validator("url")
    @classmethod
    def _has_a_fixed_host(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("is not an http address")
        if "{" in parts.netloc:
            raise ValueError("must not take its host from the query")
        if "{query}" not in url:
            raise ValueError("has no place for {query}")
        return url


class JsonApiConnector(Connector):
    """A search service named in the settings."""

    kind: ClassVar[str] = "json"
    description: ClassVar[str] = "a search service that answers with JSON"
    options: ClassVar[type[Options]] = JsonApiOptions

    async def search(self, query: str, k: int = 10) -> list[Found]:
        """Ask the service and read its results.

        The host that the settings name may be private; redirects to other private hosts are refused.

        Raises:
            VidenceError: `invalid_input` for an empty query or a path that leads nowhere; `blocked`,
                `unavailable`, `timeout`, `rate_limited` like any fetch.
        """
        if not query.strip():
            raise invalid_input("The query is empty", help="Say what to search for.")
        body = await self._fetch(query, k)
        try:
            reply = json.loads(body)
        except ValueError as error:
            raise unavailable(f"{self.name} did not answer with JSON", help="Check its `url`.") from error
        items = at(reply, self.given.results) if self.given.results else reply
        if not isinstance(items, list):
            raise invalid_input(
                f"{self.name}: there is no list of results at `{self.given.results or '(the top)'}`",
                help="Set `results` to the path of the list in the reply.",
            )
        found = [self._found(item, place, query) for place, item in enumerate(items[:k], start=1)]
        return [item for item in found if item.text or item.title]

    async def _fetch(self, query: str, k: int) -> bytes:
        options: JsonApiOptions = self.given
        settings = self.around.settings
        url = options.url.replace("{query}", quote(query, safe="")).replace("{k}", str(k))
        parts = urlsplit(options.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        named = f"{(parts.hostname or '').lower()}:{port}"
        policy = FetchPolicy(
            allowed_hosts=frozenset({*settings.fetch_allowed_hosts, named}),
            max_bytes=settings.fetch_max_bytes,
            timeout_s=options.timeout_s,
        )
        limiter = open_limiter(settings, f"{parts.scheme}://{parts.netloc}", options.per_second)
        token = await limiter.take()
        try:
            return (await fetch_async(url, policy)).body
        except VidenceError as error:
            if error.kind == "rate_limited":
                await limiter.pause(1.0)
            raise
        finally:
            await limiter.heard(token)

    def _found(self, item: Any, place: int, query: str) -> Found:
        options: JsonApiOptions = self.given
        title, text = plain(at(item, options.title)), plain(at(item, options.text))[:_MAX_TEXT]
        link, score = plain(at(item, options.link)), at(item, options.score) if options.score else None
        return Found(
            id=plain(at(item, options.id)) or link or str(place),
            title=title,
            text=text or title,
            source=link or self.name,
            score=_score(score, place, query, f"{title} {text}"),
            metadata={"connector": self.name},
        )


def at(value: Any, path: str) -> Any:
    """Return what stands at a path of a JSON value, or nothing where it leads nowhere."""
    for name, index in _STEP.findall(path):
        if index == "*":
            value = value if isinstance(value, list) else None
        elif isinstance(value, list) and name:
            value = [found for item in value if (found := at(item, name)) is not None]
        elif index:
            value = value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
        else:
            value = value.get(name) if isinstance(value, dict) else None
        if value is None:
            return None
    return value


def plain(value: Any) -> str:
    """Return a JSON value as text: lists a line each, markup gone."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, dict):
        return plain(list(value.values()))
    if isinstance(value, Iterable) and not isinstance(value, str):
        return "\n".join(text for item in value if (text := plain(item)))
    text = re.sub(r"<(?:br|p|/p|li|/li)\b[^<>]*>", "\n", str(value), flags=re.I)
    return html.unescape(re.sub(r"</?[A-Za-z][^<>]*>", "", text)).strip()


def _score(given: Any, place: int, query: str, text: str) -> float:
    """Return the service's score where it is one of 0 to 1, else the share of key words, falling by place."""
    if isinstance(given, int | float) and 0 <= given <= 1:
        return round(float(given), 4)
    asked = set(content_words(query))
    share = len(asked & set(content_words(text))) / len(asked) if asked else 0.0
    return round((0.5 + 0.5 * share) / (1 + 0.1 * (place - 1)), 4)
