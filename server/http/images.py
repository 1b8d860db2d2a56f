"""Images: upload, and read again by hash."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse
from pydantic import ValidationError

from core.errors import invalid_input
from server.context import ServerContext
from server.http.bodies import ImageSource, ImageView
from server.http.deps import Asks, Context, Reads
from server.http.pictures import keep, stored, unknown_image
from server.http.problem import documented
from server.runs.records import StoredImageRef
from server.storage.image_expiry import expires_at

router = APIRouter(tags=["images"])

Hash = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/ImageSource"}},
            "image/*": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.post(
    "/images", status_code=201, openapi_extra=_BODY, responses=documented(403, 404, 413, 422, 503, 504)
)
async def upload_image(request: Request, context: Context, caller: Asks) -> ImageView:
    """Keep an image: its bytes as the body, or JSON with one of `data_url` and `url`.

    What is kept is an RGB PNG after EXIF rotation, without metadata, under the hash of the file as sent.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if kind == "application/json":
        try:
            source = ImageSource.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise invalid_input(
                f"{where or 'body'}: {first['msg']}", help="Give one of data_url, image_id and url."
            ) from error
        return _view(context, await stored(context, caller.owner, source))
    if not body:
        raise invalid_input(
            "The body is empty", help="Send the image's bytes: curl --data-binary @photo.jpg."
        )
    return _view(context, await keep(context, caller.owner, body, ""))


@router.get(
    "/images/{image_id}",
    response_class=Response,
    responses={200: {"content": {"image/png": {"schema": {}}}}, **documented(404, 422)},
)
async def read_image(image_id: Hash, context: Context, caller: Reads) -> Response:
    """Return the stored PNG: the pixels that every box refers to."""
    await _own(context, caller.owner, image_id)
    await context.files.bring([image_id])
    path = context.images.path(image_id)
    if not await asyncio.to_thread(path.exists):
        raise unknown_image(image_id)
    headers = {"Cache-Control": "private, max-age=86400, immutable", "X-Content-Type-Options": "nosniff"}
    return FileResponse(path, media_type="image/png", headers=headers)


async def _own(context: ServerContext, owner: str, image_id: str) -> StoredImageRef:
    image = await context.owned.get(owner, image_id)
    if image is None:
        raise unknown_image(image_id)
    return image


def _view(context: ServerContext, image: StoredImageRef) -> ImageView:
    until = expires_at(context.settings)
    return ImageView(image_id=image.sha256, width=image.width, height=image.height, expires_at=until)
