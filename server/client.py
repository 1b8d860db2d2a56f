"""A typed Python client of the server: start, follow, wait for, cancel and resume runs, and what is beside.

    with Client("http://127.0.0.1:8080") as client:
        for event in client.chat("What is the total?", images=["receipt.jpg"]):
            print(event.seq, event.type)

A stream that breaks off, also because the server was restarted, is taken up after the last event seen: each
event is yielded once, in order.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from httpx_sse import EventSource

from core.errors import ErrorKind, VidenceError, unavailable
from server.client_resources import Image, Resources
from server.http.bodies import History, ImageView, RunList, RunView
from server.stream.events import EVENTS, LAST, AnswerDelta, Envelope

_HASH = re.compile(r"[0-9a-f]{64}")
_KINDS: dict[int, ErrorKind] = {
    401: "blocked",
    403: "blocked",
    404: "not_found",
    409: "blocked",
    429: "rate_limited",
    503: "unavailable",
    504: "timeout",
}
_LONGEST_PAUSE_S = 5.0


class Client(Resources):
    """A connection to one server; close it, or use it with `with`.

    Args:
        base_url: Where the server listens.
        api_key: Sent as a bearer token, where the server asks for one.
        timeout_s: For one reply; a stream may pause as long between two heartbeats.
        patience_s: How long a broken stream is taken up again without an event, before it is given up.
        transport: Another way to reach the server; for tests.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str = "",
        timeout_s: float = 60.0,
        patience_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=timeout_s, transport=transport)
        self._patience_s = patience_s

    def chat(self, question: str, *, images: Iterable[Image] = (), **options: Any) -> Iterator[Envelope]:
        """Start a run and yield its events, to its end or to its question.

        Args:
            question: What to ask.
            images: Paths, public addresses, or hashes that `upload` returned.
            options: Further fields of the request: `profile`, `collections`, `thread_id`, `on_disconnect`...

        Raises:
            VidenceError: what the server refused, or `unavailable` when it cannot be reached.
        """
        body = self._body(question, images, options)
        run_id, last = "", _Last()
        try:
            with self._http.stream("POST", "/v1/chat", json=body) as reply:
                _check(reply)
                run_id = reply.headers["x-run-id"]
                yield from last.passing(_events(reply))
        except httpx.TransportError as error:
            if not run_id:
                # Whether it was accepted is unknown: asking again might ask twice.
                raise unavailable(
                    f"The server cannot be reached: {error}", help="List runs, then try again."
                ) from error
        if not last.ends:
            yield from self.follow(run_id, last.seq)

    def follow(self, run_id: str, after: int = 0) -> Iterator[Envelope]:
        """Yield a run's events after a number, through broken connections and restarts.

        Ends with the run, or at a question that nobody has answered yet.
        """
        last, pause = _Last(after), 0.1
        while not last.ends:
            before = last.seq
            headers = {"Last-Event-ID": str(before)} if before else {}
            try:
                with self._http.stream("GET", f"/v1/runs/{run_id}/events", headers=headers) as reply:
                    if reply.status_code == 204:
                        return
                    _check(reply)
                    yield from last.passing(_events(reply))
            except httpx.TransportError as error:
                self._lose_patience(last.heard, error)
            except VidenceError as error:
                if error.kind != "unavailable":
                    raise
                self._lose_patience(last.heard, error)
            if not last.ends:
                pause = 0.1 if last.seq > before else min(pause * 2, _LONGEST_PAUSE_S)
                time.sleep(pause)

    def start(self, question: str, *, images: Iterable[Image] = (), **options: Any) -> RunView:
        """Start a run and return it; it is on the server's disk."""
        return RunView.model_validate(
            self._send("POST", "/v1/runs", json=self._body(question, images, options))
        )

    def run(self, run_id: str, *, wait_s: float = 0.0) -> RunView:
        """Return a run; waits so long for its end, or for its question."""
        timeout = httpx.Timeout(wait_s + 30.0)
        return RunView.model_validate(
            self._send("GET", f"/v1/runs/{run_id}", params={"wait": wait_s}, timeout=timeout)
        )

    def runs(self, **query: Any) -> RunList:
        """List runs, the newest first; `thread_id`, `status`, `before` and `limit` choose among them."""
        return RunList.model_validate(self._send("GET", "/v1/runs", params=query))

    def cancel(self, run_id: str) -> RunView:
        """Stop a run for good."""
        return RunView.model_validate(self._send("POST", f"/v1/runs/{run_id}/cancel"))

    def resume(self, run_id: str, reply: str) -> RunView:
        """Answer the question that a run waits for; `follow` goes on after it."""
        return RunView.model_validate(self._send("POST", f"/v1/runs/{run_id}/resume", json={"reply": reply}))

    def history(self, thread_id: str, *, limit: int = 20) -> History:
        """Return the runs of a thread with their results."""
        return History.model_validate(
            self._send("GET", f"/v1/threads/{thread_id}/history", params={"limit": limit})
        )

    def upload(self, image: Image) -> ImageView:
        """Keep an image file on the server; its `image_id` can be asked about."""
        data = Path(image).expanduser().read_bytes()
        headers = {"Content-Type": "application/octet-stream"}
        return ImageView.model_validate(self._send("POST", "/v1/images", content=data, headers=headers))

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def _body(self, question: str, images: Iterable[Image], options: dict[str, Any]) -> dict[str, Any]:
        return {"question": question, "images": self._images(images), **options}

    def _image(self, image: Image) -> dict[str, str]:
        if isinstance(image, str) and image.startswith(("http://", "https://")):
            return {"url": image}
        if isinstance(image, str) and _HASH.fullmatch(image):
            return {"image_id": image}
        return {"image_id": self.upload(image).image_id}

    def _send(self, method: str, path: str, **options: Any) -> Any:
        try:
            reply = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise unavailable(f"The server cannot be reached: {error}", help="Is it running?") from error
        _check(reply)
        return reply.json() if reply.content else None

    def _lose_patience(self, heard: float, error: Exception) -> None:
        if time.monotonic() - heard > self._patience_s:
            raise unavailable(
                f"The stream broke off and could not be taken up: {error}",
                help="The run goes on by itself: follow it again later.",
            ) from error


class SpokenText:
    """The answer as it grows: its text so far, and whether it was checked; `answer.final` has all of it."""

    def __init__(self) -> None:
        self.text = ""
        self.checked = False

    def hear(self, piece: AnswerDelta) -> str:
        """Take the next piece, put it in its place, and return the text."""
        self.text = self.text[: piece.at] + piece.text
        self.checked = piece.checked
        return self.text


def _check(reply: httpx.Response) -> None:
    """Raise what a problem document says."""
    if reply.is_success:
        return
    reply.read()
    try:
        problem = reply.json()
    except ValueError:
        problem = {"detail": reply.text[:200]}
    fallback: ErrorKind = "internal" if reply.status_code >= 500 else "invalid_input"
    raise VidenceError(
        _KINDS.get(reply.status_code, fallback),
        str(problem.get("detail", reply.status_code)),
        help=str(problem.get("help", "")),
        retryable=bool(problem.get("retryable", reply.status_code in (429, 503))),
    )


class _Last:
    """The last event that passed: where to go on, and whether there is anything to go on with."""

    def __init__(self, seq: int = 0) -> None:
        self.seq = seq
        self.heard = time.monotonic()
        self.ends = False

    def passing(self, events: Iterator[Envelope]) -> Iterator[Envelope]:
        """Note every event on its way to the caller."""
        for event in events:
            self.seq, self.heard = event.seq, time.monotonic()
            # The server closes a stream at a question only while it is unanswered: more undoes this.
            self.ends = event.type in (LAST, "input.required")
            yield event


def _events(reply: httpx.Response) -> Iterator[Envelope]:
    """Parse a stream; types that this client does not know are left out."""
    for told in EventSource(reply).iter_sse():
        if told.event in EVENTS:
            yield EVENTS[told.event].model_validate_json(told.data)
