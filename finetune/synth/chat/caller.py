"""Calls to a chat model that can be cut and go on: journalled, rate limited, counted and priced."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from core.contracts import Contract
from core.errors import VidenceError, invalid_input, unavailable
from core.prices import Price
from models.chat import ChatModel, InvalidReplyError, Message

Reply = TypeVar("Reply", bound=BaseModel)
_FREE = Price(tokens_in=0.0, tokens_out=0.0)
_TRIES = 4
_WAIT_S = 5.0


class Spent(Contract):
    """What calls took. `reused` were answered from the journal and cost nothing."""

    calls: int = 0
    reused: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0

    def times(self, factor: float) -> Spent:
        """Return the estimate for `factor` times as much."""
        return Spent(
            calls=round(self.calls * factor),
            tokens_in=round(self.tokens_in * factor),
            tokens_out=round(self.tokens_out * factor),
            cost=round(self.cost * factor, 4),
        )


class ChatCaller:
    """Asks a chat model for objects of a schema.

    Every reply is written to the journal before it is returned: the same question is never paid twice, and a
    kill loses at most the call under way. Safe to share between threads.

    Args:
        chat: The model.
        journal: A JSON lines file; it is made when the first reply comes.
        per_minute: Calls a minute at most; 0 for no limit.
        price: Price of tokens, for the cost.
        clock: Seconds, growing.
        sleep: Waits that many seconds.
    """

    def __init__(
        self,
        chat: ChatModel,
        journal: Path,
        *,
        per_minute: float = 0.0,
        price: Price | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._chat, self._journal, self._price = chat, journal, price or _FREE
        self._gap = 60.0 / per_minute if per_minute > 0 else 0.0
        self._clock, self._sleep = clock, sleep
        self._next = 0.0
        self._lock = threading.Lock()
        self._known = _load(journal)
        self._counts = {"calls": 0, "reused": 0, "tokens_in": 0, "tokens_out": 0}

    @property
    def spent(self) -> Spent:
        """What this object's calls took so far."""
        cost = self._price.of(self._counts["tokens_in"], self._counts["tokens_out"])
        return Spent(**self._counts, cost=round(cost, 4))

    def ask(self, messages: Sequence[Message], schema: type[Reply]) -> Reply:
        """Return the model's reply as an object.

        Raises:
            VidenceError: `invalid_input` for a reply that does not fit the schema (so that its item is skipped);
                `unavailable` or `rate_limited` when the server does not answer, or refuses the key.
        """
        key = hashlib.sha256(
            json.dumps([self._chat.name, list(messages), schema.__name__], sort_keys=True).encode()
        ).hexdigest()
        with self._lock:
            known = self._known.get(key)
            self._counts["reused"] += known is not None
        if known is not None:
            return schema.model_validate(known)
        for attempt in range(_TRIES):
            self._wait_turn()
            try:
                reply = asyncio.run(self._chat.complete(messages, schema))
            except InvalidReplyError as error:
                self._count(error.reply.tokens_in, error.reply.tokens_out)
                raise invalid_input(
                    f"The model's reply does not fit: {error.message}", help=error.help
                ) from error
            except VidenceError as error:
                if error.kind in ("timeout", "blocked"):
                    # About the server, not about this item: the run stops instead of skipping all the rest.
                    raise unavailable(error.message, help=error.help, retryable=error.retryable) from error
                if error.kind != "rate_limited" or attempt == _TRIES - 1:
                    raise
                self._sleep(_WAIT_S * 2**attempt)
                continue
            self._count(reply.tokens_in, reply.tokens_out)
            parsed = schema.model_validate(reply.parsed)
            self._keep(key, parsed)
            return parsed
        raise AssertionError("the last try returns or raises")

    def _count(self, tokens_in: int, tokens_out: int) -> None:
        with self._lock:
            self._counts["calls"] += 1
            self._counts["tokens_in"] += tokens_in
            self._counts["tokens_out"] += tokens_out

    def _wait_turn(self) -> None:
        with self._lock:
            now = self._clock()
            at = max(now, self._next)
            self._next = at + self._gap
        if at > now:
            self._sleep(at - now)

    def _keep(self, key: str, parsed: BaseModel) -> None:
        body = parsed.model_dump(mode="json")
        with self._lock:
            self._known[key] = body
            self._journal.parent.mkdir(parents=True, exist_ok=True)
            with self._journal.open("ab+") as file:
                if file.seek(0, os.SEEK_END):
                    file.seek(-1, os.SEEK_END)
                    # What a kill cut short stays a line of its own, so that it spoils no other.
                    file.write(b"" if file.read(1) == b"\n" else b"\n")
                file.write(json.dumps({"key": key, "reply": body}).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())


def _load(journal: Path) -> dict[str, object]:
    known: dict[str, object] = {}
    if journal.exists():
        for line in journal.read_text().splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue  # cut short by a kill: that call is made again
            known[entry["key"]] = entry["reply"]
    return known
