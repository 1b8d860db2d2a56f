"""The needs of a plan: sub-questions that ask the same thing by several routes are one need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.contracts import SubQuestion
from core.text import squash


@dataclass(frozen=True)
class Need:
    """One thing to answer, with the sub-questions (routes) that worked on it and on what it rests."""

    question: str
    routes: tuple[SubQuestion, ...]
    support: tuple[SubQuestion, ...] = ()


def final_needs(items: Sequence[SubQuestion]) -> list[Need]:
    """Group the plan by question and return the groups that nothing else waits for."""
    groups: dict[str, list[SubQuestion]] = {}
    for item in items:
        if item.tool and item.status in ("done", "failed"):
            groups.setdefault(squash(item.question), []).append(item)
    awaited = {need for item in items for need in item.depends_on}
    by_id = {item.id: item for item in items}
    needs = [
        Need(routes[0].question, tuple(routes), _support(routes, by_id))
        for routes in groups.values()
        if not all(route.id in awaited for route in routes)
    ]
    # When the last hop never ran, what was found before it is still worth an answer.
    return needs or [Need(routes[0].question, tuple(routes)) for routes in groups.values()]


def _support(routes: Sequence[SubQuestion], by_id: dict[str, SubQuestion]) -> tuple[SubQuestion, ...]:
    wanted = [by_id[need] for route in routes for need in route.depends_on if need in by_id]
    return tuple({item.id: item for item in wanted}.values())
