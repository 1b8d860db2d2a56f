"""The stream of a run as server-sent events, by sse-starlette.

Where we keep to the HTML standard: `id`, `event` and `data` lines, comments as heartbeats, `Last-Event-ID` on
a reconnect, `retry` once at the start, 204 to a client that has everything (a browser then stops).

Where we depart from it, and why:

- ids count from 1 within one run, not over the whole address: a run's stream is one address;
- `?after=N` means what `Last-Event-ID: N` means, because a browser cannot set the header when it begins.
  Where both are given the header counts: on a reconnect the browser repeats the address as it was;
- an id that is not a number, or that the run has not reached, is refused (422) instead of being ignored: a
  client that mixed up two runs should hear of it;
- every event has a name, so a browser's `onmessage` never fires: use `addEventListener`;
- `POST /v1/chat` answers with a stream too, which a browser's `EventSource` cannot ask for;
- the stream ends after `run.finished`, and after an `input.required` that nobody answered; opened again after
  that one it waits for what the reply brings;
- a `gap` is made for the reader and not in the log. Its id is the last number that it stands for.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from fastapi import Response
from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse, SendTimeoutError
from starlette.types import Receive, Scope, Send

from core.errors import VidenceError, invalid_input
from server.clock import iso_now
from server.runs.records import Run
from server.stream.events import LAST, Draft, Event, Gap, encode
from server.stream.log import EventLog, Page
from server.stream.wake import wait_for

log_ = logging.getLogger(__name__)

RETRY_MS = 1_000
ELSEWHERE_S = 2.0
"""How often a reader looks for events that another process wrote."""


@dataclass(frozen=True)
class StreamOptions:
    """Heartbeats and time limits in seconds."""

    heartbeat_s: float
    send_timeout_s: float


def position(header: str | None, query: int | None) -> int:
    """Return the number that a client has seen last; raises `invalid_input` for what is none."""
    if header is None or not header.strip():
        return query or 0
    if not header.strip().isdecimal() or len(header.strip()) > 15:
        raise invalid_input(
            "Last-Event-ID is not the number of an event", help="Send the id of the last event that you have."
        )
    return int(header.strip())


async def open_stream(
    run: Run, after: int, log: EventLog, options: StreamOptions, on_gone: Callable[[], None] | None = None
) -> Response:
    """Return the stream of a run after a number, or 204 when there is nothing left to send.

    Args:
        run: Whose events.
        after: The last number that the client has.
        log: Where they are.
        options: Heartbeats and time limits.
        on_gone: Called when the client left before the end.

    Raises:
        VidenceError: `invalid_input` when the run has not reached `after`.
    """
    if after:
        page = await log.read(run.run_id, after, limit=1)
        if after > page.last_seq:
            raise invalid_input(
                f"Event {after} does not exist: the run's last is {page.last_seq}",
                help="Send the id of the last event that you have of this run.",
            )
        if page.closed and after == page.last_seq:
            return Response(status_code=204)
    reader = Reader(run, after, log)
    return RunStream(reader, options, on_gone)


class RunStream(EventSourceResponse):
    """The response that sends a reader's frames, with heartbeats and a time limit for every send.

    Args:
        reader: Whose end is the stream's.
        options: Heartbeats and time limits.
        on_gone: Called when the client left before the end.
        frames: What is sent instead of the reader's own frames: the same events in another shape.
    """

    def __init__(
        self,
        reader: Reader,
        options: StreamOptions,
        on_gone: Callable[[], None] | None,
        frames: AsyncIterator[ServerSentEvent] | None = None,
    ) -> None:
        run = reader.run
        self._reader = reader
        self._on_gone = on_gone
        super().__init__(
            frames or reader.frames(),
            ping=options.heartbeat_s,
            ping_message_factory=lambda: ServerSentEvent(comment="heartbeat"),
            send_timeout=options.send_timeout_s,
            headers={
                "Content-Location": f"/v1/runs/{run.run_id}",
                "X-Run-Id": run.run_id,
                "X-Thread-Id": run.thread_id,
            },
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream; a client that is too slow is let go, and may come back for the rest."""
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log_.info("A client of run %s read too slowly and was let go", self._reader.run.run_id)
        finally:
            if not self._reader.ended and self._on_gone is not None:
                self._on_gone()


class Reader:
    """One client's place in a run's events.

    It holds nothing else: a slow client reads later from the log, and the run never waits for it.
    """

    def __init__(self, run: Run, after: int, log: EventLog) -> None:
        self.run = run
        self.ended = False
        """Whether the event that ends the stream was reached; a client may leave on reading it."""
        self._after = after
        self._log = log

    async def frames(self) -> AsyncIterator[bytes]:
        """Yield the frames of the events after the reader's place, as they come."""
        yield f"retry: {RETRY_MS}\r\n\r\n".encode()
        async for event in self.events():
            yield event.frame

    async def events(self) -> AsyncIterator[Event]:
        """Yield the events after the reader's place, as they come."""
        while not self.ended:
            signal = self._log.signal(self.run.run_id)
            try:
                page = await self._log.read(self.run.run_id, self._after)
            except VidenceError as error:
                if error.kind != "unavailable":
                    raise
                await wait_for(signal, ELSEWHERE_S)  # the client keeps its place while the log is away
                continue
            gap = _gap(self.run, self._after, page)
            if gap is not None:
                self._after = gap.seq
                yield gap
            for event in page.events:
                self._after = event.seq
                unanswered = event.type == "input.required" and event.seq == page.last_seq
                self.ended = event.type == LAST or unanswered
                yield event
            if page.closed and self._after >= page.last_seq:
                self.ended = True  # also where only a gap was left to tell
            if not self.ended and (self._after >= page.last_seq or not page.events):
                # The signal was taken before the read: whatever was written since has set it.
                await wait_for(signal, ELSEWHERE_S)


def _gap(run: Run, after: int, page: Page) -> Event | None:
    """Return the event that stands for what is no longer in the log."""
    if page.first_seq <= after + 1 or page.last_seq <= after:
        return None
    seq = page.first_seq - 1
    draft = Draft("gap", "", Gap(missed_from=after + 1, missed_to=seq))
    return Event.of(seq, "gap", encode(draft, run.run_id, run.thread_id, seq, iso_now()))
