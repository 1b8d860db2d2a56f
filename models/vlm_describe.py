"""A sentence about a drawn picture, put together from what the embedded VLM may be asked.

The model was not trained to describe; asked to, it would make something up. It does know kinds of charts,
plain shapes and their colors, so those are asked one by one and told as a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from models.vlm import VlmReply

_PICTURE = r"(?:image|picture|drawing|figure|graphic)"
_DESCRIBE = re.compile(
    rf"\b(?:describe|caption|description of)\b.*\b(?:this|the|attached|an?)\b.*\b{_PICTURE}\b"
    rf"|\bwhat (?:does|do) (?:this|the) (?:attached )?{_PICTURE} (?:show|depict)\b"
    rf"|\bwhat (?:is|can be seen) (?:in|on) (?:this|the) (?:attached )?{_PICTURE}\b",
    re.I,
)
_SHAPES = ("circle", "rectangle", "triangle")
NEEDS = ("chart_type", "shape")
"""The families of questions that a description is made of."""
KIND = "What kind of chart is this?"
COLOUR = "what color is the shape?"


def asks_to_describe(question: str) -> bool:
    """Return whether a question wants a description of a whole picture."""
    return _DESCRIBE.search(question) is not None


async def describe(ask: Callable[[str], Awaitable[VlmReply]]) -> VlmReply:
    """Describe a drawn picture by asking for its kind and, of a plain shape, its color.

    Args:
        ask: Asks the model one of its own questions about the picture.

    Returns:
        The sentence; its confidence is the product of those of its parts.
    """
    kind = await ask(KIND)
    name = kind.answer.strip().lower().removesuffix(".")
    # The model calls a plain shape a chart of that shape; that is how the two are told apart.
    shape = next((one for one in _SHAPES if name.startswith(one)), "")
    if not shape:
        return kind.model_copy(update={"answer": f"{_article(name)} {name}.", "short_answer": name})
    colour = await ask(COLOUR)
    told = f"{colour.answer.strip().lower().removesuffix('.')} {shape}"
    return VlmReply(
        answer=f"{_article(told)} {told}.",
        short_answer=told,
        confidence=round(kind.confidence * colour.confidence, 3),
        tokens_in=kind.tokens_in + colour.tokens_in,
        tokens_out=kind.tokens_out + colour.tokens_out,
    )


def _article(noun: str) -> str:
    return "An" if noun[:1] in "aeiou" else "A"
