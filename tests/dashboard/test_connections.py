"""One address cannot hold every connection, and a silent one is closed."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import uvicorn
from ports import free_port
from starlette.responses import PlainTextResponse

from dashboard.gate import connections
from dashboard.gate.connections import BoundedConnections

LONG = 30.0  # seconds for anything that must happen


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server that takes this machine for a stranger."""
    monkeypatch.setattr(connections, "is_loopback", lambda _host: False)
    monkeypatch.setattr(connections, "MOST_PER_ADDRESS", 3)
    monkeypatch.setattr(connections, "HEAD_WITHIN", 0.3)
    number = free_port()
    config = uvicorn.Config(
        PlainTextResponse("ok"),
        host="127.0.0.1",
        port=number,
        http=BoundedConnections,
        lifespan="off",
        log_config=None,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield number
    server.should_exit = True
    thread.join()


def _open(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=LONG)


def _ask(connection: socket.socket) -> bytes:
    try:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        return connection.recv(4096)
    except OSError:
        return b""


def test_an_address_has_so_many_connections_and_silent_ones_end(port: int) -> None:
    held = [_open(port) for _ in range(3)]
    assert _ask(held[0]).startswith(b"HTTP/1.1 200")
    refused = _open(port)
    assert _ask(refused) == b""
    # the two silent ones end, and their places are free again
    for silent in held[1:]:
        with suppress(ConnectionResetError):
            assert silent.recv(1) == b""
    again = _open(port)
    assert _ask(again).startswith(b"HTTP/1.1 200")
    assert sum(BoundedConnections.open_by_address.values()) <= 3
    for connection in (*held, refused, again):
        connection.close()
