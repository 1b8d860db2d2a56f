"""One load from address to figures: reach the server, draw the pictures, send the traffic."""

from __future__ import annotations

import asyncio
import base64
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import httpx

from core.errors import VidenceError, invalid_input, unavailable
from evals.load.openai_protocol import OpenAIUser, first_model
from evals.load.plan import LoadPlan
from evals.load.simulate import Progress, Traffic, User, simulate
from evals.load.vidence_protocol import VidenceUser
from evals.personas.canaries import Canary
from evals.personas.pictures import draw_picture
from evals.personas.sources import texts_of

Protocol = Literal["vidence", "openai"]
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_CONNECT_S = 10.0


@dataclass(frozen=True)
class Target:
    """A server under load.

    Attributes:
        url: Its address, without a path.
        key: Sent as a bearer token, if there is one.
        protocol: How it is asked.
        model: Of an OpenAI-compatible server; empty: the first one that it names.
        collections: Its name of each canary collection, where it has another.
        timeout_s: A question may take so long.
    """

    url: str
    key: str = ""
    protocol: Protocol = "vidence"
    model: str = ""
    collections: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 120.0


async def send(
    target: Target, plan: LoadPlan, canaries: Sequence[Canary], progress: Progress | None = None
) -> Traffic:
    """Send the traffic of a plan to a server.

    Raises:
        VidenceError: `invalid_input` for an address that is none, or without canaries; `unavailable` when the
            server does not answer at all.
    """
    if not canaries:
        raise invalid_input("No canary is of these personas and profiles", help="Name fewer of them.")
    pictures = await asyncio.to_thread(data_urls, {one.image for one in canaries if one.image})
    async with _client(target) as client:
        user = await _user(target, client, pictures, canaries)
        return await simulate(user, plan, canaries, timeout_s=target.timeout_s, progress=progress)


async def _user(
    target: Target, client: httpx.AsyncClient, pictures: Mapping[str, str], canaries: Sequence[Canary]
) -> User:
    path = "/health" if target.protocol == "vidence" else "/v1/models"
    try:
        await client.get(path)
    except httpx.TransportError as error:
        raise _no_server(target, error) from error
    if target.protocol == "vidence":
        return VidenceUser(client, pictures, target.collections)
    texts = await asyncio.to_thread(lambda: {one.id: texts_of(one) for one in canaries})
    return OpenAIUser(client, pictures, texts, target.model or await first_model(client))


def _no_server(target: Target, error: Exception) -> VidenceError:
    return unavailable(
        f"{target.url} does not answer ({type(error).__name__})",
        help="Start it: vidence serve. Or check the address.",
    )


@asynccontextmanager
async def _client(target: Target) -> AsyncIterator[httpx.AsyncClient]:
    parts = urlsplit(target.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise invalid_input(f"{target.url} is no address", help="For example http://127.0.0.1:8080")
    # As many connections as there are users: a pool that is too small would be measured as the server's.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    headers = {"Authorization": f"Bearer {target.key}"} if target.key else {}
    async with httpx.AsyncClient(
        base_url=target.url.rstrip("/"),
        headers=headers,
        limits=limits,
        timeout=httpx.Timeout(target.timeout_s, connect=_CONNECT_S),
        trust_env=parts.hostname not in _LOOPBACK,
    ) as client:
        yield client


def data_urls(names: set[str]) -> dict[str, str]:
    """Draw pictures and return them as data URLs by name. Blocking."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in sorted(names):
            path = Path(folder) / f"{name}.png"
            draw_picture(name, path)
            found[name] = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
    return found
