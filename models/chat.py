"""A chat model behind any OpenAI-compatible server, with typed failures and checked structured output."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from pydantic import BaseModel, ValidationError

from core.calls import model_call
from core.certificates import trusted
from core.contracts import Contract
from core.errors import VidenceError, invalid_input, unavailable

if TYPE_CHECKING:
    from openai import AsyncOpenAI

Message = Mapping[str, Any]
"""`{role, content}`; content is text, or parts `{type: text}` and `{type: image_url}` with a data URL."""

OnText = Callable[[str], None]
"""Is given each piece of a reply's text as it comes."""

_FENCED = re.compile(r"```(?:json)?\s*(\{.*\})\s*```", re.S)
_MAX_REPLY_TOKENS = 1024


class ChatReply(Contract):
    """A model's reply. `parsed` holds the checked object when a schema was asked for.

    `confidence` is the geometric mean of the tokens' probabilities, the end of the turn left out; None where
    they were not asked for or the server gave none.
    """

    text: str
    parsed: Any = None
    confidence: float | None = None
    tokens_in: int = 0
    tokens_out: int = 0


class InvalidReplyError(VidenceError):
    """A reply that does not fit its schema; carries the reply, so that its cost is not lost."""

    def __init__(self, message: str, reply: ChatReply) -> None:
        super().__init__("internal", message, help="Use a model that follows JSON schemas.", retryable=True)
        self.reply = reply


class ChatModel(Protocol):
    """Completes a conversation, as an object of a schema or as text that is told as it comes, if asked to."""

    name: str

    async def complete(
        self,
        messages: Sequence[Message],
        schema: type[BaseModel] | None = None,
        on_text: OnText | None = None,
    ) -> ChatReply:
        """Return the reply; raises `VidenceError`."""
        ...


def open_chat(
    value: str, *, api_key: str = "", timeout_s: float = 60.0, logprobs: bool = False
) -> OpenAIChat:
    """Open the chat model of a setting `openai:BASE_URL#MODEL`. Nothing is contacted yet.

    Raises:
        VidenceError: `invalid_input` for another form.
    """
    base_url, mark, model = value.removeprefix("openai:").partition("#")
    if not value.startswith("openai:http") or not mark or not model:
        raise invalid_input(f"Not a served model: {value}", help="Use openai:BASE_URL#MODEL.")
    return OpenAIChat(base_url, model, api_key=api_key, timeout_s=timeout_s, logprobs=logprobs)


class OpenAIChat:
    """A client for one model on one server. A URL in a message never leaves as a URL: data URLs only.

    With `logprobs` a free reply comes with its confidence, where the server gives log-probabilities.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str = "",
        timeout_s: float = 60.0,
        max_retries: int = 1,
        max_tokens: int = _MAX_REPLY_TOKENS,
        logprobs: bool = False,
    ) -> None:
        self.name = model
        self._base_url = base_url
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._max_retries = max_retries
        self._max_tokens = max_tokens
        self._logprobs = logprobs

    async def complete(
        self,
        messages: Sequence[Message],
        schema: type[BaseModel] | None = None,
        on_text: OnText | None = None,
    ) -> ChatReply:
        """Complete a conversation greedily (temperature 0).

        Args:
            messages: The conversation so far.
            schema: When given, the reply is asked for as JSON of this model and checked.
            on_text: When given, the reply is streamed, and each piece of its text is passed on as it comes,
                unchecked. A server that does not stream is asked for the whole, and nothing is passed on.
                Cancelling the call closes the stream.

        Raises:
            InvalidReplyError: The reply is empty, cut short, not JSON, or does not fit the schema.
            VidenceError: `unavailable` (no server, 5xx, unknown model), `timeout`, `rate_limited`,
                `blocked` (key refused) or `invalid_input` (request refused, image not a data URL).
        """
        _refuse_remote_images(messages)
        with model_call(self.name, self._base_url) as call:
            # In a thread: importing the package and loading certificates would block the event loop.
            client = await asyncio.to_thread(self._client, call.headers)
            extra: dict[str, Any] = {} if schema is None else {"response_format": _response_format(schema)}
            try:
                async with client:
                    came = await self._streamed(client, messages, extra, on_text) if on_text else None
                    if came is None:
                        logprobs = self._logprobs and schema is None
                        came = _whole(await self._create(client, messages, extra, logprobs))
            except VidenceError:
                raise
            except Exception as error:  # noqa: BLE001 - every failure of the client gets our type
                self._raise_typed(error)
            call.spent(came.tokens_in, came.tokens_out)
            return _checked(came, schema)

    async def _create(
        self, client: AsyncOpenAI, messages: Sequence[Message], extra: dict[str, Any], logprobs: bool
    ) -> Any:
        import openai

        wanted: dict[str, Any] = {"logprobs": True} if logprobs else {}
        try:
            return await client.chat.completions.create(**self._options(messages), **wanted, **extra)
        except (openai.BadRequestError, openai.UnprocessableEntityError):
            if not logprobs:
                raise
            # Some servers refuse what they cannot give.
            return await self._create(client, messages, extra, False)

    async def _streamed(
        self, client: AsyncOpenAI, messages: Sequence[Message], extra: dict[str, Any], on_text: OnText
    ) -> _Reply | None:
        """Return the reply after its pieces were passed on, or None when the server does not stream."""
        import openai

        options = {**self._options(messages), **extra}
        text, finish, usage = "", "", None
        # The client's own limit is for each read: a model that drips would never reach it.
        async with asyncio.timeout(self._timeout_s):
            try:
                stream = await client.chat.completions.create(
                    **options, stream=True, stream_options={"include_usage": True}
                )
            except (openai.BadRequestError, openai.UnprocessableEntityError):
                return None
            async with stream:
                async for chunk in stream:
                    usage = chunk.usage or usage
                    for choice in (chunk.choices or ())[:1]:
                        piece = choice.delta.content or ""
                        text, finish = text + piece, choice.finish_reason or finish
                        if piece:
                            on_text(piece)
        if text and not finish:
            raise unavailable(f"{self.name} at {self._base_url} stopped in the middle of its reply")
        return _Reply(text, finish, *_tokens(usage)) if finish else None

    def _options(self, messages: Sequence[Message]) -> dict[str, Any]:
        return {
            "model": self.name,
            "messages": list(messages),
            "temperature": 0.0,
            "max_tokens": self._max_tokens,
        }

    def _client(self, headers: Mapping[str, str]) -> AsyncOpenAI:
        try:
            from openai import AsyncOpenAI, DefaultAsyncHttpxClient
        except ImportError as error:
            raise unavailable(
                "The client for served models is not installed",
                help="Install the extra `llm`: pip install 'vidence[llm]'.",
                retryable=False,
            ) from error
        # One client a call: an open connection belongs to the event loop that opened it.
        return AsyncOpenAI(
            base_url=self._base_url,
            # Local servers take any key; an empty one would make the package read the environment.
            api_key=self._api_key or "none",
            timeout=self._timeout_s,
            max_retries=self._max_retries,
            default_headers=headers,
            http_client=DefaultAsyncHttpxClient(verify=trusted()),
        )

    def _raise_typed(self, error: Exception) -> NoReturn:
        import openai

        where = f"{self.name} at {self._base_url}"
        if isinstance(error, (openai.APITimeoutError, TimeoutError)):
            raise VidenceError(
                "timeout",
                f"No reply from {where} within {self._timeout_s:g} s",
                help="Raise VIDENCE_MODEL_TIMEOUT_S, or use a faster model.",
                retryable=True,
            ) from error
        if isinstance(error, openai.APIConnectionError):
            raise unavailable(
                f"Cannot reach {where}", help="Start the server, or correct the address."
            ) from error
        if isinstance(error, openai.APIStatusError):
            raise _status_error(error.status_code, where, error.message) from error
        raise unavailable(f"{where} sent something that is not a chat completion: {error}") from error


def _status_error(status: int, where: str, message: str) -> VidenceError:
    if status == 429:
        return VidenceError(
            "rate_limited", f"{where} is limiting requests", help="Wait and try again.", retryable=True
        )
    if status in (401, 403):
        return VidenceError("blocked", f"{where} refused the key", help="Set VIDENCE_MODEL_API_KEY.")
    if status == 404:
        return unavailable(
            f"{where} does not serve this model", help="Check the name after #.", retryable=False
        )
    if status >= 500:
        return unavailable(f"{where} failed with status {status}", help="Look at the server's log.")
    return VidenceError("invalid_input", f"{where} refused the request: {message}", help="See its log.")


def _refuse_remote_images(messages: Sequence[Message]) -> None:
    for message in messages:
        content = message.get("content")
        for part in content if isinstance(content, list) else []:
            if part.get("type") == "image_url" and not part["image_url"]["url"].startswith("data:image/"):
                raise invalid_input(
                    "An image must travel as a data URL", help="Store the image first, then send it."
                )


def _response_format(schema: type[BaseModel]) -> dict[str, Any]:
    return {
        "type": "json_schema",
        "json_schema": {"name": schema.__name__, "schema": schema.model_json_schema()},
    }


@dataclass(frozen=True)
class _Reply:
    """A reply as it came, whole or in pieces."""

    text: str
    finish_reason: str
    tokens_in: int
    tokens_out: int
    confidence: float | None = None


def _whole(answer: Any) -> _Reply:
    choices = getattr(answer, "choices", None)
    if not choices:
        raise unavailable("The server sent something that is not a chat completion")
    text = choices[0].message.content or ""
    tokens = _tokens(getattr(answer, "usage", None))
    return _Reply(text, choices[0].finish_reason, *tokens, _confidence(choices[0], text))


def _tokens(usage: Any) -> tuple[int, int]:
    """Return the tokens read and written, 0 where the server counted none."""
    return getattr(usage, "prompt_tokens", 0) or 0, getattr(usage, "completion_tokens", 0) or 0


def _checked(came: _Reply, schema: type[BaseModel] | None) -> ChatReply:
    reply = ChatReply(
        text=came.text, confidence=came.confidence, tokens_in=came.tokens_in, tokens_out=came.tokens_out
    )
    if schema is None:
        return reply
    if came.finish_reason == "length":
        raise InvalidReplyError("the reply was cut short", reply)
    try:
        return reply.model_copy(update={"parsed": schema.model_validate(json.loads(_object_in(came.text)))})
    except json.JSONDecodeError as error:
        raise InvalidReplyError(f"not JSON ({error.msg})", reply) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "object"
        raise InvalidReplyError(f"`{where}`: {first['msg']}", reply) from error


def _object_in(text: str) -> str:
    """Return the JSON object of a reply that some models wrap in a code fence."""
    fenced = _FENCED.search(text)
    return fenced[1] if fenced else text.strip()


def _confidence(choice: Any, text: str) -> float | None:
    """Return the geometric mean of the tokens' probabilities, or None without them."""
    tokens = list(getattr(getattr(choice, "logprobs", None), "content", None) or [])
    if tokens and choice.finish_reason == "stop":
        last = str(tokens[-1].token).strip()
        # Some servers list the token that ended the turn, too.
        if not last or not text.rstrip().endswith(last):
            tokens.pop()
    if not tokens:
        return None
    return min(1.0, math.exp(sum(float(token.logprob) for token in tokens) / len(tokens)))
