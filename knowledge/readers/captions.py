"""Captions of images kept apart from them: COCO's JSON, Flickr's tables, JSON lines with `captions`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import VidenceError, invalid_input, not_found
from knowledge.readers.file_types import IMAGES
from knowledge.readers.image import image_pieces
from knowledge.records import FileFailure, SourceDocument

if TYPE_CHECKING:
    from knowledge.readers.table import Table

_IMAGE_COLUMNS = ("image", "image_name", "file_name", "filename", "image_file")
_CAPTION_COLUMNS = ("caption", "captions", "caption_text", "comment", "description")
_LOOKED_THROUGH = 200_000
"""Files looked through for the images that a caption file names."""


@dataclass
class Captioned:
    """An image's file as the caption file names it, with all its captions."""

    image: str
    captions: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    licence: str = ""


def captions_of_rows(table: Table) -> list[Captioned]:
    """Return the images of a table with an image and a caption column, else nothing."""
    names = [name.lower().strip() for name in table.header]
    image = next((names.index(name) for name in _IMAGE_COLUMNS if name in names), None)
    caption = next((names.index(name) for name in _CAPTION_COLUMNS if name in names), None)
    if image is None or caption is None:
        return []
    found: dict[str, Captioned] = {}
    for row in table.rows:
        if len(row.cells) > max(image, caption) and row.cells[image]:
            # Flickr numbers an image's captions: `1000.jpg#0`.
            name = row.cells[image].partition("#")[0]
            found.setdefault(name, Captioned(name)).captions.append(row.cells[caption])
    named = all(Path(name).suffix.lower() in IMAGES for name in found)
    return list(found.values()) if named else []


def captions_of_coco(body: Mapping[str, Any]) -> list[Captioned]:
    """Return the images of COCO's annotation format, which lists images and captions apart."""
    images, annotations = body.get("images"), body.get("annotations")
    if not isinstance(images, list) or not isinstance(annotations, list):
        return []
    licences = {item.get("id"): str(item.get("name", "")) for item in _objects(body.get("licenses"))}
    found: dict[Any, Captioned] = {}
    for item in _objects(images):
        if item.get("file_name"):
            kept = {"image_id": item["id"]} if isinstance(item.get("id"), int | str) else {}
            licence = licences.get(item.get("license"), "")
            found[item.get("id")] = Captioned(str(item["file_name"]), metadata=kept, licence=licence)
    for item in _objects(annotations):
        if item.get("image_id") in found and isinstance(item.get("caption"), str):
            found[item["image_id"]].captions.append(item["caption"].strip())
    return list(found.values())


def _objects(items: Any) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def caption_documents(path: Path, items: Sequence[Captioned]) -> Iterator[SourceDocument | FileFailure]:
    """Yield a document for each image that lies in or under the caption file's folder."""
    places: dict[str, Path] = {}
    for item in items:
        try:
            picture = _find(path, item.image, places)
            data = picture.read_bytes()
        except VidenceError as error:
            yield FileFailure(f"{path}#{item.image}", error.kind, error.message, error.help)
            continue
        text = "\n".join(dict.fromkeys(caption for caption in item.captions if caption))
        digest = hashlib.sha256(data + text.encode("utf-8", "surrogatepass"))
        yield SourceDocument(
            source=f"{path}#{item.image}",
            doc_id=item.image,
            title="",
            sha256=digest.hexdigest(),
            pieces=partial(image_pieces, picture, data, caption=text),
            licence=item.licence,
            metadata=item.metadata,
        )


def _find(path: Path, image: str, places: dict[str, Path]) -> Path:
    """Return an image by its name: as the file says, or by its last part anywhere under the folder."""
    folder = path.parent.resolve()
    picture = (folder / image).resolve()
    if not picture.is_relative_to(folder):
        raise invalid_input(f"The image is outside the file's folder: {image}", help="Move it beside it.")
    if picture.is_file():
        return picture
    if not places:
        for number, file in enumerate(folder.rglob("*")):
            if number > _LOOKED_THROUGH:
                break
            if file.suffix.lower() in IMAGES and not file.is_symlink():
                places.setdefault(file.name, file)
        places.setdefault("", folder)
    found = places.get(Path(image).name)
    if found is None:
        raise not_found(f"No such image: {image}", help="Put the images under the caption file's folder.")
    return found
