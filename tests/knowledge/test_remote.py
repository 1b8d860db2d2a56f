"""Files over HTTP and S3: read like local ones, cited by URL, sent once, typed errors, no secrets kept."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from PIL import Image

from core.errors import VidenceError
from core.images import ImageStore
from core.net import FetchPolicy
from knowledge.collections import Collections
from knowledge.readers.context import ReadContext, S3Options
from knowledge.readers.remote import cited, list_remote
from tests.support.files_server import FilesServer, Route, files_server
from tests.support.hash_embedder import HashEmbedder
from tests.support.pdf import make_pdf


@pytest.fixture
def served() -> Iterator[FilesServer]:
    with files_server() as running:
        yield running


@pytest.fixture
def context(tmp_path: Path, served: FilesServer) -> ReadContext:
    return ReadContext(
        images=ImageStore(tmp_path / "images", max_bytes=10**7, max_pixels=10**7),
        policy=FetchPolicy(frozenset({"127.0.0.1"}), max_bytes=1_000_000, timeout_s=10),
        s3=S3Options(endpoint=served.url),
        cache=tmp_path / "fetched",
    )


@pytest.fixture
def collections(tmp_path: Path, context: ReadContext) -> Iterator[Collections]:
    opened = Collections(tmp_path / "collections", HashEmbedder, reading=context)
    yield opened
    opened.close()


def test_a_fetched_file_is_read_by_its_content_and_cited_by_its_url(
    collections: Collections, served: FilesServer
) -> None:
    pdf = make_pdf("The pressure of the pump is 1.5 bar")
    served.routes["/docs/manual"] = Route(pdf, headers={"Content-Type": "application/octet-stream"})
    served.routes["/page"] = Route(
        b"<!doctype html><title>Roses</title><h1>Water</h1><p>Water roses in the morning.</p>",
        headers={"Content-Type": "text/html"},
    )
    report = collections.add("web", [f"{served.url}/docs/manual", f"{served.url}/page#top"])
    assert (report.added, report.failed) == (2, ())
    hit = collections.search("web", "pump pressure", 1)[0]
    assert hit.source == hit.locator.path == f"{served.url}/docs/manual"
    assert hit.doc_id == f"{served.host}/docs/manual"
    assert (hit.locator.page, hit.metadata["url"]) == (1, f"{served.url}/docs/manual")
    assert collections.search("web", "water roses", 1)[0].locator.path == f"{served.url}/page"


def test_adding_again_changes_nothing_and_what_changed_replaces(
    collections: Collections, served: FilesServer
) -> None:
    url = f"{served.url}/a.txt"
    served.routes["/a.txt"] = Route(b"Tomatoes need sun.", headers={"ETag": '"1"'})
    served.routes["/b.txt"] = Route(b"Roses need water.")
    assert collections.add("web", [url, f"{served.url}/b.txt"]).added == 2
    again = collections.add("web", [url, f"{served.url}/b.txt"])
    assert (again.unchanged, again.replaced) == (2, 0)
    assert [headers.get("if-none-match") for _, path, headers in served.requests if path == "/a.txt"] == [
        None,
        '"1"',
    ]
    served.routes["/a.txt"] = Route(b"Tomatoes need shade.", headers={"ETag": '"2"'})
    assert collections.add("web", [url]).replaced == 1
    assert "shade" in collections.search("web", "tomatoes", 1)[0].text


def test_a_damaged_copy_is_fetched_again(
    collections: Collections, served: FilesServer, context: ReadContext
) -> None:
    served.routes["/a.txt"] = Route(b"Tomatoes need sun.", headers={"ETag": '"1"'})
    collections.add("web", [f"{served.url}/a.txt"])
    assert context.cache is not None
    [copy] = context.cache.glob("*/a.txt")
    copy.write_bytes(b"damaged")
    assert collections.add("web", [f"{served.url}/a.txt"]).unchanged == 1


def test_bad_urls_are_typed_failures_and_the_rest_is_added(
    collections: Collections, served: FilesServer
) -> None:
    served.routes["/good.txt"] = Route(b"Roses need water.")
    served.routes["/huge.txt"] = Route(b"x" * 2_000_000)
    served.routes["/empty.txt"] = Route(b"")
    served.routes["/down.txt"] = Route(status=503)
    served.routes["/go"] = Route(status=302, headers={"Location": "http://localhost:1/private"})
    names = ("good.txt", "huge.txt", "empty.txt", "down.txt", "missing.txt", "go")
    report = collections.add("web", [f"{served.url}/{name}" for name in names] + ["http://10.0.0.1/x"])
    assert report.added == 1
    assert {item.path.rpartition("/")[2]: item.kind for item in report.failed} == {
        "huge.txt": "invalid_input",
        "empty.txt": "invalid_input",
        "down.txt": "unavailable",
        "missing.txt": "not_found",
        "go": "blocked",
        "x": "blocked",
    }


def test_records_behind_a_url_keep_their_ids(collections: Collections, served: FilesServer) -> None:
    lines = [json.dumps({"id": "a", "text": "Zinc shortens colds."}), "{broken"]
    served.routes["/facts.jsonl"] = Route("\n".join(lines).encode())
    report = collections.add("web", [f"{served.url}/facts.jsonl"])
    assert [item.path for item in report.failed] == [f"{served.url}/facts.jsonl:2"]
    [hit] = collections.search("web", "zinc", 1)
    assert (hit.doc_id, hit.source) == ("a", f"{served.url}/facts.jsonl#a")
    assert hit.locator.path == f"{served.url}/facts.jsonl"


def test_a_fetched_image_is_kept_by_hash(
    collections: Collections, served: FilesServer, context: ReadContext
) -> None:
    body = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(body, format="PNG")
    served.routes["/red_square"] = Route(body.getvalue(), headers={"Content-Type": "image/png"})
    collections.add("web", [f"{served.url}/red_square"])
    [hit] = collections.search("web", "red square", 1)
    assert hit.kind == "image"
    assert hit.locator.path == f"{served.url}/red_square"
    assert context.images is not None
    assert context.images.open(str(hit.locator.sha256)).shape == (20, 30, 3)


def test_keys_and_signatures_in_a_url_are_used_but_not_stored(
    collections: Collections, served: FilesServer, tmp_path: Path
) -> None:
    served.routes["/a.txt"] = Route(b"Tomatoes need sun.")
    url = f"{served.url}/a.txt?page=2&X-Amz-Signature=sekrit1&token=sekrit2#part"
    assert cited(url) == f"{served.url}/a.txt?page=2"
    collections.add("web", [url])
    assert "sekrit1" in served.requests[0][1]
    collections.close()
    for file in tmp_path.rglob("*"):
        assert not (file.is_file() and b"sekrit" in file.read_bytes()), file


def test_without_a_data_folder_nothing_is_fetched(tmp_path: Path, served: FilesServer) -> None:
    collections = Collections(tmp_path / "c", HashEmbedder)
    with pytest.raises(VidenceError, match="data folder"):
        collections.add("web", [f"{served.url}/a.txt"])
    collections.close()


def s3_routes(served: FilesServer, objects: dict[str, bytes], *, bucket: str = "papers") -> None:
    """Make the server answer as S3 does, path style: objects with ETags, and ListObjectsV2."""
    for key, body in objects.items():
        served.routes[f"/{bucket}/{key}"] = Route(
            body,
            headers={"ETag": f'"{abs(hash(body))}"', "Last-Modified": "Sat, 01 Nov 2025 10:00:00 GMT"},
        )

    def listed(path: str) -> Route:
        prefix = unquote(parse_qs(urlsplit(path).query).get("prefix", [""])[0])
        held = [key for key in sorted(objects) if key.startswith(prefix)]
        contents = "".join(
            f"<Contents><Key>{key}</Key><LastModified>2025-11-01T10:00:00.000Z</LastModified>"
            f"<ETag>&quot;1&quot;</ETag><Size>{len(objects[key])}</Size></Contents>"
            for key in held
        )
        body = (
            '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{bucket}</Name><Prefix>{prefix}</Prefix><KeyCount>{len(held)}</KeyCount>"
            f"<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
        )
        return Route(body.encode(), headers={"Content-Type": "application/xml"})

    served.routes[f"/{bucket}"] = listed
    served.routes[f"/{bucket}/"] = listed


def test_an_object_of_a_bucket_is_read_anonymously_and_not_sent_again(
    collections: Collections, served: FilesServer
) -> None:
    s3_routes(served, {"2025/pump.md": b"# Pump\n\nKeep it at 1.5 bar.\n"})
    assert collections.add("s3", ["s3://papers/2025/pump.md"]).added == 1
    hit = collections.search("s3", "pump bar", 1)[0]
    assert hit.source == hit.locator.path == "s3://papers/2025/pump.md"
    assert all("authorization" not in headers for _, _, headers in served.requests)
    assert collections.add("s3", ["s3://papers/2025/pump.md"]).unchanged == 1
    assert served.requests[-1][2]["if-none-match"]


def test_a_prefix_lists_what_can_be_indexed(collections: Collections, served: FilesServer) -> None:
    s3_routes(
        served, {"a/x.md": b"# Roses\n\nWater.", "a/y.bin": b"\0\1", "a/b/z.txt": b"Sun.", "c.md": b"C"}
    )
    report = collections.add("s3", ["s3://papers/a/"])
    assert report.added == 2
    with pytest.raises(VidenceError, match="Nothing that can be indexed"):
        collections.add("s3", ["s3://papers/empty/"])


def test_requests_are_signed_when_the_settings_hold_a_key(
    tmp_path: Path, served: FilesServer, context: ReadContext
) -> None:
    s3_routes(served, {"a.txt": b"Sun."})
    signed = ReadContext(
        policy=context.policy,
        cache=context.cache,
        s3=S3Options(served.url, "eu-west-1", "AKIAEXAMPLE", "very-secret"),
    )
    collections = Collections(tmp_path / "signed", HashEmbedder, reading=signed)
    assert collections.add("s3", ["s3://papers/a.txt"]).added == 1
    sent = served.requests[0][2]["authorization"]
    assert sent.startswith("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/")
    assert "eu-west-1" in sent
    assert "very-secret" not in repr(signed)
    collections.close()


def test_s3_errors_are_typed(collections: Collections, served: FilesServer, context: ReadContext) -> None:
    s3_routes(served, {"ok.txt": b"Sun.", "huge.txt": b"x" * 2_000_000})
    served.routes["/papers/secret.txt"] = Route(b"<Error><Code>AccessDenied</Code></Error>", status=403)
    report = collections.add(
        "s3", [f"s3://papers/{name}.txt" for name in ("ok", "huge", "secret", "missing")]
    )
    assert report.added == 1
    assert {item.path.rpartition("/")[2]: item.kind for item in report.failed} == {
        "huge.txt": "invalid_input",
        "secret.txt": "invalid_input",
        "missing.txt": "not_found",
    }
    with pytest.raises(VidenceError, match="bucket"):
        list_remote("s3://Not_A_Bucket!/", context)
