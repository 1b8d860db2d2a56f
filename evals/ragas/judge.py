"""A judge for RAGAS: any model behind an OpenAI-compatible server, asked once for each content.

It stands where RAGAS wants one of its own clients: ours sends images as data URLs only, has typed failures,
and never goes to a cloud by default. What fails is never kept, so that the next run asks it again.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from core.contracts import ModelRef
from core.errors import VidenceError, unavailable
from evals.run.cache import OutputCache
from evals.run.sample import Spent, content_hash
from models.chat import ChatModel, ChatReply, InvalidReplyError, Message

T = TypeVar("T", bound=BaseModel)
JOB = "ragas judge 1"
WAITS_S = (2.0, 5.0, 15.0)
"""Pauses before a request is repeated that the server refused for being one too many."""
FAILURES = 5
_SICK = ("timeout", "unavailable", "rate_limited")
"""Failures that say something of the server, not of the request."""
Sleep = Callable[[float], Awaitable[None]]


@dataclass
class Asked:
    """What a judge was asked so far: replies from the server, those that were kept, and tokens."""

    calls: int = 0
    kept: int = 0
    failed: int = 0
    usage: Spent = field(default_factory=Spent)


class RagasJudge:
    """Answers RAGAS's prompts as objects of its schemas; at most so many at a time.

    Args:
        chat: The model.
        ref: Its name and hash, by which replies are kept.
        at_once: Requests under way at a time.
        cache: Keeps replies by content and model; without it everything is asked.
        cool_s: Seconds that a server is left alone after failing `FAILURES` times in a row.
        sleep: Waits; tests give their own.
    """

    provider = "openai"
    """RAGAS's multimodal metrics look at it, and then use `client`."""

    def __init__(
        self,
        chat: ChatModel,
        ref: ModelRef,
        *,
        at_once: int = 4,
        cache: OutputCache | None = None,
        cool_s: float = 30.0,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.model = ref.name
        self.asked = Asked()
        self.client = SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace(create=self._create)))
        self._chat = chat
        self._ref = ref
        self._limit = asyncio.Semaphore(at_once)
        self._cache = cache
        self._cool_s = cool_s
        self._failures = 0
        self._until = 0.0
        self._trial = asyncio.Lock()
        self._sleep = sleep
        self._locks: dict[str, asyncio.Lock] = {}
        self._schemas = True

    def generate(self, prompt: str, response_model: type[T]) -> T:
        """Not offered: RAGAS's metrics await `agenerate`."""
        raise NotImplementedError("await agenerate")

    async def agenerate(self, prompt: str, response_model: type[T]) -> T:
        """Return the reply to a prompt as an object; raises as `ask`."""
        return await self.ask([{"role": "user", "content": prompt}], response_model)

    async def ask(self, messages: Sequence[Message], schema: type[T]) -> T:
        """Return the reply to a conversation as an object.

        Raises:
            VidenceError: `timeout`, `rate_limited`, `unavailable` or `blocked` by the server; `internal` when
                the reply does not fit even when asked again; `invalid_input` when the request is refused.
        """
        content = {"messages": list(messages), "schema": schema.model_json_schema()}
        key = content_hash([JOB, self._ref.name, self._ref.hash, content])
        async with self._locks.setdefault(key, asyncio.Lock()):  # the same prompt twice is asked once
            known = await asyncio.to_thread(self._cache.get, key) if self._cache else None
            if known is not None:
                self.asked.kept += 1
                return schema.model_validate(known)
            async with self._limit:
                found = await self._guarded(messages, schema)
            if self._cache:
                await asyncio.to_thread(self._cache.put, key, found.model_dump(mode="json"))
            return found

    async def _create(self, *, model: str, messages: Sequence[Message], response_model: type[T]) -> T:
        return await self.ask(messages, response_model)

    def _map_provider_params(self) -> dict[str, Any]:
        return {}

    async def _guarded(self, messages: Sequence[Message], schema: type[T]) -> T:
        """Ask a server that is well; leave one alone that kept failing, and then let one request try it."""
        if self._failures >= FAILURES:
            async with self._trial:  # the others wait for how the one fares
                if self._failures >= FAILURES:
                    left_s = self._until - time.monotonic()
                    if left_s > 0:
                        raise unavailable(
                            f"The judge {self.model} failed {self._failures} times in a row and is left "
                            f"alone for {left_s:.0f} s",
                            help="Look at its server, then run again with --retry-errors.",
                        )
                    return await self._tried(messages, schema)
        return await self._tried(messages, schema)

    async def _tried(self, messages: Sequence[Message], schema: type[T]) -> T:
        try:
            found = await self._patient(messages, schema)
        except VidenceError as error:
            self.asked.failed += 1
            self._failures = self._failures + 1 if error.kind in _SICK else 0
            self._until = time.monotonic() + self._cool_s
            raise
        self._failures = 0
        return found

    async def _patient(self, messages: Sequence[Message], schema: type[T]) -> T:
        """Ask; wait while the server limits requests."""
        for wait_s in WAITS_S:
            try:
                return await self._corrected(messages, schema)
            except VidenceError as error:
                if error.kind != "rate_limited":
                    raise
            await self._sleep(wait_s)
        return await self._corrected(messages, schema)

    async def _corrected(self, messages: Sequence[Message], schema: type[T]) -> T:
        """Ask; a reply that does not fit is shown to the model once, with what is wrong."""
        try:
            return await self._object(messages, schema)
        except InvalidReplyError as error:
            wrong = [
                {"role": "assistant", "content": error.reply.text[:2000] or "(nothing)"},
                {
                    "role": "user",
                    "content": f"That did not fit: {error.message}. Reply with the JSON object alone.",
                },
            ]
        return await self._object([*messages, *wrong], schema)

    async def _object(self, messages: Sequence[Message], schema: type[T]) -> T:
        if self._schemas:
            try:
                found: T = (await self._complete(messages, schema)).parsed
                return found
            except VidenceError as error:
                if error.kind != "invalid_input":
                    raise
        # Some servers refuse schemas; RAGAS's prompts say what to return anyway.
        found = _parsed(await self._complete(messages, None), schema)
        self._schemas = False
        return found

    async def _complete(self, messages: Sequence[Message], schema: type[BaseModel] | None) -> ChatReply:
        self.asked.calls += 1
        try:
            reply = await self._chat.complete(messages, schema)
        except InvalidReplyError as error:
            self._count(error.reply)
            raise
        self._count(reply)
        return reply

    def _count(self, reply: ChatReply) -> None:
        self.asked.usage += Spent(tokens_in=reply.tokens_in, tokens_out=reply.tokens_out, calls=1)


def _parsed(reply: ChatReply, schema: type[T]) -> T:
    """Return the object between the first and the last brace of a reply; raises `InvalidReplyError`."""
    text = reply.text[reply.text.find("{") : reply.text.rfind("}") + 1]
    try:
        return schema.model_validate(json.loads(text))
    except (json.JSONDecodeError, ValidationError) as error:
        raise InvalidReplyError(f"no {schema.__name__} in it", reply) from error
