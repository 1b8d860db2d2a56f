"""Images of requests, on their way into the store: from a data URL, a public address, or by hash."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Sequence

from core.errors import VidenceError, invalid_input, not_found
from core.images import StoredImage
from core.media import sniff
from core.net import FetchPolicy, fetch_async
from core.settings import Settings
from server.context import ServerContext
from server.http.bodies import ImageSource
from server.runs.records import StoredImageRef

_LONGEST_HEAD = 200
"""Characters before the bytes of a data URL; looking for its end in megabytes would take gigabytes."""
_DATA_URL = re.compile(r"data:(?P<type>[\w.+/-]*)(?:;[\w.+-]+=[\w.+-]+)*;base64,", re.ASCII)


async def stored(context: ServerContext, owner: str, source: ImageSource) -> StoredImageRef:
    """Keep a request's image and let its owner see it.

    Raises:
        VidenceError: `invalid_input` for what is no image, `not_found` for a hash that the owner never sent,
            `blocked` for an address that is not public, or what fetching raises.
    """
    if source.image_id is not None:
        known = await context.owned.use(owner, source.image_id)
        if known is None:
            raise unknown_image(source.image_id)
        await context.files.bring([known.sha256])
        return known
    if source.url is not None:
        fetched = await fetch_async(source.url, policy(context.settings))
        return await keep(context, owner, fetched.body, fetched.url.partition("?")[0])
    assert source.data_url is not None
    return await keep(context, owner, await asyncio.to_thread(decode_data_url, source.data_url), "")


async def stored_all(
    context: ServerContext, owner: str, sources: Sequence[ImageSource]
) -> tuple[StoredImageRef, ...]:
    """Keep a request's images side by side; one too many is kept too, for the run to refuse by name."""
    wanted = sources[: context.settings.max_images + 1]
    return tuple(await asyncio.gather(*(stored(context, owner, image) for image in wanted)))


async def keep(context: ServerContext, owner: str, data: bytes, source: str) -> StoredImageRef:
    """Check, normalise and keep an image, told by its bytes and not by what it calls itself."""

    def add() -> StoredImage:
        kind = sniff(data)
        if kind and not kind.startswith("image/"):
            raise invalid_input(f"Not an image but {kind}", help="Send a PNG, JPEG, GIF, BMP, TIFF or WEBP.")
        stored = context.images.add_bytes(data, source=source or "the request's image")
        name = source or f"image:{stored.sha256[:12]}"
        return StoredImage(stored.sha256, stored.width, stored.height, name)

    kept = await context.owned.add(owner, await asyncio.to_thread(add))
    if not await asyncio.to_thread(context.images.path(kept.sha256).exists):
        await asyncio.to_thread(add)  # its last owner's expired in between
    await context.files.keep(kept.sha256)
    return kept


def unknown_image(image_id: str) -> VidenceError:
    """Return the error of an image that is not the caller's, or no longer: all sound the same."""
    return not_found(
        f"No image `{image_id[:12]}…`",
        help="Upload it, also again: POST /v1/images. Images that nobody used for a while expire.",
    )


def decode_data_url(url: str) -> bytes:
    """Return the bytes of a base64 data URL; raises `invalid_input`."""
    head = _DATA_URL.match(url, 0, _LONGEST_HEAD)
    if head is None:
        raise invalid_input("Not a base64 data URL", help="Send `data:image/png;base64,` and the bytes.")
    try:
        return base64.b64decode(url[head.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid_input(f"The data URL is not base64: {error}", help="Encode the file again.") from error


def policy(settings: Settings) -> FetchPolicy:
    """Return what fetching for a request may do."""
    return FetchPolicy(
        allowed_hosts=frozenset(settings.fetch_allowed_hosts),
        max_bytes=min(settings.fetch_max_bytes, settings.max_image_bytes),
        timeout_s=settings.fetch_timeout_s,
    )
