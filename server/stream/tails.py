"""The newest events of busy runs in memory, so that those who follow them read no database."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence

from server.stream.events import LAST, Event
from server.stream.log import Page

TAIL = 128
"""Events of a run kept in memory."""
TAILS = 512
"""Runs whose tail is kept; the least recently written goes first."""


class Tails:
    """Events that this process wrote, newest last, at most `bound` a run."""

    def __init__(self, bound: int) -> None:
        self._bound = min(TAIL, bound)
        self._tails: OrderedDict[str, deque[Event]] = OrderedDict()

    def add(self, run_id: str, events: Sequence[Event]) -> None:
        """Keep events that were committed."""
        if not events:
            return
        tail = self._tails.setdefault(run_id, deque(maxlen=self._bound))
        if tail and tail[-1].seq + 1 != events[0].seq:
            tail.clear()  # another worker wrote in between
        tail.extend(events)
        self._tails.move_to_end(run_id)
        if events[-1].type == "input.required":
            # The lease is given up: whoever answers may be continued by another worker.
            del self._tails[run_id]
        while len(self._tails) > TAILS:
            self._tails.popitem(last=False)

    def page(self, run_id: str, after: int, limit: int) -> Page | None:
        """Return the events after a number, or None when memory does not have them all."""
        tail = self._tails.get(run_id)
        if not tail or not tail[0].seq <= after + 1 <= tail[-1].seq:
            return None
        events = tuple(event for event in tail if event.seq > after)[:limit]
        last = tail[-1]
        return Page(events, tail[0].seq, last.seq, last.type == LAST)

    def drop(self, run_id: str) -> None:
        """Forget a run."""
        self._tails.pop(run_id, None)
