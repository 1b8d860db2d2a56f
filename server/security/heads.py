"""Heads of requests: how large they may be, and how long they may take to come.

uvicorn's parser bounds neither, and puts a header together piece by piece: one of 150 MB held the event loop
for more than a minute. h11, which is taken where httptools is not installed, has a bound of its own.
"""

from __future__ import annotations

import asyncio
from typing import Any

HEAD_BYTES = 65_536
"""Of a head; and of what comes with a body without being part of it, as trailers and chunk extensions."""
HEAD_PATIENCE_S = 20.0
_REFUSED = b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def protocol() -> Any:
    """Return what uvicorn's `http` is set to."""
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:
        return "auto"

    class BoundedHeads(HttpToolsProtocol):
        """Answers 431 to a head that is too large, and 408 to one that does not come."""

        _unread = 0
        _head = True
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._expect_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._forget_timer()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._head and self._timer is None:
                self._expect_head()  # the next request of this connection begins
            self._unread += len(data)
            super().data_received(data)
            if self._unread > HEAD_BYTES:
                self._refuse(b"431 Request Header Fields Too Large")

        def on_headers_complete(self) -> None:
            self._unread, self._head = 0, False
            self._forget_timer()
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            self._unread = 0
            super().on_body(body)

        def on_message_complete(self) -> None:
            self._unread, self._head = 0, True
            super().on_message_complete()

        def _expect_head(self) -> None:
            self._timer = self.loop.call_later(HEAD_PATIENCE_S, self._refuse, b"408 Request Timeout")

        def _forget_timer(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _refuse(self, status: bytes) -> None:
            if self.transport.is_closing():
                return
            if self._head:  # else an answer may be under way
                self.transport.write(_REFUSED % status)
            self.transport.close()

    return BoundedHeads
