"""No request makes the server connect to what only it can reach, whichever the route and however written."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from PIL import Image

import core.net
from core.settings import Settings
from server.app import create_app
from server.security.access import mentions
from tests.support.live_server import live

PUBLIC = "93.184.216.34"
NAMES: dict[str, list[list[str]]] = {
    "public.example": [[PUBLIC]],
    "inside.example": [["10.0.0.1"]],
    "mixed.example": [[PUBLIC, "10.0.0.1"]],
    "six.example": [["2606:4700::1111", "fd00::1"]],
    "rebind.example": [[PUBLIC], ["127.0.0.1"]],
    "xn--bcher-kva.example": [["192.168.7.7"]],
    "localhost": [["127.0.0.1"]],
    "localhost.": [["127.0.0.1"]],
    "nothing.example": [[]],
}
"""What names resolve to: one list a call, the last one from then on."""
BLOCKED, WRONG = (403, "blocked"), (422, "invalid_input")
LOOPBACK = (
    "http://127.0.0.1:{port}/ http://localhost:{port}/ http://localhost.:{port}/ HTTP://LOCALHOST:{port}/ "
    "http://127.1:{port}/ http://2130706433:{port}/ http://0x7f000001:{port}/ http://0x7f.1:{port}/ "
    "http://017700000001:{port}/ http://0:{port}/ http://127。0。0。1:{port}/ http://[::1]:{port}/ "
    "http://[::]:{port}/ http://[::ffff:127.0.0.1]:{port}/ http://[::ffff:7f00:1]:{port}/ "
    "http://[0:0:0:0:0:ffff:7f00:1]:{port}/ http://[::127.0.0.1]:{port}/ http://[::ffff:0:127.0.0.1]:{port}/ "
    "http://[64:ff9b::7f00:1]:{port}/ http://[64:ff9b:1::7f00:1]:{port}/ http://[2002:7f00:1::]:{port}/ "
    "http://127.0.0.1:{port}/#@public.example/ http://public.example@127.0.0.1:{port}/"
).split()
"""Forms of this machine; each names the port of the listener that counts."""
CASES: dict[str, tuple[int, str]] = {
    **{f"http://{host}/x.png": BLOCKED for host in (
        "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "192.0.2.1", "198.18.0.1",
        "0.0.0.0", "224.0.0.1", "240.0.0.1", "255.255.255.255", "169.254.0.7", "167772161", "0xa000001",
        "[fe80::1]", "[fc00::1]", "[fd12:3456::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[100::1]",
        "[3fff::1]", "[5f00::1]", "[2001:0:a00:1::]",
        # Cloud metadata: AWS, GCP and Azure; Alibaba; Oracle; Azure's wire server; AWS over IPv6.
        "169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "[fd00:ec2::254]",
        "[::ffff:169.254.169.254]", "[2002:a9fe:a9fe::]", "2852039166",
        "inside.example", "mixed.example", "six.example", "bücher.example", "xn--bcher-kva.example",
        "nothing.example",
        # Names that lead inwards, also where nothing here resolves them; numbers that are no plain address.
        "foo.localhost", "a.b.localhost.", "localhost.localdomain", "localhost6", "ip6-loopback", "metadata",
        "metadata.google.internal", "metadata.google.internal.", "host.docker.internal", "_gateway", "-",
        "kubernetes.default.svc", "db.cluster.local", "router.lan", "x.home.arpa", "localhost。",
        "127.0.0.1.", "1.1.1", "16843009", "4294967296", "2130706433.0",
        "[2606:4700::5efe:127.0.0.1]", "[2606:4700::200:5efe:10.0.0.1]", "[::ffff:0:0]", "[4000::1]",
    )},
    **{f"http://{PUBLIC}:{port}/": BLOCKED for port in (1, 22, 23, 25, 110, 445, 2375, 3306, 6379, 11211)},
    "http://public.example:6667/": BLOCKED,
    "https://169.254.169.254/latest/meta-data/": BLOCKED,
    "http://127.0.0.1\\@public.example/": WRONG,
    "http://user:pass@public.example/": WRONG,
    "http://0177.0.0.1/": WRONG,
    "http://①②⑦.⓪.⓪.①/": WRONG,
    "http://ⓛocalhost/": WRONG,
    "http://[fe80::1%25lo]/": WRONG,
    "http://127.0.0.1%00.public.example/": WRONG,
    "http://127.0.0.1%2f.public.example/": WRONG,
    "http://pub\tlic.example/": WRONG,
    "http://public.example\r\nX-A: b/": WRONG,
    f"http://{PUBLIC}:0/": WRONG,
    f"http://{PUBLIC}:65536/": WRONG,
    "http:127.0.0.1": WRONG,
    **{f"http://{host}/": WRONG for host in (
        ".", "..", "127.0.0.1..", "a..example", f"{'a' * 64}.example", "127.0.0.1%20", "127%2e0%2e0%2e1",
        "１２７.0.0.1", "loc\u00adalhost", "l\u200bocalhost", "[::1%25lo]", "[127.0.0.1]", "[v1.x]",
        "xn--", "xn--a.example", "\ud7ff.example",
    )},
    "//127.0.0.1/": WRONG,
    "http://": WRONG,
    "": WRONG,
    **{f"{scheme}public.example/x": WRONG for scheme in (
        "ftp://", "gopher://", "dict://", "ldap://", "sftp://", "tftp://", "ws://", "jar:http://",
    )},
    "file:///etc/passwd": WRONG,
    "data:text/html,<b>": WRONG,
}  # fmt: skip
REDIRECTS: dict[str, tuple[int, str]] = {
    "http://127.0.0.1:{port}/": BLOCKED,
    "//127.0.0.1:{port}/": BLOCKED,
    "http://[::1]:{port}/": BLOCKED,
    "http://inside.example/": BLOCKED,
    "http://169.254.169.254/latest/meta-data/": BLOCKED,
    f"http://{PUBLIC}:25/": BLOCKED,
    "file:///etc/passwd": WRONG,
    "http://xn--/": WRONG,
    "http://u:p@public.example/": WRONG,
    "/go?to=/go": WRONG,  # goes round and round
}
FETCHING: dict[str, Callable[[str], Any]] = {
    "/v1/chat": lambda url: {"question": "a", "images": [{"url": url}]},
    "/v1/runs": lambda url: {"question": "a", "images": [{"url": url}]},
    "/v1/images": lambda url: {"url": url},
    "/v1/vqa": lambda url: {"question": "a", "images": [{"url": url}]},
    "/v1/rag/query": lambda url: {"question": "a", "collections": ["c"], "images": [{"url": url}]},
    "/v1/vision/analyze": lambda url: {"image": {"url": url}},
    "/v1/vision/compare": lambda url: {"first": {"url": url}, "second": {"url": url}},
    "/v1/vision/chart-data": lambda url: {"image": {"url": url}},
    "/v1/vision/ocr": lambda url: {"image": {"url": url}},
    "/v1/vision/rag": lambda url: {"image": {"url": url}, "collections": ["c"]},
    "/v1/inference/embeddings": lambda url: {"images": [{"url": url}]},
    "/v1/chat/completions": lambda url: {
        "model": "vidence",
        "messages": [{"role": "user", "content": [
            {"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": url}},
        ]}],
    },
}  # fmt: skip
"""Every route that takes the address of an image, and its body. A test fails when one is missing."""


@dataclass
class Net:
    """The server, what connected to this machine's listener, and what was sent to a public address."""

    client: httpx.Client
    port: int
    connected: list[Any] = field(default_factory=list)
    sent: list[tuple[str, str]] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)

    def ask(self, path: str, url: str) -> tuple[int, str]:
        """Send a request with an address; return the status and the code of the failure."""
        reply = self.client.post(path, json=FETCHING[path](url.replace("{port}", str(self.port))))
        body = reply.json() if "json" in reply.headers["content-type"] else {}
        code = body.get("error", {}).get("code") if path.endswith("completions") else body.get("code")
        return reply.status_code, str(code)


class Once(httpx.AsyncByteStream):
    """A body that is still to be read."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body


@contextlib.contextmanager
def listener(connected: list[Any]) -> Iterator[int]:
    """Listen on this machine, on IPv4 and IPv6 where there is one, and note every connection."""
    held = [socket.create_server(("127.0.0.1", 0))]
    port: int = held[0].getsockname()[1]
    with contextlib.suppress(OSError):
        held.append(socket.create_server(("::1", port), family=socket.AF_INET6))

    def accept(on: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                found, address = on.accept()
                connected.append(address)
                found.close()

    threads = [threading.Thread(target=accept, args=(on,)) for on in held]
    for thread in threads:
        thread.start()
    try:
        yield port
    finally:
        for on in held:
            on.shutdown(socket.SHUT_RDWR)
            on.close()
        for thread in threads:
            thread.join()


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    """A server whose names resolve as above, and that finds one public host: it redirects as `to` says."""
    patch = pytest.MonkeyPatch()
    really, resolve = httpx.AsyncHTTPTransport.handle_async_request, core.net.resolve
    connected: list[Any] = []
    calls: dict[str, int] = {}

    async def resolved(host: str, port: int) -> list[str]:
        if host not in NAMES:
            return await resolve(host, port)
        net.resolved.append(host)
        answers = NAMES[host]
        found = answers[min(calls.setdefault(host, 0), len(answers) - 1)]
        calls[host] += 1
        return found

    async def handle(self: Any, request: httpx.Request) -> httpx.Response:
        if request.url.host != PUBLIC:
            return await really(self, request)
        net.sent.append((request.url.host, request.headers["host"]))
        if request.url.path == "/go":
            return httpx.Response(302, headers={"Location": unquote(request.url.params.get("to", "/go"))})
        picture = io.BytesIO()
        Image.new("RGB", (4, 4), "red").save(picture, "PNG")
        headers = {"Content-Type": "text/html"}
        return httpx.Response(200, stream=Once(picture.getvalue()), headers=headers)

    patch.setattr(core.net, "resolve", resolved)
    patch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle)
    try:
        with listener(connected) as port, live(tmp_path_factory.mktemp("ssrf")) as client:
            net = Net(client, port, connected)
            yield net
    finally:
        patch.undo()


@pytest.fixture(autouse=True)
def nothing_inside_is_reached(net: Net) -> Iterator[None]:
    """Whatever a test asked for: nothing connected to this machine."""
    yield
    assert net.connected == []


def test_the_listener_counts(net: Net) -> None:
    """What the other tests rest on: a fetch that were let through would be seen."""
    with socket.create_connection(("127.0.0.1", net.port)):
        pass
    for _ in range(1000):
        if net.connected:
            break
        threading.Event().wait(0.01)
    assert len(net.connected) == 1
    net.connected.clear()


def test_a_public_image_is_fetched_and_told_by_its_bytes(net: Net) -> None:
    assert net.ask("/v1/images", "http://public.example/x.png")[0] == 201
    assert net.sent.pop() == (PUBLIC, "public.example")


@pytest.mark.parametrize("url", LOOPBACK)
def test_this_machine_is_not_reached_however_it_is_written(net: Net, url: str) -> None:
    expected = WRONG if "public.example@" in url else BLOCKED
    assert net.ask("/v1/runs", url) == expected


def test_what_is_not_on_the_public_web_is_refused_before_anything_is_sent(net: Net) -> None:
    net.sent.clear()
    found = {url: net.ask("/v1/runs", url) for url in CASES}
    assert found == CASES
    assert net.sent == []


def test_redirects_are_checked_like_first_addresses(net: Net) -> None:
    found = {to: net.ask("/v1/runs", redirect(net, to)) for to in REDIRECTS}
    assert found == REDIRECTS


def redirect(net: Net, to: str) -> str:
    """Return a public address that redirects."""
    target = to.replace("{port}", str(net.port))
    return str(httpx.URL("http://public.example/go", params={"to": target}))


def test_a_name_that_changes_its_meaning_is_asked_once_a_hop(net: Net) -> None:
    """First it resolves to a public address, which is then connected to; from then on to this machine."""
    net.resolved.clear()
    assert net.ask("/v1/images", "http://rebind.example/x.png")[0] == 201
    assert net.resolved == ["rebind.example"]
    assert net.sent.pop() == (PUBLIC, "rebind.example")
    assert net.ask("/v1/images", "http://rebind.example/x.png") == BLOCKED


@pytest.mark.parametrize("path", FETCHING)
def test_every_route_that_fetches_refuses(net: Net, path: str) -> None:
    # OpenAI's protocol has a status of its own for what has to be changed.
    wrong = (400, "invalid_input") if path.endswith("completions") else WRONG
    wanted = {
        "http://127.0.0.1:{port}/x.png": BLOCKED,
        "http://[::ffff:169.254.169.254]/": BLOCKED,
        "http://mixed.example/": BLOCKED,
        f"http://{PUBLIC}:6379/": BLOCKED,
        redirect(net, "http://127.0.0.1:{port}/"): BLOCKED,
        "file:///etc/passwd": wrong,
    }
    assert {url: net.ask(path, url) for url in wanted} == wanted


def test_no_route_that_takes_an_address_is_left_out() -> None:
    document = create_app(Settings()).openapi()

    def is_address(name: str, schema: dict[str, Any]) -> bool:
        return name == "ImageSource" or "image_url" in schema.get("properties", {})

    fetching = {
        path
        for path, methods in document["paths"].items()
        for operation in methods.values()
        if mentions(operation.get("requestBody", {}), document, is_address)
    }
    assert fetching == set(FETCHING)
