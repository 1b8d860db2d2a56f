"""What the LangSmith client raises, as our errors; no text of its own: parts of the key may stand in it."""

from __future__ import annotations

from core.errors import ErrorKind, VidenceError, invalid_input

_ENDPOINT = "Check VIDENCE_LANGSMITH_ENDPOINT: is it a server of LangSmith's API?"
_KEY = "Check VIDENCE_LANGSMITH_API_KEY; keys of organisations need VIDENCE_LANGSMITH_WORKSPACE_ID too."
_PASSING: dict[int, tuple[ErrorKind, str]] = {
    408: ("timeout", "did not reply in time"),
    504: ("timeout", "did not reply in time"),
    429: ("rate_limited", "asks to slow down"),
    **dict.fromkeys((425, 500, 502, 503), ("unavailable", "failed")),
}
"""Statuses after which the same call may succeed."""


class ConflictError(Exception):
    """What is sent is there already."""


def translate(error: Exception, what: str) -> tuple[VidenceError, float | None]:
    """Return our error for one of the client's, and how many seconds the server asks to wait, if it does.

    Args:
        error: What a call of the client raised.
        what: What was to be done.

    Raises:
        ConflictError: The server says that it is there already.
        Exception: The error itself, when neither the client nor the server made it.
    """
    status, wait = _reply(error)
    if status == 409:
        raise ConflictError from None
    if status is None:
        return _without_reply(error, what), None
    if status in _PASSING:
        kind, said = _PASSING[status]
        return _passing(kind, f"LangSmith {said}, HTTP {status} ({what})"), wait
    refused = f"LangSmith refuses {'the key' if status in (401, 403) else 'this'}, HTTP {status} ({what})"
    return invalid_input(refused, help=_KEY if status in (401, 403) else _ENDPOINT), None


def _without_reply(error: Exception, what: str) -> VidenceError:
    import requests
    from langsmith import utils

    if isinstance(error, utils.LangSmithUserError):
        return invalid_input(f"LangSmith's client refuses this ({what})", help=_ENDPOINT)
    if isinstance(error, requests.exceptions.Timeout):
        return _passing("timeout", f"LangSmith did not reply in time ({what})")
    # What requests calls a broken JSON body is a ValueError, too: it comes before the others.
    if isinstance(error, ValueError | KeyError | TypeError | IndexError | AttributeError):
        return _passing("unavailable", f"LangSmith sent something that is not its format ({what})")
    if isinstance(error, utils.LangSmithError | requests.RequestException | OSError):
        return _passing("unavailable", f"LangSmith cannot be reached ({what})")
    raise error


def _passing(kind: ErrorKind, message: str) -> VidenceError:
    help_ = "Give the same command again: what was sent is not sent twice."
    return VidenceError(kind, message, help=help_, retryable=True)


def _reply(error: BaseException) -> tuple[int | None, float | None]:
    """Return the HTTP status behind an error, and its Retry-After in seconds."""
    seen: BaseException | None = error
    while seen is not None:
        response = getattr(seen, "response", None)
        if response is not None:
            try:
                wait = float(response.headers.get("Retry-After", ""))
            except ValueError:
                wait = None
            return int(response.status_code), wait
        seen = seen.__cause__ or seen.__context__
    return None, None
