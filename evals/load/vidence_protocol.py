"""A user of our own protocol: `POST /v1/chat`, a stream that can be lost and taken up again, cancel."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any

import httpx
from httpx_sse import ServerSentEvent, SSEError, aconnect_sse

from evals.load.outcome import Outcome
from evals.load.plan import Visit
from evals.personas.checks import Reply
from evals.personas.sources import collections_of

Since = Callable[[], float]
"""Seconds since the user came."""
_MAX_BREAKS = 5
_BREAK_PAUSE_S = 0.3


class VidenceUser:
    """Asks over our protocol.

    Args:
        client: With the server's address and the key.
        pictures: Data URLs by name.
        collections: The server's name of each canary collection, where it has another.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        pictures: Mapping[str, str],
        collections: Mapping[str, str] | None = None,
    ) -> None:
        self._client = client
        self._pictures = pictures
        self._collections = collections or {}

    async def visit(self, visit: Visit, outcome: Outcome, since: Since) -> None:
        """Ask and follow the run to its end; everything that happens is noted in the outcome."""
        follow = _Following(visit, outcome, since)
        try:
            while not follow.over:
                await self._connect(follow)
                if follow.over:
                    break
                await asyncio.sleep(visit.pause_s if follow.dropped else _BREAK_PAUSE_S)
            await follow.settled()
            await self._judge(outcome)
        finally:
            await follow.close()

    async def _connect(self, follow: _Following) -> None:
        """Open the stream, anew or where it was lost, and read until it ends or is lost."""
        outcome = follow.outcome
        follow.dropped = False
        if outcome.run_id:
            request = ("GET", f"/v1/runs/{outcome.run_id}/events")
            more: dict[str, Any] = {"headers": {"Last-Event-ID": str(follow.last)} if follow.last else {}}
        else:
            request = ("POST", "/v1/chat")
            more = {"json": self._body(follow.visit)}
        try:
            async with aconnect_sse(self._client, *request, **more) as source:
                if source.response.status_code == 204:
                    follow.end("error", "no last event")
                    return
                if source.response.is_error:
                    await source.response.aread()
                    follow.refused(source.response)
                    return
                outcome.run_id = outcome.run_id or source.response.headers.get("x-run-id", "")
                async with aclosing(source.aiter_sse()) as events:
                    async for event in events:
                        if not event.data:
                            continue  # only a time to wait before the next connection
                        follow.note(event)
                        if follow.over:
                            return
                        if follow.cancels_now():
                            follow.cancel(self._client)
                        if follow.drops_now():
                            return
        except (httpx.TransportError, SSEError, ValueError) as error:
            follow.broken(type(error).__name__)
            return
        follow.broken("stream ended early")

    def _body(self, visit: Visit) -> dict[str, Any]:
        canary = visit.canary
        images = [{"data_url": self._pictures[canary.image]}] if canary.image else []
        return {
            "question": canary.question,
            "images": images,
            "profile": canary.profile,
            "collections": [self._collections.get(name, name) for name in collections_of(canary)],
            "declared": list(canary.declared),
            "on_disconnect": "continue",
        }

    async def _judge(self, outcome: Outcome) -> None:
        """Ask for the whole result where the stream did not tell of all that is cited; after all timing."""
        reply = outcome.reply
        if outcome.status == "input_required":
            await self._quietly("POST", f"/v1/runs/{outcome.run_id}/cancel")  # nobody will reply
        if reply is None or reply.status != "done" or not reply.invented:
            return
        found = await self._quietly("GET", f"/v1/runs/{outcome.run_id}")
        result = (found or {}).get("result")
        if result is None:
            outcome.reply = reply.model_copy(update={"invented": None})
            return
        ids = {item["id"] for item in result["evidence"]}
        strange = sum(one["evidence_id"] not in ids for one in result["citations"])
        outcome.reply = reply.model_copy(update={"invented": strange})

    async def _quietly(self, method: str, path: str) -> dict[str, Any] | None:
        try:
            reply = await self._client.request(method, path)
            body = reply.json() if reply.is_success else None
        except (httpx.HTTPError, ValueError):
            return None
        return body if isinstance(body, dict) else None


class _Following:
    """One run as a user follows it, over as many connections as it takes."""

    def __init__(self, visit: Visit, outcome: Outcome, since: Since) -> None:
        self.visit = visit
        self.outcome = outcome
        self.over = False
        self.last = 0
        self.dropped = False
        self._since = since
        self._cancelled: float | None = None
        self._cancelling: asyncio.Task[None] | None = None

    def note(self, event: ServerSentEvent) -> None:
        """Take in an event: its time, its number, what it says."""
        outcome, now = self.outcome, self._since()
        body = json.loads(event.data)
        outcome.run_id = outcome.run_id or str(body.get("run_id", ""))
        outcome.events += 1
        if not self._counted(event.event, body):
            return
        if outcome.first is None:
            outcome.first = now
        self._take(event.event, body.get("data") or {}, now)

    def _counted(self, kind: str, body: dict[str, Any]) -> bool:
        """Check the number against the last one; False for what was seen before."""
        number = int(body["seq"])
        if number <= self.last:
            self.outcome.repeated += 1
            return False
        missing = number - self.last - (0 if kind == "gap" else 1)
        if kind == "gap":
            self.outcome.gaps += missing
        else:
            self.outcome.lost += missing
        self.last = number
        return True

    def _take(self, kind: str, data: dict[str, Any], now: float) -> None:
        outcome = self.outcome
        if kind == "plan.updated" and outcome.planned is None:
            outcome.planned = now
        elif kind == "evidence.added":
            outcome.known |= {item["id"] for item in data["evidence"]}
        elif kind == "answer.final":
            outcome.final = now
            outcome.reply = _reply(data, outcome.known)
            if data.get("blocked"):
                outcome.reply = Reply(status="refused")
        elif kind == "input.required":
            outcome.final = now
            outcome.reply = Reply(status="input_required", text=str(data.get("question", "")))
            self.end("input_required")
        elif kind == "run.error":
            outcome.code = str(data.get("kind", "unknown"))
        elif kind == "run.finished":
            self._finished(str(data.get("status", "")), now)

    def _finished(self, status: str, now: float) -> None:
        outcome = self.outcome
        if status == "failed" and outcome.code == "blocked":
            outcome.final = now
            outcome.reply = Reply(status="refused")
            self.end("refused")
        elif status == "failed":
            self.end("error", outcome.code or "failed")
        else:
            self.end(status)
        outcome.code = "" if outcome.status != "error" else outcome.code

    def refused(self, response: httpx.Response) -> None:
        """Take in a reply that is no stream: the server's own code, if it gave one."""
        try:
            code = str(response.json()["code"])
        except (ValueError, KeyError, TypeError):
            code = f"http {response.status_code}"
        if code == "blocked":
            self.outcome.final = self._since()
            self.outcome.reply = Reply(status="refused")
            self.end("refused")
            return
        self.end("error", code)

    def broken(self, why: str) -> None:
        """Take in a connection that ended although nobody wanted it to; some are tried again."""
        self.outcome.breaks += 1
        if not self.outcome.run_id or self.outcome.breaks > _MAX_BREAKS:
            self.end("error", why)

    def end(self, status: str, code: str = "") -> None:
        """Stop following."""
        self.over = True
        self.outcome.ended = self._since()
        self.outcome.status, self.outcome.code = status, code
        if self._cancelled is not None and status == "cancelled":
            self.outcome.cancel_s = self.outcome.ended - self._cancelled

    def drops_now(self) -> bool:
        """Whether the user loses the connection here; once a visit."""
        self.dropped = self.outcome.drops == 0 and self.outcome.events == self.visit.drop_after
        self.outcome.drops += self.dropped
        return self.dropped

    def cancels_now(self) -> bool:
        """Whether the user gives up here; once a visit."""
        return self._cancelling is None and 0 < self.visit.cancel_after <= self.outcome.events

    def cancel(self, client: httpx.AsyncClient) -> None:
        """Ask the server to stop, beside the stream."""
        self._cancelled = self._since()
        path = f"/v1/runs/{self.outcome.run_id}/cancel"

        async def post() -> None:
            try:
                await client.post(path)
            except httpx.HTTPError:
                return  # the stream tells what became of it

        self._cancelling = asyncio.create_task(post())

    async def settled(self) -> None:
        """Wait for the reply to a cancel, so that its connection is given back."""
        if self._cancelling is not None:
            await self._cancelling

    async def close(self) -> None:
        """Leave nothing running."""
        if self._cancelling is not None and not self._cancelling.done():
            self._cancelling.cancel()


def _reply(data: Mapping[str, Any], known: set[str]) -> Reply:
    citations = data.get("citations") or []
    inspection = data.get("inspection") or {}
    return Reply(
        status=str(data.get("status", "")),
        short=str(data.get("short_answer", "")),
        text=str(data.get("answer", "")),
        reason=str(data.get("abstain_reason", "")),
        citations=len(citations),
        invented=sum(one["evidence_id"] not in known for one in citations),
        action=str(inspection.get("action", "")),
    )
