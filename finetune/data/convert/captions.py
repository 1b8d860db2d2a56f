"""Captioned images: COCO's JSON, Flickr's tables, JSON lines with `captions`; one row an image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from finetune.data.convert.base import Blob, Converter, Draft, Options, Skip, need, sound, split_of, text_of
from finetune.data.convert.files import Images, existing, find, json_lines, load_json, parquet, table
from knowledge.readers.captions import captions_of_coco

_LAYOUT = (
    "captions_{train,val}2017.json (COCO) with the images; Flickr8k's captions.txt, Flickr8k.token.txt or "
    "Flickr30k's results.csv with Images/; JSON lines {image, caption | captions}; or parquet files"
)
CAPTION_QUESTION = "Describe the image."


def read(source: Path, options: Options) -> Iterator[Draft | Skip]:
    """Yield a draft an image; its first caption is trained on, the others are accepted too."""
    root = existing(source)
    coco = find(root, "captions*.json")
    lists = find(root, "*.jsonl", "*.parquet")
    tables = find(root, "captions*.txt", "*token*.txt", "captions*.csv", "results*.csv")
    need(coco or lists or tables, "captions", _LAYOUT, source)
    images = Images(root, options.images)
    for path in [*coco, *lists, *tables]:
        # A development list of captions is what there is to learn from; only official splits are kept apart.
        official = next((word for word in ("train", "val", "test") if word in path.stem), "")
        split = split_of(official)
        if not options.wants(official, split):
            continue
        for found in _captioned(path):
            if isinstance(found, Skip):
                yield found
                continue
            where, name, captions, licence = found
            image = name if isinstance(name, Blob) else images.get(name)
            if image is None:
                yield Skip(where, "missing image", str(name))
                continue
            answers = tuple(dict.fromkeys(text for text in map(text_of, captions) if text))
            yield Draft(
                where,
                CAPTION_QUESTION,
                answers,
                "caption",
                image,
                split=split,
                official=official,
                licence=licence,
            )


def _captioned(path: Path) -> Iterator[tuple[str, str | Blob, list[Any], str] | Skip]:
    """Yield (place, image name, captions, licence)."""
    if path.suffix == ".json":
        body = load_json(path)
        if isinstance(body, Skip):
            yield body
            return
        good, odd = _sound_coco(body)
        yield from odd
        for item in captions_of_coco(good):
            yield f"{path.name}#{item.image}", item.image, list(item.captions), item.licence
    elif path.suffix in (".jsonl", ".parquet"):
        for found in json_lines(path) if path.suffix == ".jsonl" else parquet(path):
            if isinstance(found, Skip):
                yield found
                continue
            where, row = found
            given = row.get("captions") or row.get("caption") or row.get("sentences") or []
            image = row.get("image") or row.get("file_name") or row.get("filename")
            name = image if isinstance(image, Blob) else text_of(image)
            captions = given if isinstance(given, list) else [given]
            # Hugging Face's COCO has {raw: "..."} a sentence.
            captions = [one.get("raw") if isinstance(one, dict) else one for one in captions]
            yield where, name, captions, text_of(row.get("licence") or row.get("license"))
    else:
        yield from _flickr(path)


def _sound_coco(body: Any) -> tuple[dict[str, Any], list[Skip]]:
    """Return a COCO file without the entries that nothing can refer to, and why each is left out."""
    good: dict[str, list[Any]] = {"images": [], "annotations": [], "licenses": []}
    odd: list[Skip] = []
    if not isinstance(body, dict):
        return good, [Skip("captions", "broken file", "no JSON object")]
    for name, keys in (("images", ("id",)), ("annotations", ("image_id",)), ("licenses", ("id",))):
        for found in sound(body.get(name) or [], name, *keys):
            if isinstance(found, Skip):
                odd.append(found)
            else:
                good[name].append(_by_text(found[1]) if name != "annotations" else found[1])
    return good, odd


def _by_text(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an image or a licence with the licence's number as a text: some files hold odd ones."""
    if "license" in entry:
        return {**entry, "license": text_of(entry["license"])}
    return {**entry, "id": text_of(entry["id"])} if "name" in entry else entry


def _flickr(path: Path) -> Iterator[tuple[str, str | Blob, list[Any], str] | Skip]:
    """Yield the images of a table; Flickr8k's token file has no header and numbers captions (`1.jpg#0`)."""
    found: dict[str, list[Any]] = {}
    if "token" in path.name:
        for line in path.read_text(errors="replace").splitlines():
            name, _, caption = line.partition("\t")
            found.setdefault(name.partition("#")[0], []).append(caption)
    else:
        for one in table(path):
            if isinstance(one, Skip):
                yield one
                continue
            low = {key.lower().strip(): value for key, value in one[1].items()}
            name = text_of(low.get("image") or low.get("image_name")).partition("#")[0]
            if name:
                found.setdefault(name, []).append(low.get("caption") or low.get("comment"))
    for name, captions in found.items():
        yield f"{path.name}#{name}", name, captions, ""


CONVERTER = Converter(
    "captions",
    "Captioned images: COCO, Flickr8k, Flickr30k, JSON lines",
    "as its source says (COCO captions CC-BY-4.0, photos each its own; Flickr: research only)",
    _LAYOUT,
    read,
)
