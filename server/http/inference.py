"""The models themselves: vectors of texts and images, and what a served model generates."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints, model_validator

from agents.answer_filter import kept_back
from agents.safety import unsafe_request
from core.contracts import Blocked
from core.errors import VidenceError, unavailable
from server.http.bodies import MAX_TEXT, Body, ImageSource
from server.http.deps import Asks, Context, Searches
from server.http.pictures import stored_all
from server.http.problem import documented

router = APIRouter(prefix="/inference", tags=["inference"])


class EmbeddingRequest(Body):
    """Texts or images to turn into vectors; both lie in the space of the text embedder."""

    input: list[Annotated[str, StringConstraints(min_length=1, max_length=20_000)]] = Field(
        default_factory=list, max_length=256
    )
    images: list[ImageSource] = Field(default_factory=list, max_length=16)

    @model_validator(mode="after")
    def _one_kind(self) -> EmbeddingRequest:
        if bool(self.input) == bool(self.images):
            raise ValueError("give input or images")
        return self


class EmbeddingReply(BaseModel):
    """One unit vector an input, in order."""

    model: str
    hash: str
    dim: int
    embeddings: list[list[float]]


class GenerateRequest(Body):
    """A prompt to a served model."""

    prompt: str = Field(min_length=1, max_length=MAX_TEXT)
    role: Literal["planner", "answerer", "judge"] = "answerer"


class GenerateReply(BaseModel):
    """What a model said: unchecked, without evidence."""

    text: str
    model: str
    tokens_in: int
    tokens_out: int


@router.post("/embeddings", responses=documented(404, 413, 422, 503))
async def embeddings(body: EmbeddingRequest, context: Context, caller: Searches) -> EmbeddingReply:
    """Turn texts, or what images show, into vectors of one space."""
    services = context.engine.services
    images = await stored_all(context, caller.owner, body.images)

    def work() -> EmbeddingReply:
        embedder = services.models.embedder()
        if body.input:
            vectors = [vector.tolist() for vector in embedder.embed(body.input)]
        else:
            vectors = [
                services.collections.image_meaning(services.images.open(image.sha256)).tolist()
                for image in images
            ]
        return EmbeddingReply(model=embedder.name, hash=embedder.hash, dim=embedder.dim, embeddings=vectors)

    return await asyncio.to_thread(work)


@router.post("/generate", responses=documented(413, 422, 500, 503, 504))
async def generate(body: GenerateRequest, context: Context, caller: Asks) -> GenerateReply:
    """Ask a served model directly; 503 names the setting where a role has none, 403 a filter that refused."""
    chat = context.engine.services.models.chat(body.role)
    if chat is None:
        raise unavailable(
            f"The role {body.role} has no served model",
            help=f"Set VIDENCE_{body.role.upper()}=openai:BASE_URL#MODEL.",
            retryable=False,
        )
    settings = context.settings
    level, embedder = settings.filter_requests, context.engine.services.models.embedder
    _allow(await asyncio.to_thread(unsafe_request, body.prompt, level, embedder))
    reply = await chat.complete([{"role": "user", "content": body.prompt}])
    _allow(await asyncio.to_thread(kept_back, reply.text, settings))
    return GenerateReply(
        text=reply.text, model=chat.name, tokens_in=reply.tokens_in, tokens_out=reply.tokens_out
    )


def _allow(blocked: Blocked | None) -> None:
    """Raise `blocked` (403) with the reason's kind."""
    if blocked is not None:
        raise VidenceError("blocked", f"{blocked.message} ({blocked.kind})", help=blocked.help)
