"""The log of events in Redis: a bounded stream a run, read and woken by any worker.

What makes a change and its events one, though they lie in two servers: the transaction that starts, ends or
pauses a run also keeps its events in the table `owed`. Once it is committed they are told to Redis and the
rows go. Whoever dies in between leaves the rows, and any worker tells them: events have keys, so that telling
twice changes nothing. The same table takes all events while Redis is away. They are told in the order of
their rows, and nothing of a run is told directly while it has rows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Coroutine, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from core.errors import VidenceError, unavailable
from server.runs.records import LeaseLost, Run
from server.storage.redis import failures, open_redis, redis_away
from server.storage.sql import Connection, SqlDatabase
from server.stream import owed
from server.stream.events import Draft, Event
from server.stream.log import Line, Page, Written
from server.stream.redis_script import APPEND
from server.stream.tails import Tails
from server.stream.wake import Wake

if TYPE_CHECKING:
    import redis.asyncio

log = logging.getLogger(__name__)

CHANNEL = "vidence:news"
MEND_S = 0.5
"""How often a worker looks whether Redis is back, and for events that nobody told."""
WHOLE = 10_000


class RedisEventLog:
    """Events by run, at most `bound` each, kept for `keep_s` seconds after the run's end.

    Args:
        url: `redis://HOST:PORT/DB`, or `rediss://` with TLS. Redis 5 or later, or Valkey.
        database: Where events wait that Redis does not have yet.
        bound: Events a run; the oldest are dropped.
        keep_s: How long the events of an ended run are kept.
    """

    def __init__(self, url: str, database: SqlDatabase, bound: int, keep_s: float) -> None:
        self._client: redis.asyncio.Redis = open_redis(url)
        self._append = self._client.register_script(APPEND)
        self._away = failures()
        self._database = database
        self._bound = bound
        self._keep_ms = int(keep_s * 1000)
        self._wake = Wake()
        self._tails = Tails(bound)
        self._up = True
        # Runs whose events wait in the database, with the lease that this worker has of them.
        self._behind: dict[str, int] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begin to listen and to mend; raises `unavailable` when Redis cannot be used."""
        try:
            await _answer(self._client.ping())
        except self._away as error:
            await self._client.aclose()
            raise redis_away(error) from error
        self._begin(self._listen())
        self._begin(self._mend())

    async def close(self) -> None:
        """Stop listening; what is owed stays in the database."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        with suppress(*self._away):
            await self._client.aclose()

    def check(self) -> None:
        """Raise `unavailable` while Redis is away."""
        if not self._up:
            raise unavailable(
                "The log of events (Redis) cannot be written",
                help="Ask again in a moment; runs that were accepted go on.",
            )

    def write(self, to: Connection, run: Run, drafts: Sequence[Draft]) -> Written:
        """Keep events within the ledger's transaction; `announce` tells them."""
        lines = owed.lines_of(run, drafts)
        return Written(run, place=owed.keep(to, run.run_id, lines), lines=lines)

    async def announce(self, written: Written) -> None:
        """Tell what a transaction kept; when Redis is away it is told later."""
        run = written.run
        async with self._lock(run.run_id):
            try:
                last = await self._told(run, written.lines)
            except LeaseLost:
                return  # another worker went on with the run, and told it
            if last is None:
                self._behind[run.run_id] = run.epoch
            else:
                self._begin(self._pay(run.run_id, [written.place], last if owed.ends(written.lines) else 0))

    async def append(self, run: Run, drafts: Sequence[Draft]) -> None:
        """Number, keep and announce events; raises `LeaseLost` when a newer lease has written."""
        if not drafts:
            return
        lines = owed.lines_of(run, drafts)
        async with self._lock(run.run_id):
            if await self._told(run, lines) is not None:
                return
            await self._database.write(lambda to: owed.keep_under_lease(to, run, lines))
            self._behind[run.run_id] = run.epoch

    async def take_up(self, run: Run) -> tuple[Event, ...]:
        """Return all events of a run that was left; waits while Redis is away."""
        while True:
            self._behind[run.run_id] = run.epoch
            with suppress(*self._away):
                await self._settle(run.run_id)
                return (await self._page(run.run_id, 0, WHOLE)).events
            self._lost()
            await asyncio.sleep(MEND_S)

    async def read(self, run_id: str, after: int, limit: int = 500) -> Page:
        """Return the events after a number, from memory where it has them all; raises `unavailable`."""
        page = self._tails.page(run_id, after, limit)
        if page is not None:
            return page
        self.check()
        try:
            return await self._page(run_id, after, limit)
        except self._away as error:
            self._lost()
            raise redis_away(error) from error

    async def forget(self, run_ids: Sequence[str]) -> None:
        """Drop the events of deleted runs; while Redis is away they stay until they expire."""
        for run_id in run_ids:
            self._tails.drop(run_id)
            with suppress(*self._away):
                await _answer(self._client.unlink(*_keys(run_id)))

    async def expire(self, before: str) -> int:
        """Do nothing: Redis drops the events of ended runs by itself."""
        return 0

    def signal(self, topic: str) -> asyncio.Event:
        """Return an event that is set when any worker has news of the run or topic."""
        return self._wake.signal(topic)

    async def nudge(self, topic: str) -> None:
        """Set the signals of a topic on all workers."""
        self._wake.notify(topic)
        with suppress(*self._away):
            await _answer(self._client.publish(CHANNEL, topic))

    def _lock(self, run_id: str) -> asyncio.Lock:
        return self._locks.setdefault(run_id, asyncio.Lock())

    def _lost(self) -> None:
        if self._up:
            log.warning("Redis is away: events wait in the database, new runs are refused")
        self._up = False

    async def _told(self, run: Run, lines: Sequence[Line]) -> int | None:
        """Append lines and return the last number; None when they have to wait in the database."""
        if not self._up or run.run_id in self._behind:
            return None
        try:
            return await self._tell(run.run_id, run.epoch, lines)
        except self._away:
            self._lost()
            return None

    async def _tell(self, run_id: str, epoch: int, lines: Sequence[Line]) -> int | None:
        """Append lines; raises `LeaseLost`, or what the client raises. None: earlier ones come first."""
        values: list[Any] = [epoch, self._bound, self._keep_ms, run_id, CHANNEL]
        for line in lines:
            values += [line.type, line.key, line.head, line.tail]
        last, *seqs = await _answer(self._append(keys=_keys(run_id), args=values))
        if last == -1:
            raise LeaseLost(run_id)
        if last == -2:
            return None
        told = [
            Event.of(seq, line.type, f"{line.head}{seq}{line.tail}")
            for seq, line in zip(seqs, lines, strict=False)
            if seq
        ]
        self._tails.add(run_id, told)
        if told:
            self._wake.notify(run_id)
        return int(last)

    async def _page(self, run_id: str, after: int, limit: int) -> Page:
        stream, known, _ = _keys(run_id)
        async with self._client.pipeline(transaction=True) as pipe:
            pipe.hmget(known, "last", "closed")
            pipe.xrange(stream, min="-", max="+", count=1)
            pipe.xrange(stream, min=f"({after}-0", max="+", count=limit)
            (last, closed), oldest, found = await pipe.execute()
        if last is None:
            return await self._database.read(lambda to: owed.forgotten(to, run_id))
        events = tuple(Event.of(_seq(id_), item["type"], item["body"]) for id_, item in found)
        return Page(events, _seq(oldest[0][0]) if oldest else int(last) + 1, int(last), closed == "1")

    async def _settle(self, run_id: str) -> None:
        """Tell what is owed of a run, in order."""
        async with self._lock(run_id):
            epoch = self._behind.get(run_id, 0)
            if epoch:
                await self._tell(run_id, epoch, ())  # shuts out older leases, also when nothing is owed
            while rows := await self._database.read(lambda to: owed.rows_of(to, run_id)):
                last = 0
                for _, lines in rows:
                    told = await self._tell(run_id, 0, lines)
                    last = told if told and owed.ends(lines) else last
                await self._pay(run_id, [place for place, _ in rows], last)
            self._behind.pop(run_id, None)

    async def _pay(self, run_id: str, places: Sequence[int], last: int) -> None:
        try:
            await self._database.write(lambda to: owed.drop(to, run_id, places, last))
        except VidenceError as error:
            log.warning("Events of run %s will be told again: %s", run_id, error.message)

    async def _mend(self) -> None:
        """Tell what others left, and what waited while Redis was away."""
        while True:
            await asyncio.sleep(MEND_S)
            try:
                if not self._up:
                    await _answer(self._client.ping())
                waiting = await self._database.read(owed.runs)
                for run_id in dict.fromkeys([*self._behind, *waiting]):
                    await self._settle_quietly(run_id)
                if not self._up:
                    log.warning("Redis is back: events are written to it again")
                    self._up = True
                    self._wake.notify_all()
            except self._away:
                self._lost()
            except Exception:
                log.exception("Telling events that were owed failed")

    async def _settle_quietly(self, run_id: str) -> None:
        try:
            await self._settle(run_id)
        except LeaseLost:
            self._behind.pop(run_id, None)  # another worker has the run, and tells the rows

    async def _listen(self) -> None:
        """Wake those who wait for what other workers wrote."""
        while True:
            try:
                async with self._client.pubsub() as news:
                    await news.subscribe(CHANNEL)
                    self._wake.notify_all()  # what came before was not heard
                    while True:
                        message = await news.get_message(ignore_subscribe_messages=True, timeout=5.0)
                        if message is not None:
                            self._wake.notify(message["data"])
            except self._away:
                await asyncio.sleep(MEND_S)
            except Exception:
                log.exception("Listening to other workers failed")
                await asyncio.sleep(MEND_S)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _answer(reply: Awaitable[Any] | Any) -> Any:
    """Wait for a reply; the client's types also allow for one that is there already."""
    return await reply


def _keys(run_id: str) -> list[str]:
    # The braces keep a run's keys on one node of a cluster.
    return [f"vidence:run:{{{run_id}}}:{name}" for name in ("events", "state", "keys")]


def _seq(id_: str) -> int:
    return int(id_.partition("-")[0])
