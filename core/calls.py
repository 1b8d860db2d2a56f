"""Being told of calls to served models. Nobody listens unless the edge sets a listener."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, Protocol

from core.errors import ErrorKind, VidenceError

Failed = ErrorKind | Literal["cancelled"]


class Call(Protocol):
    """One call under way."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What to send along, such as a trace's `traceparent`."""
        ...

    def spent(self, tokens_in: int, tokens_out: int) -> None:
        """Note what the server counted."""
        ...

    def end(self, error: Failed | None) -> None:
        """Note that the call is over, and how it failed."""
        ...


class Listener(Protocol):
    """Who is told."""

    def begin(self, model: str, address: str, operation: str) -> Call:
        """Note that a call to a model begins. Called in the task or thread that calls."""
        ...


class _Nobody:
    headers: Mapping[str, str] = {}

    def spent(self, tokens_in: int, tokens_out: int) -> None:
        """Note nothing."""

    def end(self, error: Failed | None) -> None:
        """Note nothing."""


LISTENER: ContextVar[Listener | None] = ContextVar("model_call_listener", default=None)
"""Set at the edge; tasks and threads that are started from there inherit it."""


@contextmanager
def model_call(model: str, address: str, operation: str = "chat") -> Iterator[Call]:
    """Tell the listener of a call to a served model, and of how it ended.

    Args:
        model: The model's name.
        address: The server's base URL.
        operation: What it is asked for, as OpenTelemetry names it: `chat`, `embeddings`.
    """
    listener = LISTENER.get()
    call: Call = _Nobody() if listener is None else listener.begin(model, address, operation)
    try:
        yield call
    except VidenceError as error:
        call.end(error.kind)
        raise
    except Exception:
        call.end("internal")
        raise
    except BaseException:
        call.end("cancelled")
        raise
    call.end(None)
