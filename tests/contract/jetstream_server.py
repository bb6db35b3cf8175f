"""Serve a Jetstream on loopback: events in order, from a cursor on, while it keeps them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection
from websockets.sync.server import serve as serve_websocket

POST = "app.bsky.feed.post"


@dataclass
class Jetstream:
    """The stream: ``events`` are in the order of time, ``queries`` are the requests that came.

    The connection breaks after ``cut_after`` events. ``refuses`` is the status of a refusal, and
    ``elsewhere`` its redirect.
    """

    url: str = ""
    events: list[Any] = field(default_factory=list)
    queries: list[dict[str, list[str]]] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    cut_after: int | None = None
    refuses: int = 0
    elsewhere: str = ""
    live: Callable[[], None] = lambda: None

    def post(
        self, at: float, number: int, text: str, *, operation: str = "create", **overrides: Any
    ):
        """Add a post at ``at`` seconds since 1970; return its uri."""
        author_did = f"did:plc:author{number % 7}"
        record = {"$type": POST, "text": text, "createdAt": "2024-05-20T11:00:00.000Z"} | overrides
        commit = {"operation": operation, "collection": POST, "rkey": str(number), "rev": "a"}
        if operation != "delete":
            commit |= {"record": record, "cid": "bafyrei"}
        self.event(at, did=author_did, kind="commit", commit=commit)
        return f"at://{author_did}/{POST}/{number}"

    def event(self, at: float, **overrides: Any) -> None:
        """Add an event."""
        self.events.append({"did": "did:plc:x", "time_us": int(at * 1e6)} | overrides)

    def talk(self, socket: ServerConnection) -> None:
        query = parse_qs(urlsplit(socket.request.path).query)
        self.queries.append(query)
        self.agents.append(socket.request.headers["User-Agent"])
        cursor = int(query["cursor"][0])
        largest = int(query.get("maxMessageSizeBytes", ["0"])[0])
        sent = 0
        for event in self.events:
            if isinstance(event, dict) and event["time_us"] < cursor:
                continue
            if self.cut_after is not None and sent >= self.cut_after:
                socket.socket.close()
                return
            message = event if isinstance(event, str) else json.dumps(event)
            if largest and len(message) > largest:
                continue
            socket.send(message)
            sent += 1
        for _ in socket:  # until the client hangs up
            continue

    def greet(self, socket: ServerConnection, _request: Request) -> Response | None:
        if not self.refuses:
            return None
        response = socket.respond(HTTPStatus(self.refuses), "no\n")
        if self.elsewhere:
            response.headers["Location"] = self.elsewhere
        return response


@contextmanager
def serve() -> Iterator[Jetstream]:
    """Run a Jetstream until the block ends."""
    stream = Jetstream()
    server = serve_websocket(
        stream.talk, "127.0.0.1", 0, process_request=stream.greet, close_timeout=0.2
    )
    port = server.socket.getsockname()[1]
    stream.url = f"ws://127.0.0.1:{port}/subscribe"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield stream
    finally:
        server.shutdown()
        thread.join()
