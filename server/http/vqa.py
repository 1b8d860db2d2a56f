"""Questions about images as one request: `/vqa`, and `/inspect` for scans."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, StringConstraints, ValidationError
from starlette.datastructures import FormData, UploadFile

from core.contracts import ProfileName, RunResult
from core.errors import VidenceError, invalid_input
from server.context import ServerContext
from server.http.asking import answer
from server.http.bodies import MAX_IMAGES, MAX_TEXT, Body, ImageSource, ThreadId
from server.http.deps import Asks, Context
from server.http.pictures import keep
from server.http.problem import documented
from server.runs.records import RunSpec

router = APIRouter(tags=["vqa"])

SCAN_QUESTION = "Are there prohibited items in this scan?"
FORM = "multipart/form-data"


class VqaRequest(Body):
    """A question about images."""

    question: str = Field(min_length=1, max_length=MAX_TEXT)
    images: list[ImageSource] = Field(default_factory=list, max_length=MAX_IMAGES)
    use_rag: bool = Field(False, description="Search collections too: the named ones, or else all there are.")
    collections: list[Annotated[str, StringConstraints(min_length=1, max_length=200)]] = Field(
        default_factory=list, max_length=32
    )
    profile: ProfileName | None = None
    thread_id: ThreadId | None = None
    cache: bool = Field(True, description="False answers anew, and keeps nothing.")


_FORM_SCHEMA = {
    "type": "object",
    "required": ["question"],
    "properties": {
        "question": {"type": "string"},
        "image": {"type": "array", "items": {"type": "string", "format": "binary"}},
        "use_rag": {"type": "boolean"},
        "collections": {"type": "array", "items": {"type": "string"}},
        "profile": {"type": "string"},
        "cache": {"type": "boolean"},
    },
}
_JSON_SCHEMA = VqaRequest.model_json_schema(ref_template="#/components/schemas/{model}")
_JSON_SCHEMA.pop("$defs")  # other routes bring them among the components
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _JSON_SCHEMA},
            FORM: {"schema": _FORM_SCHEMA},
        },
    }
}


@router.post(
    "/vqa",
    openapi_extra=_BODY,
    response_model_exclude_none=True,
    responses=documented(404, 409, 413, 422, 500, 503, 504),
)
async def vqa(request: Request, context: Context, caller: Asks) -> RunResult:
    """Answer a question about images and return all of the result: JSON, or a form with files."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORM:
        body = await _of_form(request, context, caller.owner)
    else:
        body = _parsed(await request.body())
    collections = tuple(body.collections)
    if body.use_rag and not collections:
        collections = tuple(await _all_collections(context))
    spec = RunSpec(
        question=body.question,
        profile=body.profile,
        collections=collections if body.use_rag else (),
        cache=body.cache,
    )
    return await answer(context, caller, request, spec, images=body.images, thread_id=body.thread_id or "")


async def _of_form(request: Request, context: ServerContext, owner: str) -> VqaRequest:
    async with request.form(max_files=MAX_IMAGES, max_fields=64) as form:
        fields: dict[str, Any] = {
            name: form[name]
            for name in ("question", "use_rag", "profile", "thread_id", "cache")
            if name in form
        }
        fields["collections"] = form.getlist("collections")
        images = []
        for part in _files(form):
            kept = await keep(context, owner, await part.read(), part.filename or "")
            images.append({"image_id": kept.sha256})
        try:
            # A form has texts only: `true` is a truth value there.
            return VqaRequest.model_validate({**fields, "images": images}, strict=False)
        except ValidationError as error:
            raise _invalid(error) from None


def _files(form: FormData) -> list[UploadFile]:
    parts = [*form.getlist("image"), *form.getlist("images")]
    if any(not isinstance(part, UploadFile) for part in parts):
        raise invalid_input("`image` is not a file", help="With curl: -F image=@photo.jpg.")
    return [part for part in parts if isinstance(part, UploadFile)]


def _parsed(body: bytes) -> VqaRequest:
    try:
        return VqaRequest.model_validate_json(body)
    except ValidationError as error:
        raise _invalid(error) from None


def _invalid(error: ValidationError) -> VidenceError:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return invalid_input(f"{where or 'body'}: {first['msg']}", help="See the schema in /openapi.json.")


async def _all_collections(context: ServerContext) -> list[str]:
    return await asyncio.to_thread(context.engine.services.collections.names)


class InspectRequest(Body):
    """A scan of baggage or goods, and what its owner declared."""

    scan_id: str = Field(min_length=1, max_length=200)
    image_base64: str = Field(min_length=1, description="The image's bytes in base64, or a data URL.")
    declared_items: list[Annotated[str, StringConstraints(max_length=200)]] = Field(
        default_factory=list, max_length=200
    )


class InspectReply(BaseModel):
    """The verdict on a scan. One that could not be examined is never `clear`."""

    scan_id: str
    detected_items: list[str]
    risk_level: Literal["none", "low", "medium", "high", "critical"]
    action: Literal["clear", "manual_inspection", "alert"]
    reasoning: str
    match_declaration: bool | None = Field(description="None where nothing was declared, or nothing seen.")
    processing_time_ms: float
    run_id: str


@router.post("/inspect", responses=documented(409, 413, 422, 500, 503, 504))
async def inspect(body: InspectRequest, request: Request, context: Context, caller: Asks) -> InspectReply:
    """Look for prohibited items in a scan, and compare what is found with what was declared."""
    began = time.monotonic()
    encoded = body.image_base64
    image = ImageSource(data_url=encoded if encoded.startswith("data:") else f"data:;base64,{encoded}")
    # A verdict on a scan is made anew: who reads it takes it for a look at this scan.
    spec = RunSpec(
        question=SCAN_QUESTION, profile="inspection", declared=tuple(body.declared_items), cache=False
    )
    result = await answer(context, caller, request, spec, images=[image])
    verdict = result.inspection
    if verdict is None:
        raise VidenceError(
            "internal", "The inspection came to no verdict", help=f"Have a person look; run {result.run_id}."
        )
    return InspectReply(
        scan_id=body.scan_id,
        detected_items=list(verdict.detected_items),
        risk_level=verdict.risk_level,
        action=verdict.action,
        reasoning=verdict.reasoning,
        match_declaration=verdict.match_declaration,
        processing_time_ms=round((time.monotonic() - began) * 1000, 1),
        run_id=result.run_id,
    )
