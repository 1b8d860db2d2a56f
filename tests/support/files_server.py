"""A local file server for tests: routes by path, every request kept, conditional requests answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Route:
    """One reply. `drip_s` waits before each of the body's bytes."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: bool = True
    drip_s: float = 0.0


@dataclass
class FilesServer:
    """The running server: its address, its routes (a `Route`, or a function of the path with query)."""

    routes: dict[str, Route | Callable[[str], Route]]
    host: str = ""
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def reply(self, path: str, asked: dict[str, str]) -> Route:
        found = self.routes.get(urlsplit(path).path, Route(status=404))
        route = found if isinstance(found, Route) else found(path)
        etag = route.headers.get("ETag")
        if etag and asked.get("if-none-match") == etag:
            return Route(status=304, headers={"ETag": etag})
        stamp = route.headers.get("Last-Modified")
        if stamp and asked.get("if-modified-since") == stamp:
            return Route(status=304)
        return route


@contextmanager
def files_server(**routes: Route | Callable[[str], Route]) -> Iterator[FilesServer]:
    """Serve routes on 127.0.0.1 in a thread; more can be added to `routes` while it runs."""
    served = FilesServer({f"/{name}": route for name, route in routes.items()})

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, *, send: bool) -> None:
            asked = {name.lower(): value for name, value in self.headers.items()}
            served.requests.append((self.command, self.path, asked))
            route = served.reply(self.path, asked)
            try:
                self.send_response(route.status)
                for name, value in route.headers.items():
                    self.send_header(name, value)
                if route.length:
                    self.send_header("Content-Length", str(len(route.body)))
                self.end_headers()
                if send:
                    self._body(route)
            except OSError:
                return

        def _body(self, route: Route) -> None:
            if not route.drip_s:
                self.wfile.write(route.body)
                return
            for byte in route.body:
                time.sleep(route.drip_s)
                self.wfile.write(bytes([byte]))
                self.wfile.flush()

        def do_GET(self) -> None:
            self._answer(send=True)

        def do_HEAD(self) -> None:
            self._answer(send=False)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    served.host = f"127.0.0.1:{server.server_port}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
