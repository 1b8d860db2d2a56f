"""How a collection treats images: which encoder finds them, and when their text is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.settings import Settings

ReadText = Literal["auto", "always", "never"]


@dataclass(frozen=True)
class ImageOptions:
    """What `knowledge` needs to know of the settings to index images."""

    encoder: str = "embedded"
    """`embedded` (class scores and class captions), or the folder of a dual encoder."""
    read_text: ReadText = "auto"
    """`auto` reads the text of charts and pages, whose pixels say that they hold some."""
    max_pixels: int = 100_000_000

    @classmethod
    def of(cls, settings: Settings) -> ImageOptions:
        """Take the options from the settings."""
        return cls(settings.image_encoder, settings.image_text, settings.max_image_pixels)
