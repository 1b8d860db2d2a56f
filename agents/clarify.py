"""What to say when the agent cannot go on: the one question to ask, or what is missing."""

from __future__ import annotations

import re

from agents.planner import PlanView
from core.contracts import InputRequired
from core.errors import ErrorKind

_ABOUT_IMAGE = re.compile(
    r"\b(?:image|picture|photo\w*|scan|film|x-?ray|chart|graph|receipt|invoice|screenshot|see|shown)\b", re.I
)
_COMPARES = re.compile(r"\b(?:compar\w+|differ\w*|changed?|other|previous|earlier|last)\b", re.I)
_WHY: dict[ErrorKind, str] = {
    "unavailable": "not available here",
    "timeout": "too slow to answer",
    "rate_limited": "limiting requests",
    "not_found": "without anything that matches",
    "invalid_input": "not able to use this input",
    "blocked": "not allowed",
    "internal": "failing",
}


def clarifying_question(view: PlanView) -> InputRequired:
    """Return one clear question for what the user left open, with options where there are any."""
    stem = view.question.stem
    if not view.images and _ABOUT_IMAGE.search(stem):
        return InputRequired(
            question="Which image do you mean? None came with the question: ask again with it "
            "(on the command line, --image)."
        )
    if len(view.images) == 1 and _COMPARES.search(stem):
        return InputRequired(
            question="What should the image be compared with? Describe it, or ask again with both images."
        )
    if len(view.images) > 1:
        options = (*(f"Image {number}" for number in range(1, len(view.images) + 1)), "All of them")
        return InputRequired(question="Which image do you mean?", options=options)
    return InputRequired(
        question=f'What does "{stem[:120]}" refer to? Name the thing, document or image that you mean.',
        options=view.collections[:6],
    )


def missing(view: PlanView, *, unknowable: bool = False) -> str:
    """Return why there is no answer and what would be needed for one."""
    if unknowable:
        return (
            "The question asks for something that cannot be known from images, documents or literature, such "
            "as the future, a private fact or someone's thoughts."
        )
    tried = [item for item in view.subquestions if item.tool]
    if not tried:
        return (
            "There is nothing to find the answer in: no image and no collection was given. Ask again with "
            "one (on the command line, --image or --collection)."
        )
    failed = {
        item.tool: _WHY[view.errors[item.id]]
        for item in tried
        if item.id in view.errors and not view.findings.get(item.id)
    }
    empty = sorted({item.tool for item in tried} - set(failed))
    said = [f"{tool} was {why}" for tool, why in sorted(failed.items())]
    if empty:
        said.append(f"{' and '.join(empty)} found nothing")
    return f"No evidence for an answer: {'; '.join(said)}. {_advice(view)}"


def _advice(view: PlanView) -> str:
    if not view.collections:
        return "A collection that covers the question is missing (--collection)."
    return "The collections given do not seem to cover the question."
