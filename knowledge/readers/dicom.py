"""DICOM images: pixels as a picture, and of the header only what cannot name a person.

De-identification is by a list of what is kept, not of what goes: every element of the Basic Application Level
Confidentiality Profile (DICOM PS3.15, table E.1-1), every private element, every sequence and every element
that the standard may add is gone because it is not on the list. Descriptions are free text, so that only
words of a radiological vocabulary are kept of them (the profile's option to clean descriptors). Nothing but
the rendered pixels and these words is stored; the file itself stays where it is.
"""

from __future__ import annotations

import hashlib
import io
import logging
import re
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.contracts import Locator
from core.errors import VidenceError, invalid_input, unavailable
from knowledge.readers.context import ReadContext
from knowledge.readers.dicom_words import (
    BURNED_IN_LIKELY,
    CODES,
    DESCRIPTIONS,
    IDENTITY,
    MODALITIES,
    VOCABULARY,
)
from knowledge.records import Piece, SourceDocument

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAX_FRAME_BYTES = 400_000_000


def dicom_document(path: Path, data: bytes, doc_id: str, context: ReadContext) -> SourceDocument:
    """Return a DICOM file as a document of one image.

    Raises:
        VidenceError: `invalid_input` for what is no DICOM image; `blocked` when the file's path
            holds the patient's name or number; `unavailable` without pydicom.
    """
    header = _header(data)
    kept = _kept(header)
    _check_path(str(path), header)
    return SourceDocument(
        source=str(path),
        doc_id=doc_id,
        title=" ".join(str(kept[key]) for key in ("modality", "body_part") if key in kept),
        sha256=hashlib.sha256(data).hexdigest(),
        pieces=partial(_pieces, path, data, context),
        metadata=kept,
    )


def _pieces(path: Path, data: bytes, context: ReadContext) -> list[Piece]:
    from PIL import Image

    if context.images is None:
        raise unavailable("DICOM needs an image store", help="Use `vidence index add`.", retryable=False)
    header = _header(data, pixels=True)
    kept = _kept(header)
    body = io.BytesIO()
    Image.fromarray(render(header)).save(body, format="PNG")
    png = body.getvalue()
    context.images.add_bytes(png, source=path.name)
    locator = Locator(path=str(path), sha256=hashlib.sha256(png).hexdigest())
    return [Piece(text=describe(kept), kind="image", locator=locator)]


def describe(kept: dict[str, Any]) -> str:
    """Return the words that the image is found by."""
    modality = str(kept.get("modality", ""))
    parts = [
        modality,
        MODALITIES.get(modality, ""),
        str(kept.get("body_part", "")).lower(),
        f"view {kept['view']}" if "view" in kept else "",
        {"L": "left", "R": "right"}.get(str(kept.get("laterality", "")), ""),
        str(kept.get("description", "")),
        f"first of {kept['frames']} frames" if "frames" in kept else "",
    ]
    return ", ".join(part for part in parts if part) or "medical image"


def _header(data: bytes, *, pixels: bool = False) -> Any:
    try:
        import pydicom
    except ImportError as error:
        raise unavailable(
            "Reading DICOM needs pydicom", help="Run `pip install 'vidence[rag]'`.", retryable=False
        ) from error
    _quiet()
    try:
        with warnings.catch_warnings():
            # pydicom warns, with values, of each element that breaks its rules; those may name a person.
            warnings.simplefilter("ignore")
            header = pydicom.dcmread(io.BytesIO(data), force=data[128:132] != b"DICM")
            if not pixels and "PixelData" not in header:
                raise invalid_input(
                    "The DICOM file holds no image (a report, a plan, a waveform or a directory)",
                    help="Leave it out.",
                )
            return header
    except VidenceError:
        raise
    except Exception as error:  # noqa: BLE001  a broken file can raise anything
        # The message of a parser can quote the header: it is not passed on.
        raise invalid_input(
            f"The DICOM file is broken or cut short ({type(error).__name__})", help="Export it again."
        ) from None


def _quiet() -> None:
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)


def _kept(header: Any) -> dict[str, Any]:
    """Return what may be stored of a header: codes, cleaned descriptions, sizes, and the burned-in flag."""
    kept: dict[str, Any] = {}
    for keyword, name in CODES.items():
        value = _text(header, keyword)
        if re.fullmatch(r"[A-Z0-9_]{1,16}", value) and not _identifies(value, header):
            kept.setdefault(name, value)
    said = [
        word for keyword in DESCRIPTIONS for word in re.findall(r"[a-z0-9]+", _text(header, keyword).lower())
    ]
    words = [word for word in said if word in VOCABULARY and not _identifies(word, header)]
    if words:
        kept["description"] = " ".join(dict.fromkeys(words))
    for keyword, name in (("Rows", "height"), ("Columns", "width")):
        if _text(header, keyword).isdigit():
            kept[name] = int(_text(header, keyword))
    frames = _text(header, "NumberOfFrames")
    if frames.isdigit() and int(frames) > 1:
        kept["frames"] = int(frames)
    kept["burned_in_annotation"] = _burned_in(header)
    return kept


def _burned_in(header: Any) -> str:
    """Return whether text may be drawn into the pixels: as the header says, else by the kind of image."""
    said = _text(header, "BurnedInAnnotation").upper()
    if said in {"YES", "NO"}:
        return said.lower()
    likely = _text(header, "Modality") in BURNED_IN_LIKELY or bool(_text(header, "ConversionType"))
    return "likely" if likely else "unknown"


def _identifies(word: str, header: Any) -> bool:
    """Whether a word is a part of the patient's name or numbers: a code field can be misused for them."""
    return any(word.lower() == part for part in _identity(header))


def _identity(header: Any) -> set[str]:
    said = " ".join(_text(header, keyword) for keyword in IDENTITY)
    return {part for part in re.findall(r"\w+", said.lower().replace("_", " ")) if len(part) >= 2}


def _check_path(path: str, header: Any) -> None:
    in_name = set(re.findall(r"[^\W_]+", path.lower()))
    # A part of one or two letters, and a small number, stand in many names by chance.
    telling = {part for part in _identity(header) if len(part) >= (5 if part.isdigit() else 4)}
    if in_name & telling - VOCABULARY:
        raise VidenceError(
            "blocked",
            "The file's path holds the patient's name or number, which would be stored",
            help="Rename the file or its folders, then add it again.",
        )


def _text(header: Any, keyword: str) -> str:
    try:
        with warnings.catch_warnings():
            # Elements are parsed when they are asked for, and the warnings quote them.
            warnings.simplefilter("ignore")
            value = header.get(keyword)
    except Exception:  # noqa: BLE001  a broken element is as good as none
        return ""
    return "" if value is None else str(value).strip()


def render(header: Any) -> NDArray[np.uint8]:
    """Return the first frame as an 8-bit image: rescaled, windowed as the header says, light on dark.

    The VOI LUT or the first window of PS3.3 C.11.2 is applied; without one the grey values between their
    0.5th and 99.5th percentile are spread over the whole range. Shape (height, width) or (height, width, 3).

    Raises:
        VidenceError: `invalid_input` for pixels that cannot be decoded.
    """
    import numpy as np
    from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut

    try:
        if int(header.Rows) * int(header.Columns) * 4 > _MAX_FRAME_BYTES:
            raise invalid_input("The DICOM image is too large to decode", help="Scale it down.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pixels = _first_frame(header)
            if pixels.ndim == 3:
                return _to_bytes(pixels)
            if _text(header, "PhotometricInterpretation") == "PALETTE COLOR":
                return _to_bytes(apply_color_lut(pixels, header)[..., :3])
            grey = apply_modality_lut(pixels, header)
            windowed = "WindowCenter" in header or "VOILUTSequence" in header
            grey = np.asarray(apply_voi_lut(grey, header, index=0) if windowed else grey, dtype=np.float64)
            flat = float(np.ptp(grey)) if grey.size else 0.0
            low, high = (grey.min(), grey.max()) if windowed else np.percentile(grey, (0.5, 99.5))
            if high <= low:
                low, high = float(grey.min()), float(grey.min()) + max(flat, 1.0)
            grey = np.clip((grey - low) / (high - low), 0.0, 1.0)
    except VidenceError:
        raise
    except Exception as error:  # noqa: BLE001  each decoder has errors of its own
        raise invalid_input(
            f"The pixels of the DICOM file cannot be decoded ({type(error).__name__})",
            help="Convert it to an uncompressed transfer syntax first (for example with `gdcmconv --raw`).",
        ) from None
    if _text(header, "PhotometricInterpretation") == "MONOCHROME1":
        grey = 1.0 - grey
    return np.asarray(np.round(grey * 255), dtype=np.uint8)


def _first_frame(header: Any) -> NDArray[Any]:
    from pydicom.pixels.utils import pixel_array

    # pydicom turns YBR into RGB on the way.
    pixels: NDArray[Any] = pixel_array(header, index=0)
    return pixels


def _to_bytes(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    import numpy as np

    if pixels.dtype == np.uint8:
        return pixels
    top = float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind in "ui" else float(pixels.max() or 1)
    return np.asarray(np.clip(pixels / top * 255, 0, 255), dtype=np.uint8)
