"""The embedded planner: a router for the first move, rules for every later one.

The idea of re-planning on what came back follows OmniSearch (Li et al. 2024, section 3), as a state machine.
It sees which calls came back (`agents.routes.came_back`), never what they brought.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from agents.answer.direct import direct_answer
from agents.answer.found_images import asks_for_images
from agents.clarify import clarifying_question, missing
from agents.cues import votes
from agents.decompose import Part, decompose
from agents.planner import PlanDecision, PlanView
from agents.router import Route, RouteContext, Router
from agents.routes import (
    IMAGE_ACTIONS,
    SEARCH_K,
    TABLE_K,
    calls,
    came_back,
    keywords,
    next_routes,
    possible,
    seen_as,
)
from core.contracts import Action, SubQuestion
from core.text import squash
from models.vlm_scope import family_of

if TYPE_CHECKING:
    from models.embeddings import Embedder

_NO_TOOL: tuple[Action, ...] = ("answer", "decompose", "ask_user", "abstain")
_PARALLEL = 3
"""Routes tried side by side when the router is unsure; more would spend the budget on guesses."""
_SURE_ABSTAIN = 0.6
_SURE_ANSWER = 4.0
"""Cue votes of a greeting or of plain arithmetic; below, what is at hand may still know the answer."""
_BESIDE: dict[str, tuple[Action, ...]] = {"page": ("read", "read_chart"), "picture": ("look", "read")}
"""What always runs for a kind of image: whether a page holds a chart is for its reader to say, and whether a
picture is for the embedded VLM is for that."""


class RulesPlanner:
    """Plans in code. Deterministic; with an embedder the router reads meaning, without it patterns."""

    name: ClassVar[str] = "rules"

    def __init__(self, embedder: Callable[[], Embedder] | None = None) -> None:
        self._embeds = embedder is not None
        self._router = Router(embedder)

    async def plan(self, view: PlanView) -> PlanDecision:
        """Return the next decision for this view."""
        if view.subquestions:
            return self._replan(view)
        if self._embeds:
            # The model loads and runs in a thread: a node must not block the event loop.
            return await asyncio.to_thread(self._first, view)
        return self._first(view)

    def _first(self, view: PlanView) -> PlanDecision:
        question, context = _asked(view), _context(view)
        route = self._router.route(question, context)
        actions = _tool_actions(route, view)
        if direct_answer(view.question.text)[1] or (
            route.action == "answer" and (not actions or votes(question)["answer"] >= _SURE_ANSWER)
        ):
            item = SubQuestion(id="q1", question=question, action="answer", status="done", round=view.round)
            return PlanDecision("draft", (item,))
        settled = bool(view.question.options or view.replies)
        if route.action == "ask_user" and not settled and view.rounds_left > 0:
            return PlanDecision("ask", ask=clarifying_question(view))
        # A route that scores low for want of sources is not a question that nobody can answer.
        unknowable = votes(question)["abstain"] > 0 or bool(actions)
        sure = route.scores["abstain"] >= _SURE_ABSTAIN and unknowable and not settled
        if not actions or sure:
            return PlanDecision("abstain", abstain_reason=missing(view, unknowable=sure))
        parts = self._parts(view, question, route)
        items = self._of_parts(parts, view) if parts else self._of_routes(question, actions, view)
        return PlanDecision("act", tuple(items[: max(1, view.tool_calls_left)]))

    def _parts(self, view: PlanView, question: str, route: Route) -> list[Part]:
        if view.question.options or "decompose" not in view.profile.allowed_actions:
            return []
        if view.images and route.action not in ("decompose", "search_text"):
            # A tool reads the whole image at once, so comparing its parts needs no second call.
            separate = decompose(question) if question.count("?") < 3 and " and " in question else []
            charted = bool(view.images) and route.scores["read_chart"] > route.scores["read"]
            return [] if charted or any(part.depends_on for part in separate) else separate
        return decompose(question)

    def _of_parts(self, parts: list[Part], view: PlanView) -> list[SubQuestion]:
        items: list[SubQuestion] = []
        context = _context(view)
        for part in parts:
            actions = _tool_actions(self._router.route(part.question, context), view)
            action = actions[0]
            args = calls(action, part.question, view)[0]
            items.append(_item(part.id, part.question, action, args, view, part.depends_on))
        return items

    def _of_routes(self, question: str, actions: list[Action], view: PlanView) -> list[SubQuestion]:
        needed = self._router.modalities(view.question.stem)
        k = TABLE_K if "table" in needed else SEARCH_K
        holds_images = any("image" in kinds for kinds in view.collection_kinds.values())
        if "image" in needed and holds_images and "search_images" not in actions:
            actions = [*actions, "search_images"]
        reply = view.replies[-1][1] if view.replies else ""
        items: list[SubQuestion] = []
        for action in actions:
            for args in calls(action, question, view, k=k, pick=f"{reply} {question}"):
                items.append(_item(f"q{len(items) + 1}", question, action, args, view))
        return [*items, *_looks_at_found(question, items, view)]

    def _replan(self, view: PlanView) -> PlanDecision:
        by_id = {item.id: item for item in view.subquestions}
        back = any(came_back(item, view.findings) for item in view.subquestions)
        changed = self._retries(view) if view.rounds_left > 0 or not back else []
        moved = {old: new.id for old, new in changed}
        waiting = [
            _unblocked(item, view, by_id, moved) for item in view.subquestions if item.status == "pending"
        ]
        fresh = [new for _, new in changed][: max(0, view.tool_calls_left)]
        if (fresh or any(item.tool for item in waiting)) and view.tool_calls_left > 0:
            return PlanDecision("act", (*fresh, *waiting))
        if back or not view.subquestions[0].tool:
            return PlanDecision("draft")
        return PlanDecision("abstain", abstain_reason=missing(view))

    def _retries(self, view: PlanView) -> list[tuple[str, SubQuestion]]:
        """Return (sub-question that brought nothing, its next route) pairs; repeats never come back."""
        found: list[tuple[str, SubQuestion]] = []
        number = max(int(item.id[1:]) for item in view.subquestions if item.id[1:].isdigit())
        for group in _needs(view.subquestions):
            if any(item.status in ("pending", "running") for item in group):
                continue
            if any(came_back(item, view.findings) for item in group):
                continue
            for action, query in _untried(group, view)[:1]:
                for args in calls(action, group[0].question, view, query=query):
                    number += 1
                    item = _item(f"q{number}", group[0].question, action, args, view, group[0].depends_on)
                    found.append((group[0].id, item))
        return found


def _looks_at_found(question: str, items: list[SubQuestion], view: PlanView) -> list[SubQuestion]:
    """Return a look at the best image of a search, when the question is about what it shows."""
    found = [item for item in items if item.action == "search_images"]
    allowed = "look" in view.profile.allowed_actions
    if not found or view.images or not allowed or asks_for_images(question) or votes(question)["look"] <= 0:
        return []
    args: dict[str, object] = {"image": f"{{{found[0].id}}}", "question": question}
    return [_item(f"q{len(items) + 1}", question, "look", args, view, (found[0].id,))]


def _untried(group: list[SubQuestion], view: PlanView) -> list[tuple[Action, str]]:
    if group[0].tool:
        return next_routes(group, view)
    # A direct answer was promised and none came: whatever is at hand may know.
    order: tuple[Action, ...] = ("read", "search_text", "search_pubmed", "search_code", "look")
    return [(action, "") for action in order if possible(action, view)]


def _tool_actions(route: Route, view: PlanView) -> list[Action]:
    """Return the routes to run side by side, best first."""
    usable = [action for action in route.scores if action not in _NO_TOOL and possible(action, view)]
    if not usable:
        return []
    best = usable[0]
    close = [action for action in usable if route.scores[action] >= 0.5 * route.scores[best]]
    # A second opinion on what runs beside the best route: each such call costs and seldom decides.
    close = [action for action in close if action == best or not view.tools or action in view.tools]
    kinds = {seen_as(view.image_kinds.get(image, "")) for image in view.images}
    if best in IMAGE_ACTIONS:
        beside = [action for kind in sorted(kinds) for action in _BESIDE.get(kind, ())]
        if view.sees and kinds <= {"picture"}:
            beside.remove("read")
        if kinds & {"unknown"} or not view.image_kinds:
            # Nobody knows what the image is: its text is cheap to read and carries its own evidence.
            beside.append("read")
        if view.sees or family_of(view.question.stem):
            # Asked at once: whether reading was enough is nothing that a plan may depend on.
            beside.append("look")
        close += [action for action in beside if action not in close and possible(action, view)]
    if "read_chart" in close and kinds <= {"picture"} and best != "read_chart":
        close.remove("read_chart")
    return close[:_PARALLEL]


def _asked(view: PlanView) -> str:
    """Return the question without its options, with the user's reply behind it."""
    said = [reply for _, reply in view.replies]
    return " ".join([view.question.stem, *said]) if said else view.question.stem


def _context(view: PlanView) -> RouteContext:
    kinds = tuple(seen_as(view.image_kinds.get(image, "")) for image in view.images)
    return RouteContext(len(view.images), kinds, view.collections, view.profile.name)


def _item(
    id_: str,
    question: str,
    action: Action,
    args: dict[str, object],
    view: PlanView,
    depends_on: tuple[str, ...] = (),
) -> SubQuestion:
    return SubQuestion(
        id=id_,
        question=question,
        depends_on=depends_on,
        action=action,
        tool=action,
        round=view.round,
        args=args,
    )


def _needs(items: Iterable[SubQuestion]) -> list[list[SubQuestion]]:
    groups: dict[str, list[SubQuestion]] = {}
    for item in items:
        if item.status != "skipped":
            groups.setdefault(squash(item.question), []).append(item)
    return list(groups.values())


def _unblocked(
    item: SubQuestion, view: PlanView, by_id: dict[str, SubQuestion], moved: dict[str, str]
) -> SubQuestion:
    """Point a waiting sub-question at the retry of what it waits for, or let it go on without."""
    for need in item.depends_on:
        old = by_id.get(need)
        if need in moved:
            item = _renamed(item, need, moved[need])
        elif old is not None and old.status in ("done", "failed") and need not in view.answers:
            if old.action == "search_images" and item.action == "look":
                return item.model_copy(update={"status": "skipped"})
            # No answer to put in: the earlier question's own words are the best clue to what is meant.
            item = _reworded(item, need, keywords(old.question))
    return item


def _renamed(item: SubQuestion, old: str, new: str) -> SubQuestion:
    needs = tuple(new if need == old else need for need in item.depends_on)
    return _reworded(item, old, f"{{{new}}}").model_copy(update={"depends_on": needs})


def _reworded(item: SubQuestion, need: str, words: str) -> SubQuestion:
    mark = f"{{{need}}}"
    args = {
        name: value.replace(mark, words) if isinstance(value, str) else value
        for name, value in item.args.items()
    }
    return item.model_copy(update={"question": item.question.replace(mark, words), "args": args})
