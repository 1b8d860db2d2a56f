"""A small server on the loopback, for what the agent asks during an attack."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Reply = Callable[[str, bytes], bytes]
"""Returns the body of a reply to a path (with its query) and the body that was sent."""


@contextmanager
def on_loopback(reply: Reply, content_type: str) -> Iterator[str]:
    """Answer GET and POST on 127.0.0.1 and yield the address, `http://127.0.0.1:PORT`."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from socketserver import TCPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            body = reply(self.path, sent)
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the run's file has what matters."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def server_bind(self) -> None:
            # Without asking a name server what the loopback is called: that may take seconds.
            TCPServer.server_bind(self)

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
