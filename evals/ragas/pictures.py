"""Images for a judge: checked, scaled, and as data URLs. Texts that RAGAS would open are made plain texts."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from pathlib import Path

from core.errors import invalid_input, not_found
from core.images import ImageStore
from core.settings import Settings

MAX_SIDE = 1280
"""Images are scaled down to this many pixels a side: enough to read a page, small enough for most servers."""
OpenImage = Callable[[str], str]
"""Returns the data URL of an image that a sample names."""


def image_opener(folders: Sequence[Path], settings: Settings) -> OpenImage:
    """Return what reads images, from these folders only: a run file from elsewhere names no other file."""
    roots = [folder.expanduser().resolve() for folder in folders]
    store = ImageStore(
        Path("unused"), max_bytes=settings.max_image_bytes, max_pixels=settings.max_image_pixels
    )

    def opened(name: str) -> str:
        for root in roots:
            path = (root / name).resolve()
            if path.is_relative_to(root) and path.is_file():
                if path.stat().st_size > settings.max_image_bytes:
                    raise invalid_input(f"{name} is over {settings.max_image_bytes:,} bytes")
                return data_url(store, path)
        raise not_found(f"There is no image {name}", help="Give the folder of the public sets: --data DIR.")

    return opened


def data_url(store: ImageStore, path: Path) -> str:
    """Return an image as a data URL, at most `MAX_SIDE` pixels a side. Blocking.

    Raises:
        VidenceError: `invalid_input` when it is no image or too large.
    """
    from PIL import Image

    picture = Image.fromarray(store.decode(path.read_bytes(), path.name))
    picture.thumbnail((MAX_SIDE, MAX_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def harmless(text: str) -> str:
    """Return a retrieved text that RAGAS takes for a text.

    Its multimodal metrics open every context that is an address, a path or a data URL: a document could make
    the judge's process fetch from inside the network, or send a file of the machine to the judge.
    """
    return f"Text: {text}"
