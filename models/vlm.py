"""The vision-language model behind one protocol: a served model, or the embedded stand-in."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any, Protocol

from core.contracts import Contract
from core.errors import unavailable
from models.pixels import PixelFacts

CAPABILITIES = (
    "the kind of image (document, chart, photo, scan)",
    "its main colours",
    "whether it is in colour or grayscale",
    "whether it is bright or dark",
    "its size and orientation",
)


class VlmReply(Contract):
    """What a VLM said about images, and how sure it is (0 to 1).

    `measured` is False where a server gave no log-probabilities: the confidence is then a guess.
    """

    answer: str
    short_answer: str
    confidence: float
    measured: bool = True
    tokens_in: int = 0
    tokens_out: int = 0


class Vlm(Protocol):
    """Looks at stored images and answers a question about them."""

    async def look(self, images: list[Path], facts: list[PixelFacts], question: str) -> VlmReply:
        """Answer from the pixels; raises `VidenceError` when it cannot."""
        ...


class StandIn:
    """Answers only what pixel statistics can prove, and says so about everything else."""

    async def look(self, images: list[Path], facts: list[PixelFacts], question: str) -> VlmReply:
        """Answer about the first image, or raise `unavailable` listing what can be asked."""
        reply = answer_from_facts(facts[0], question) if len(facts) == 1 else None
        if reply is None:
            raise unavailable(
                "The embedded stand-in for the VLM cannot answer this",
                help=f"It can tell {'; '.join(CAPABILITIES)}. For anything else set "
                "VIDENCE_VLM=openai:BASE_URL#MODEL to a served vision model.",
                retryable=False,
            )
        return reply


_ABOUT_KIND = re.compile(
    r"\b(?:what|which) (?:kind|type|sort) of (?:image|picture|file|thing|scan)\b"
    r"|\bis (?:this|it|the (?:image|picture)) (?:an? )?"
    r"(?:photo(?:graph)?|document|chart|graph|scan|receipt|page|x-?ray)\b",
    re.I,
)
_ABOUT_GRAY = re.compile(r"\b(?:black[ -]and[ -]white|gr[ae]y-?scale|in colou?r|monochrome)\b", re.I)
_WHOLE = r"(?:this|it|the|its) ?(?:whole |entire )?(?:image|picture|photo|scan|background)?"
_ABOUT_COLOUR = re.compile(
    r"\b(?:main|dominant|most common|prevailing|overall|background) colou?rs?\b"
    rf"|\b(?:what|which) colou?rs? (?:is|are|does|dominates?) {_WHOLE}\s*(?:have|show)?\s*\??$",
    re.I,
)
_ABOUT_LIGHT = re.compile(r"\b(?:bright|dark)(?:er|ness)?\b", re.I)
_ABOUT_SIZE = re.compile(
    r"\b(?:resolution|dimensions?|how (?:many pixels|wide|tall|large|big) (?:is|are|does) (?:this|the) "
    r"(?:image|picture|photo|file|scan))\b|\bpixels? (?:wide|tall|high)\b"
    r"|\bsize of (?:this|the) (?:image|picture|photo)\b",
    re.I,
)
_ABOUT_SHAPE = re.compile(r"\b(?:portrait|landscape|orientation|aspect ratio|square)\b", re.I)


def answer_from_facts(  # noqa: PLR0911 - one return for each thing it can prove
    facts: PixelFacts, question: str
) -> VlmReply | None:
    """Answer a question that pixel statistics can prove, or None."""
    if _ABOUT_SIZE.search(question):
        text = f"{facts.width} x {facts.height} pixels"
        return _reply(f"The image is {text}.", text, 0.99)
    if _ABOUT_SHAPE.search(question):
        ratio = facts.width / facts.height
        shape = "square" if 0.95 < ratio < 1.05 else "landscape" if ratio > 1 else "portrait"
        return _yes_no(question, shape) or _reply(f"The orientation is {shape}.", shape, 0.99)
    if _ABOUT_GRAY.search(question):
        shade = "grayscale" if facts.grayscale else "in colour"
        return _reply(f"The image is {shade}.", shade, 0.95)
    if _ABOUT_COLOUR.search(question) and facts.colours:
        names = [name for name, share in facts.colours if share >= 0.15] or [facts.colours[0][0]]
        shares = ", ".join(f"{name} {share:.0%}" for name, share in facts.colours[:4])
        return _reply(f"The main colours are: {shares}.", " and ".join(names[:2]), 0.7)
    if _ABOUT_KIND.search(question) and facts.kind != "unknown":
        return _reply(f"The image looks like a {facts.kind}.", facts.kind, facts.kind_confidence * 0.8)
    if _ABOUT_LIGHT.search(question) and "image" in question.lower():
        light = "bright" if facts.brightness > 0.6 else "dark" if facts.brightness < 0.35 else "medium"
        return _reply(f"The image is {light} (mean brightness {facts.brightness:.0%}).", light, 0.8)
    return None


def _yes_no(question: str, shape: str) -> VlmReply | None:
    asked = re.findall(r"\b(portrait|landscape|square)\b", question, re.I)
    if len(asked) != 1 or not re.match(r"\s*is\b", question, re.I):
        return None
    short = "yes" if asked[0].lower() == shape else "no"
    return _reply(f"{short.capitalize()}, the orientation is {shape}.", short, 0.99)


def _reply(answer: str, short: str, confidence: float) -> VlmReply:
    return VlmReply(answer=answer, short_answer=short, confidence=round(confidence, 3))


_UNKNOWN = 0.5


class ServedVlm:
    """A vision model behind any OpenAI-compatible server; images travel as data URLs only."""

    def __init__(self, chat: Any, prompt: str) -> None:
        self._chat = chat
        self._prompt = prompt

    async def look(self, images: list[Path], facts: list[PixelFacts], question: str) -> VlmReply:
        """Ask the served model; raises what the chat client raises."""
        import asyncio

        urls = await asyncio.to_thread(lambda: [data_url(path) for path in images])
        # Images first, as models are trained: the order of the parts is the order of the prompt.
        parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        parts.append({"type": "text", "text": question})
        reply = await self._chat.complete(
            [{"role": "system", "content": self._prompt}, {"role": "user", "content": parts}]
        )
        text = reply.text.strip()
        short = re.split(r"(?<=[.!?])\s|\n", text, maxsplit=1)[0].rstrip(".")
        return VlmReply(
            answer=text,
            short_answer=short,
            confidence=_UNKNOWN if reply.confidence is None else round(reply.confidence, 3),
            measured=reply.confidence is not None,
            tokens_in=reply.tokens_in,
            tokens_out=reply.tokens_out,
        )


def data_url(path: Path) -> str:
    """Return a stored PNG as a data URL."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
