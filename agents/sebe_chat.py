"""Re-selection by a multimodal chat model: it sees the question, the images and the numbered passages.

It may only choose among what was retrieved. When it fails, or names nothing, the caller's order stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from agents.prompts import PROMPTS, fence
from core.errors import VidenceError
from core.steps import step

if TYPE_CHECKING:
    from models.chat import ChatModel

_SHOWN_CHARS = 600


class Choice(BaseModel):
    """The model's reply: numbers of the passages that bear on question and image, best first, from 1."""

    keep: list[int] = Field(default_factory=list)


@dataclass(frozen=True)
class Selected:
    """Places (from 0) of the passages, best first, what the call cost, and a step that records a failure."""

    order: list[int]
    usage: Mapping[str, int] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)


async def select(
    chat: ChatModel, question: str, image_urls: Sequence[str], passages: Sequence[str]
) -> Selected:
    """Return the passages in the model's order; those it left out follow as they were.

    Args:
        chat: A model that takes images.
        question: The question.
        image_urls: Its images as data URLs.
        passages: What was retrieved, best first.
    """
    listed = "\n".join(f"{n}. {fence(text[:_SHOWN_CHARS])}" for n, text in enumerate(passages, start=1))
    content: list[dict[str, Any]] = [{"type": "text", "text": f"Question: {question}\n\nPassages:\n{listed}"}]
    content += [{"type": "image_url", "image_url": {"url": url}} for url in image_urls]
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": PROMPTS["sebe.select"].text},
        {"role": "user", "content": content},
    ]
    everything = list(range(len(passages)))
    try:
        reply = await chat.complete(messages, schema=Choice)
    except VidenceError as error:
        failed = step("draft", "reselect", error=error.kind)
        return Selected(everything, {"llm_calls": 1}, [failed])
    usage = {"llm_calls": 1, "tokens_in": reply.tokens_in, "tokens_out": reply.tokens_out}
    named = reply.parsed.keep if isinstance(reply.parsed, Choice) else []
    chosen = list(dict.fromkeys(number - 1 for number in named if 1 <= number <= len(passages)))
    return Selected(chosen + [place for place in everything if place not in chosen], usage)
