"""Files over HTTP and S3: fetched once, kept with their ETag, read like local files, cited by their URL."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from core.errors import invalid_input, not_found
from core.media import SUFFIXES, sniff
from core.net import Fetched, fetch
from knowledge.readers.context import ReadContext
from knowledge.readers.dispatch import FoundFile
from knowledge.readers.file_types import READABLE
from knowledge.records import FileFailure, Piece, SourceDocument

_SECRET = re.compile(
    r"(?:x-amz-|x-goog-)|^(?:sig|signature|token|access_?token|api_?key|key|auth|expires|awsaccesskeyid|se|sp|sv|sr|jwt"
    r"|password|secret)$",
    re.I,
)
_MAX_LISTED = 10_000
Items = Iterator[SourceDocument | FileFailure]


@dataclass(frozen=True)
class LocalCopy:
    """A fetched file as it lies in the cache."""

    path: Path
    url: str
    """The name under which it is cited: without fragment and secret parameters."""
    metadata: dict[str, str]


def list_remote(url: str, context: ReadContext, suffixes: frozenset[str] = READABLE) -> list[str]:
    """Return the URLs to fetch: the URL itself, or the objects under an S3 prefix that ends with `/`."""
    if not url.lower().startswith("s3://"):
        return [url]
    from knowledge.readers.remote_s3 import list_objects

    bucket, key = s3_place(url)
    if key and not key.endswith("/"):
        return [url]
    keys = [item for item in list_objects(bucket, key, context) if Path(item).suffix.lower() in suffixes]
    if not keys:
        raise not_found(
            f"Nothing that can be indexed lies under {url}",
            help="Check the bucket and the prefix, or name one object.",
        )
    if len(keys) > _MAX_LISTED:
        raise invalid_input(
            f"{len(keys):,} objects lie under {url}, over the limit of {_MAX_LISTED:,}",
            help="Add longer prefixes one after the other.",
        )
    return [f"s3://{bucket}/{item}" for item in sorted(keys)]


def read_remote(url: str, context: ReadContext, read: Callable[[FoundFile], Items]) -> Items:
    """Fetch a URL and read it as documents whose sources and locators name the URL."""
    copy = fetch_copy(url, context)
    local = str(copy.path)
    for item in read(FoundFile(copy.path, copy.path.parent, url=copy.url)):
        if isinstance(item, FileFailure):
            yield replace(item, path=item.path.replace(local, copy.url, 1))
            continue
        whole = item.source == local
        yield replace(
            item,
            source=item.source.replace(local, copy.url, 1),
            doc_id=re.sub(r"^\w+://", "", copy.url) if whole else item.doc_id,
            metadata={**item.metadata, **copy.metadata},
            pieces=_at_url(item.pieces, local, copy.url),
        )


def _at_url(pieces: Callable[[], list[Piece]], local: str, url: str) -> Callable[[], list[Piece]]:
    def read() -> list[Piece]:
        found = []
        for piece in pieces():
            place = piece.locator
            if (place.path or "").startswith(local):
                place = place.model_copy(update={"path": (place.path or "").replace(local, url, 1)})
            found.append(replace(piece, locator=place))
        return found

    return read


def fetch_copy(url: str, context: ReadContext) -> LocalCopy:
    """Fetch a URL into the cache; what the server says is unchanged is not sent again.

    Raises:
        VidenceError: What `core.net.fetch` or the S3 client raise; `invalid_input` for an empty file.
    """
    if context.cache is None:
        raise invalid_input("Fetched files need a data folder", help="Use `vidence index add`.")
    name = cited(url)
    folder = context.cache / hashlib.sha256(url.encode()).hexdigest()[:32]
    known = _known(folder)
    if url.lower().startswith("s3://"):
        from knowledge.readers.remote_s3 import get_object

        got = get_object(*s3_place(url), context, etag=known.get("etag", ""))
    else:
        got = fetch(
            url,
            context.policy,
            etag=known.get("etag", ""),
            last_modified=known.get("last_modified", ""),
        )
    note = known if got.unchanged else _keep(folder, url, got)
    metadata = {key: note[key] for key in ("etag", "last_modified", "media_type") if note.get(key)}
    return LocalCopy(folder / note["name"], name, {"url": name, **metadata})


def _known(folder: Path) -> dict[str, str]:
    try:
        note = json.loads((folder / "note.json").read_text())
        data = (folder / note["name"]).read_bytes()
    except (OSError, ValueError, KeyError):
        return {}
    # A copy that was damaged is fetched again.
    return note if hashlib.sha256(data).hexdigest() == note.get("sha256") else {}


def _keep(folder: Path, url: str, got: Fetched) -> dict[str, str]:
    if not got.body:
        raise invalid_input("The file is empty (0 bytes)", help="Leave it out.")
    note = {
        "name": _file_name(url, got),
        "etag": got.etag,
        "last_modified": got.last_modified,
        "media_type": got.media_type,
        "sha256": hashlib.sha256(got.body).hexdigest(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / note["name"], got.body)
    # The note comes last: without it the copy does not count.
    _write(folder / "note.json", json.dumps(note).encode())
    return note


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{os.getpid()}.{path.name[-60:]}.tmp")
    partial.write_bytes(data)
    partial.replace(path)


def _file_name(url: str, got: Fetched) -> str:
    """Return a safe file name with the suffix of what the content is."""
    last = unquote(urlsplit(url).path if "://" in url else url).rstrip("/").rpartition("/")[2]
    stem, suffix = Path(last or "index").stem, Path(last).suffix.lower()
    sniffed = SUFFIXES.get(sniff(got.body), "")
    if sniffed:
        suffix = sniffed
    elif suffix not in READABLE:
        declared = got.media_type
        suffix = (
            ".json" if declared.endswith("json") and "nd" not in declared else SUFFIXES.get(declared, ".txt")
        )
    safe = re.sub(r"[^\w.-]+", "_", stem).strip("._")[:80] or "file"
    return f"{safe}{suffix}"


def cited(url: str) -> str:
    """Return a URL as it is stored and cited: no fragment, no parameters that are keys or signatures."""
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query, True) if not _SECRET.search(name)]
    if parts.scheme.lower() == "s3":
        return url
    return urlunsplit((parts.scheme.lower(), parts.netloc, parts.path, urlencode(query), ""))


def s3_place(url: str) -> tuple[str, str]:
    """Return the bucket and key of `s3://bucket/key`.

    Raises:
        VidenceError: `invalid_input` without a bucket.
    """
    bucket, _, key = url[len("s3://") :].partition("/")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
        raise invalid_input(f"Not a bucket's name: `{bucket}`", help="Use s3://BUCKET/KEY.")
    return bucket, key
