"""What readers may use beyond a file's bytes: the image store, OCR, the network, other readers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core.net import FetchPolicy

if TYPE_CHECKING:
    from core.images import ImageStore
    from core.settings import Settings
    from knowledge.images.written import ImageText


@dataclass(frozen=True)
class S3Options:
    """Where buckets are and how they are read; without a key, anonymously."""

    endpoint: str = ""
    region: str = "us-east-1"
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)


@dataclass(frozen=True)
class ReadContext:
    """What readers work with. The default reads local files and keeps no images of its own."""

    images: ImageStore | None = None
    """Keeps images that are no files: figures of a PDF, DICOM frames, fetched images."""
    page_text: ImageText | None = None
    """Reads scanned pages."""
    policy: FetchPolicy = field(default_factory=FetchPolicy)
    s3: S3Options = S3Options()
    cache: Path | None = None
    """Where fetched files are kept, with what is needed to ask whether they changed."""
    file_readers: Mapping[str, str] = field(default_factory=dict)
    """Suffix to llama-index reader (`package.module:Class`)."""

    @classmethod
    def of(cls, settings: Settings) -> ReadContext:
        """Build what the settings describe; nothing is opened before it is used."""
        from core.images import ImageStore
        from knowledge.images.written import ImageText

        return cls(
            images=ImageStore.of(settings),
            page_text=None
            if settings.image_text == "never"
            else ImageText(settings.root / "cache", "always"),
            policy=FetchPolicy(
                frozenset(host.strip().lower() for host in settings.fetch_allowed_hosts),
                settings.fetch_max_bytes,
                settings.fetch_timeout_s,
            ),
            s3=S3Options(
                settings.s3_endpoint,
                settings.s3_region,
                settings.s3_access_key_id,
                settings.s3_secret_access_key,
            ),
            cache=settings.root / "cache" / "fetched",
            file_readers={suffix.lower(): name for suffix, name in settings.file_readers.items()},
        )
