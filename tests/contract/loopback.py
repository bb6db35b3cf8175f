"""A real HTTP server on loopback that answers as it is told, faults included."""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request that the server got."""

    path: str
    query: dict[str, str]
    headers: Message
    method: str = "GET"
    body: bytes = b""
    every: dict[str, list[str]] = field(default_factory=dict)  # of a name that is given twice


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What to answer. ``fault``: "reset", "cut" (half of the body), "drip" (a byte every 0.05 s),
    "drip headers", "silence"."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    fault: str = ""


Script = Callable[[Asked], Reply]


class Site:
    """The server: set ``script`` (or ``faults``, one for each of the next requests), read
    ``asked``."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.script: Script = lambda _asked: Reply(status=404)
        self.faults: list[Reply | None] = []
        self.asked: list[Asked] = []
        self.over = threading.Event()

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        fault = self.faults.pop(0) if self.faults else None
        return fault or self.script(asked)


@contextmanager
def serve() -> Iterator[Site]:
    """A Site that listens until the block ends."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.block_on_close = False
    site = Site(server.server_address[1])
    server.site = site  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        site.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """As it was; but a client that was killed is nothing to tell of."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        site: Site = self.server.site  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        every = parse_qs(parts.query)
        query = {key: values[-1] for key, values in every.items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(
            path=parts.path,
            query=query,
            headers=self.headers,
            method=self.command,
            body=body,
            every=every,
        )
        reply = site.answer(asked)
        try:
            self._send(reply, site.over)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client gave up, as it should under a fault

    do_POST = do_GET

    def _send(self, reply: Reply, over: threading.Event) -> None:
        if reply.fault == "reset":
            # linger of 0 seconds: close() sends a reset instead of a polite end
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        if reply.fault == "silence":
            over.wait(20)
            self.close_connection = True
            return
        if reply.fault == "drip headers":
            self._drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 2000, over)
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in reply.headers and reply.status != 304:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if reply.fault == "drip":
            self._drip(reply.body, over)
        elif reply.fault == "cut":
            self.wfile.write(reply.body[: len(reply.body) // 2])
            self.close_connection = True
        else:
            self.wfile.write(reply.body)

    def _drip(self, data: bytes, over: threading.Event) -> None:
        end = time.monotonic() + 20
        for byte in data:
            if over.is_set() or time.monotonic() > end:
                break
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            over.wait(0.05)
        self.close_connection = True
