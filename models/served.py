"""One call to a model server that is not a chat: post JSON, and turn every failure into a typed error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.calls import model_call
from core.errors import VidenceError, unavailable


def post_json(
    client: Any, url: str, body: dict[str, Any], *, role: str, setting: str, timeout_s: float
) -> Any:
    """Return the server's reply, whose status is a good one.

    Args:
        client: An `httpx.Client`.
        url: Where to post.
        body: What to post; `model` names the model.
        role: What the server does, for the messages (`embedding`).
        setting: The setting that names the server (`VIDENCE_EMBEDDINGS`).
        timeout_s: The client's limit, for the messages.

    Raises:
        VidenceError: `timeout`, `rate_limited`, or `unavailable` with the setting to change.
    """
    operation = "embeddings" if role == "embedding" else role
    with model_call(body["model"], url, operation) as call:
        return _posted(client, url, body, call.headers, role=role, setting=setting, timeout_s=timeout_s)


def _posted(
    client: Any,
    url: str,
    body: dict[str, Any],
    headers: Mapping[str, str],
    *,
    role: str,
    setting: str,
    timeout_s: float,
) -> Any:
    import httpx

    try:
        reply = client.post(url, json=body, headers=headers)
    except httpx.TimeoutException as error:
        raise VidenceError(
            "timeout",
            f"The {role} server did not answer in {timeout_s:g} s: {url}",
            help="Raise VIDENCE_MODEL_TIMEOUT_S, or check the server.",
            retryable=True,
        ) from error
    except httpx.HTTPError as error:
        raise unavailable(
            f"The {role} server cannot be reached: {url} ({error})",
            help=f"Start it, or set {setting}=embedded.",
        ) from error
    if reply.status_code == httpx.codes.TOO_MANY_REQUESTS:
        raise VidenceError("rate_limited", f"{url} is rate limited", retryable=True)
    if reply.status_code >= httpx.codes.BAD_REQUEST:
        raise unavailable(
            f"{url} answered {reply.status_code}: {reply.text[:200]}",
            help=f"Check that it serves `{body['model']}`, and VIDENCE_MODEL_API_KEY.",
        )
    return reply
