"""`GET /v1/models`: the agent, as it picks its profile itself and as one for each profile."""

from __future__ import annotations

import asyncio
import hashlib
from importlib.metadata import version

from fastapi import APIRouter

from core.contracts import ModelRef, ProfileName
from server.http.deps import Context, Reads
from server.openai_api.bodies import ModelCard, ModelFacts, ModelList
from server.openai_api.failures import OpenAiRoute, documented, unknown_model

router = APIRouter(tags=["openai"], route_class=OpenAiRoute)

AGENT = "vidence"
NAMES: dict[str, ProfileName | None] = {
    AGENT: None,
    f"{AGENT}-general": "general",
    f"{AGENT}-medical": "medical",
    f"{AGENT}-inspection": "inspection",
    f"{AGENT}-code": "code",
}


@router.get("/models", responses=documented(401, 403, 503))
async def list_models(context: Context, caller: Reads) -> ModelList:
    """List the models that can be asked."""
    refs = await context.engine.services.models.refs()
    return await asyncio.to_thread(lambda: ModelList(data=[_card(name, refs) for name in NAMES]))


@router.get("/models/{name}", responses=documented(401, 403, 404, 503))
async def read_model(name: str, context: Context, caller: Reads) -> ModelCard:
    """Return one model."""
    profile_of(name)
    refs = await context.engine.services.models.refs()
    return await asyncio.to_thread(_card, name, refs)


def profile_of(name: str) -> ProfileName | None:
    """Return the profile behind a model's name, None where the question decides.

    Raises:
        ParameterRefused: when it is unknown.
    """
    if name not in NAMES:
        raise unknown_model(name, NAMES)
    return NAMES[name]


def _card(name: str, refs: dict[str, ModelRef]) -> ModelCard:
    """Describe a model; blocking: the version is read from the package's metadata."""
    text = ",".join(f"{role}={ref.hash}" for role, ref in sorted(refs.items()))
    facts = ModelFacts(
        version=version("vidence"),
        hash=hashlib.sha256(text.encode()).hexdigest()[:16],
        profile=NAMES[name],
        roles={role: ref.name for role, ref in sorted(refs.items())},
    )
    return ModelCard(id=name, vidence=facts)
