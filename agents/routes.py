"""From an action to a tool call, and from a route that brought nothing to the next one worth trying."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

from agents.planner import PlanView
from core.contracts import Action, SubQuestion
from core.text import content_words

SEARCH_K = 8
WIDE_K = 24
"""For a question with images: they are re-selected against the images (`graph/reselection.py`)."""
TABLE_K = 12
"""Rows of a table are indexed apart, so that a question about them needs more of them."""
MAX_IMAGES_A_ROUTE = 4
IMAGE_ACTIONS: tuple[Action, ...] = ("read", "read_chart", "look")
READINGS: tuple[Action, ...] = (*IMAGE_ACTIONS, "compare_images")
_CLASSES = {"document": "page", "chart": "page", "photo": "picture", "scan": "picture"}
_NEXT: dict[Action, tuple[Action, ...]] = {
    "search_pubmed": ("search_text", "read", "look"),
    "search_text": ("search_pubmed", "search_code", "read", "look"),
    "search_code": ("search_text",),
    "search_images": ("search_text",),
    "read_chart": ("read", "look", "search_text"),
    "read": ("look", "search_text"),
    "look": ("read", "search_text"),
    "compare_images": ("read", "look"),
}
_PLACES = {"first": 0, "one": 0, "1": 0, "second": 1, "two": 1, "2": 1, "third": 2, "three": 2, "3": 2,
           "left": 0, "right": 1}  # fmt: skip
_PUBMED = re.compile(r"\bpub ?med\b|\bmedline\b", re.I)
_PLACE = re.compile(
    r"\b(?:the )?(?P<nth>first|second|third|left|right)\b"
    r"|\b(?:image|picture|photo|page|document|scan|chart|number)\s*#?(?P<n>[123]|one|two|three)\b",
    re.I,
)


def seen_as(kind: str) -> str:
    """Return an image's kind as coarsely as plans depend on it: `page`, `picture` or `unknown`.

    A line of text more makes a sparse page look like a chart to pixel statistics, or a chart like a page, and
    a red one makes a radiograph look like a photo. What is planned for a page serves both of them.
    """
    return _CLASSES.get(kind, "unknown")


def came_back(item: SubQuestion, found: Collection[str]) -> bool:
    """Whether a call brought what it can bring: the only thing of a result that further plans depend on.

    A reading did when it ran, however little the image says: an image with a line more must not be handled
    otherwise. A search did when it had a hit at all; which documents exist is no document's doing.

    Args:
        item: A sub-question.
        found: The ids of sub-questions that have findings.
    """
    return item.status == "done" and bool(item.tool) and (item.action in READINGS or item.id in found)


def possible(action: Action, view: PlanView) -> bool:
    """Whether an action is allowed here and has what it works on."""
    if action not in view.profile.allowed_actions:
        return False
    if action in IMAGE_ACTIONS:
        return bool(view.images)
    if action == "compare_images":
        return len(view.images) >= 2
    if action in ("search_text", "search_images", "search_code"):
        return bool(view.collections)
    if action == "search_pubmed":
        return view.profile.name == "medical" or _PUBMED.search(view.question.text) is not None
    return True


def calls(
    action: Action, question: str, view: PlanView, *, query: str = "", k: int = SEARCH_K, pick: str = ""
) -> list[dict[str, Any]]:
    """Return the arguments of the tool calls that carry out an action.

    Args:
        action: A tool's action; its tool has the same name.
        question: The sub-question.
        view: For images and collections. Nothing else in a call comes from outside the question.
        query: Search words, when they differ from the question.
        k: How many hits a search returns.
        pick: Words that may say which image is meant ("the second page").
    """
    asked = query or question
    if action in IMAGE_ACTIONS:
        images = picked_images(pick or question, view.images)
        with_question = {"question": question} if action == "look" else {}
        return [{"image": image, **with_question} for image in images]
    if action == "compare_images":
        return [{"images": list(view.images[:2]), "question": question}]
    if action == "search_pubmed":
        return [{"query": asked, "k": k}]
    if action == "search_images" and view.images:
        return [{"query": asked, "image": view.images[0], "collections": list(view.collections), "k": k}]
    wide = max(k, WIDE_K) if action == "search_text" and view.images else k
    return [{"query": asked, "collections": list(view.collections), "k": wide}]


def picked_images(words: str, images: tuple[str, ...]) -> tuple[str, ...]:
    """Return the image that the words name by its place, or the first few."""
    if len(images) > 1:
        for match in _PLACE.finditer(words):
            place = _PLACES[(match["nth"] or match["n"]).lower()]
            if place < len(images):
                return (images[place],)
    return images[:MAX_IMAGES_A_ROUTE]


def keywords(question: str) -> str:
    """Rephrase a question as its key words, for a second search in other words."""
    return " ".join(dict.fromkeys(content_words(question)))


def next_routes(tried: Iterable[SubQuestion], view: PlanView) -> list[tuple[Action, str]]:
    """Return (action, query) pairs not tried yet for a need whose routes brought nothing, best first."""
    items = list(tried)
    done = {item.action for item in items}
    options: list[tuple[Action, str]] = []
    for item in items:
        if item.action in ("search_text", "search_code", "search_pubmed") and item.status == "done":
            again = keywords(item.question)
            queries = {other.args.get("query", "") for other in items if other.action == item.action}
            if again and again not in queries and len(queries) < 2:
                options.append((item.action, again))
    for item in items:
        for action in _NEXT.get(item.action, ()):
            if action not in done and possible(action, view) and (action, "") not in options:
                options.append((action, ""))
    return options
