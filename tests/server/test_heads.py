"""The head of a request is bounded in size and in time, before anybody knows who sends it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn

import server.security.heads as heads
from server.security.heads import HEAD_BYTES, protocol
from tests.support.live_server import until

pytest.importorskip("httptools")
START = b"POST / HTTP/1.1\r\nHost: here\r\n"


async def echo(scope: dict[str, object], receive: object, send: object) -> None:
    """Answer with the size of the body."""
    size, more = 0, True
    while more:
        message = await receive()  # type: ignore[operator]
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    text = str(size).encode()
    length = [(b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": text})  # type: ignore[operator]


@pytest.fixture
def port() -> Iterator[int]:
    config = uvicorn.Config(echo, port=0, log_level="critical", http=protocol(), lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def told(port: int, pieces: list[bytes]) -> bytes:
    """Send pieces until the server closes, and return all that it said."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            while part := connection.recv(65_536):
                said += part
        except ConnectionError:
            pass
    return said


LARGE = {
    "a header": [START + b"X: ", *[b"a" * 100_000] * 20],
    "many headers": [START, *[b"X-A: b\r\n" * 10_000] * 20],
    "an address": [b"GET /", *[b"a" * 100_000] * 20],
    "a header, slowly": [START + b"X: ", *[b"a" * 1_000] * 200],
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_head_is_refused_before_it_is_whole(port: int, name: str) -> None:
    said = told(port, LARGE[name])
    assert said.startswith(b"HTTP/1.1 431 ") or not said  # the answer is lost when we still send
    assert b"200 OK" not in said


@pytest.mark.parametrize("extra", [b"1;" + b"a" * 4 * HEAD_BYTES, b"0\r\nX: " + b"a" * 4 * HEAD_BYTES])
def test_what_comes_beside_a_body_is_bounded_too(port: int, extra: bytes) -> None:
    chunked = START + b"Transfer-Encoding: chunked\r\n\r\n"
    assert b"200 OK" not in told(port, [chunked, extra, extra, b"\r\n\r\n"])


def test_requests_of_one_connection_are_each_answered(port: int) -> None:
    """A large body in tiny chunks, a plain one after it, and a head of a usual size."""
    tiny = START + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 100_000 + b"0\r\n\r\n"
    plain = START + b"Content-Length: 3\r\n\r\nabc"
    last = START + b"X: " + b"a" * 8_000 + b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    said = told(port, [tiny, plain, last])
    assert said.count(b"200 OK") == 3
    assert b"\r\n\r\n100000HTTP" in said


def test_a_head_that_does_not_come_is_not_waited_for(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "HEAD_PATIENCE_S", 0.2)
    assert told(port, []).startswith(b"HTTP/1.1 408 ")
    assert told(port, [START]).startswith(b"HTTP/1.1 408 ")


def test_the_next_head_of_a_connection_is_not_waited_for_either(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "HEAD_PATIENCE_S", 0.2)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(START + b"Content-Length: 0\r\n\r\n")
        assert b"200 OK" in connection.recv(65_536)
        connection.sendall(START)
        said = b""
        while part := connection.recv(65_536):
            said += part
    assert b"HTTP/1.1 408 " in said
