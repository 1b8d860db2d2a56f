"""Fetching by URL: what is private stays unreached, what is too large, slow or odd is a typed error."""

from __future__ import annotations

import asyncio
import gzip
import socket
from typing import Any

import pytest

from core.errors import VidenceError
from core.media import sniff
from core.net import FetchPolicy, fetch, fetch_async, is_public
from tests.support.files_server import Route, files_server

LOCAL = FetchPolicy(allowed_hosts=frozenset({"127.0.0.1"}), max_bytes=10_000, timeout_s=5)


@pytest.mark.parametrize(
    "address",
    "127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 255.255.255.255 "
    "::1 :: fe80::1 fe80::1%eth0 fc00::1 ff02::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 "
    "2002:7f00:1:: 192.0.2.1 2001:db8::1 nonsense".split(),
)
def test_no_private_address_is_public_in_any_form(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"])
def test_public_addresses_are(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "http://localhost/x",
        "http://2130706433/x",
        "http://0x7f.1/x",
        "http://[::1]:80/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:127.0.0.1]/",
    ],
)
def test_private_urls_are_blocked_however_they_are_written(url: str) -> None:
    with pytest.raises(VidenceError) as caught:
        fetch(url, FetchPolicy(timeout_s=5))
    assert caught.value.kind == "blocked"
    assert "VIDENCE_FETCH_ALLOWED_HOSTS" in caught.value.help


def test_a_redirect_to_a_private_address_is_blocked() -> None:
    with files_server(go=Route(status=302, headers={"Location": "http://localhost:1/secret"})) as served:
        with pytest.raises(VidenceError) as caught:
            fetch(f"{served.url}/go", LOCAL)
        assert caught.value.kind == "blocked"


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that answers a public address first and a private one later is never asked twice."""
    asked: list[str] = []

    async def resolve(self: Any, host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        address = "127.0.0.1" if host == "rebind.example" else host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
    monkeypatch.setattr("core.net.is_public", lambda _: True)
    with files_server(x=Route(b"hello")) as served:
        port = served.host.rpartition(":")[2]
        found = fetch(f"http://rebind.example:{port}/x", FetchPolicy(timeout_s=5))
        assert found.body == b"hello"
        # The name was resolved by us once; the connection was made to a plain address.
        assert asked.count("rebind.example") == 1
        assert served.requests[0][2]["host"] == f"rebind.example:{port}"


def test_one_private_address_among_public_ones_blocks_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(self: Any, host: str, port: int, **_: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (item, port))
            for item in ("93.184.216.34", "10.0.0.1")
        ]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
    with pytest.raises(VidenceError) as caught:
        fetch("http://mixed.example/", FetchPolicy())
    assert caught.value.kind == "blocked"


def test_redirects_are_followed_without_cookies_or_credentials() -> None:
    go = Route(status=302, headers={"Location": "/there?q=1#part", "Set-Cookie": "session=1"})
    with files_server(go=go, there=Route(b"%PDF-1.7 x", headers={"Content-Type": "text/plain"})) as served:
        found = fetch(f"{served.url}/go", LOCAL)
        assert found.url == f"{served.url}/there?q=1"
        assert found.media_type == "application/pdf"
        assert len(found.hops) == 2
        for _, _, headers in served.requests:
            assert not {"cookie", "authorization", "referer", "proxy-authorization"} & headers.keys()


def test_endless_redirects_end() -> None:
    with files_server(loop=Route(status=301, headers={"Location": "/loop"})) as served:
        with pytest.raises(VidenceError, match="redirects more than 5 times"):
            fetch(f"{served.url}/loop", LOCAL)
        assert len(served.requests) == 6


@pytest.mark.parametrize("length", [True, False])
def test_a_body_over_the_limit_is_refused_with_and_without_its_length(length: bool) -> None:
    with (
        files_server(big=Route(b"x" * 20_000, length=length)) as served,
        pytest.raises(VidenceError, match="limit of 10,000 bytes"),
    ):
        fetch(f"{served.url}/big", LOCAL)


def test_a_packed_body_is_unpacked_within_the_limit() -> None:
    packed = {"Content-Encoding": "gzip"}
    with files_server(
        good=Route(gzip.compress(b"good " * 100), headers=packed),
        bomb=Route(gzip.compress(b"\0" * 5_000_000), headers=packed),
        broken=Route(b"not gzip", headers=packed),
        odd=Route(b"?", headers={"Content-Encoding": "zstd"}),
    ) as served:
        assert fetch(f"{served.url}/good", LOCAL).body == b"good " * 100
        for name, kind in (("bomb", "invalid_input"), ("broken", "unavailable"), ("odd", "unavailable")):
            with pytest.raises(VidenceError) as caught:
                fetch(f"{served.url}/{name}", LOCAL)
            assert caught.value.kind == kind, name


def test_a_server_that_drips_is_given_up_in_time() -> None:
    policy = FetchPolicy(LOCAL.allowed_hosts, timeout_s=0.3)
    with files_server(slow=Route(b"x" * 1000, drip_s=0.05)) as served, pytest.raises(VidenceError) as caught:
        fetch(f"{served.url}/slow", policy)
    assert caught.value.kind == "timeout"
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, "not_found"),
        (410, "not_found"),
        (401, "invalid_input"),
        (403, "invalid_input"),
        (429, "rate_limited"),
        (500, "unavailable"),
        (418, "invalid_input"),
    ],
)
def test_statuses_are_typed(status: int, kind: str) -> None:
    with files_server(x=Route(status=status)) as served, pytest.raises(VidenceError) as caught:
        fetch(f"{served.url}/x?token=secret", LOCAL)
    assert caught.value.kind == kind
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/x",
        "file:///etc/passwd",
        "http://",
        "nothing",
        "https://u:p@example.org/x",
        "http://a" * 2000,
        "http://exa mple.org:99999/",
    ],
)
def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    with pytest.raises(VidenceError) as caught:
        fetch(url, FetchPolicy(timeout_s=5))
    assert caught.value.kind == "invalid_input"
    assert "u:p" not in caught.value.message


def test_what_is_known_is_not_sent_again() -> None:
    with files_server(
        a=Route(b"one", headers={"ETag": '"v1"'}),
        b=Route(b"two", headers={"Last-Modified": "Sat, 01 Nov 2025 10:00:00 GMT"}),
    ) as served:
        first = fetch(f"{served.url}/a", LOCAL)
        assert (first.etag, first.unchanged) == ('"v1"', False)
        assert fetch(f"{served.url}/a", LOCAL, etag=first.etag).unchanged
        second = fetch(f"{served.url}/b", LOCAL)
        assert fetch(f"{served.url}/b", LOCAL, last_modified=second.last_modified).unchanged


def test_a_closed_port_is_unavailable() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(VidenceError) as caught:
            fetch(f"http://127.0.0.1:{held.getsockname()[1]}/", LOCAL)
    assert caught.value.kind == "unavailable"


async def test_fetching_does_not_block_the_event_loop() -> None:
    with files_server(x=Route(b"hello")) as served:
        assert (await fetch_async(f"{served.url}/x", LOCAL)).body == b"hello"


def test_types_are_told_by_content() -> None:
    assert sniff(b"\x89PNG\r\n\x1a\n") == "image/png"
    assert sniff(b"\0" * 128 + b"DICM") == "application/dicom"
    assert sniff(b"  <!DOCTYPE html><html>") == "text/html"
    assert sniff(b"RIFF\0\0\0\0WEBPVP8 ") == "image/webp"
    assert sniff(b"plain words") == ""
    assert sniff(b"BMW is a car maker") == ""
