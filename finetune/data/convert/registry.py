"""All converters by name. A new one is a file beside this one and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import not_found
from finetune.data.convert import (
    captions,
    chartqa,
    easy_vqa,
    grounding,
    path_vqa,
    slake,
    squad,
    sroie,
    stcray,
    vqa_rad,
    vqa_v2,
    xray_baggage,
)
from finetune.data.convert.base import Converter

_MODULES = (
    vqa_v2,
    vqa_rad,
    slake,
    path_vqa,
    stcray,
    xray_baggage,
    chartqa,
    sroie,
    easy_vqa,
    squad,
    captions,
    grounding,
)
CONVERTERS: Mapping[str, Converter] = {module.CONVERTER.name: module.CONVERTER for module in _MODULES}


def converter(name: str) -> Converter:
    """Return a converter; raises `not_found` with the names there are."""
    found = CONVERTERS.get(name.replace("-", "_").lower())
    if found is None:
        raise not_found(f"No converter is called `{name}`", help=f"There are {', '.join(CONVERTERS)}.")
    return found
