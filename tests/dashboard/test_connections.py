"""One address cannot hold every connection, and a silent one is closed."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import uvicorn
from ports import free_port
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from dashboard.gate import connections
from earful.web import impatient
from earful.web.crowd import Connection
from earful.web.impatient import Impatient

LONG = 30.0  # seconds for anything that must happen


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/slow":
        await asyncio.sleep(LONG)
    await PlainTextResponse("ok")(scope, receive, send)


@pytest.fixture
def protocol(monkeypatch: pytest.MonkeyPatch) -> type[Impatient]:
    """The class of the server's connections; it takes this machine for a stranger."""
    monkeypatch.setattr(connections, "_OWN_MACHINE", ())
    monkeypatch.setattr(connections, "MAX_PER_ADDRESS", 3)
    monkeypatch.setattr(connections.PageConnection, "head", 0.3)
    return connections.bounded()


@pytest.fixture
def port(protocol: type[Impatient]) -> Iterator[int]:
    """A server with bounded connections."""
    number = free_port()
    config = uvicorn.Config(
        _answer,
        host="127.0.0.1",
        port=number,
        http=protocol,
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=0,
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


def _peers(protocol: type[Impatient]) -> list[Connection]:
    return list(protocol.crowd.connections())


def _has_ended(connection: socket.socket) -> bool:
    with suppress(ConnectionResetError):
        return connection.recv(1) == b""
    return True


def test_a_full_address_loses_its_oldest_idle_connection(
    port: int, protocol: type[Impatient]
) -> None:
    held = [_open(port) for _ in range(3)]
    assert _ask(held[0]).startswith(b"HTTP/1.1 200")
    newest = _open(port)
    assert _ask(newest).startswith(b"HTTP/1.1 200")
    assert _has_ended(held[0])
    # the silent ones end by themselves
    assert all(map(_has_ended, held))
    assert len(_peers(protocol)) <= 3
    for connection in (*held, newest):
        connection.close()


def test_a_full_address_at_work_gets_no_further_connection(
    port: int, protocol: type[Impatient]
) -> None:
    held = [_open(port) for _ in range(3)]
    for connection in held:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    # each is at work once the server has made its cycle
    ends_at = time.monotonic() + LONG
    while time.monotonic() < ends_at:
        peers = _peers(protocol)
        if len(peers) == 3 and not any(peer.is_idle() for peer in peers):
            break
        time.sleep(0.01)
    refused = _open(port)
    assert _ask(refused) == b""
    for connection in (*held, refused):
        connection.close()


def test_half_a_request_behind_an_answer_ends(port: int) -> None:
    connection = _open(port)
    assert _ask(connection).startswith(b"HTTP/1.1 200")
    connection.sendall(b"GET")
    assert _has_ended(connection)
    connection.close()


def test_an_unread_body_that_drips_ends(port: int) -> None:
    connection = _open(port)
    connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\na")
    assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    connection.settimeout(0.05)
    ends_at = time.monotonic() + LONG
    while time.monotonic() < ends_at:
        try:
            connection.sendall(b"a")
            if connection.recv(1) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    else:
        pytest.fail("the connection is still open")
    connection.close()


def test_requests_sent_ahead_fill_no_memory(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # A first segment of loopback may hold 65,483 bytes. Then the server stops reading just below
    # its own bound, and the connection would only end with the slow answer.
    monkeypatch.setattr(impatient, "AHEAD", 10_000)
    connection = _open(port)
    ahead = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" * 10_000
    with suppress(OSError):
        connection.sendall(ahead)
    assert _has_ended(connection)
    connection.close()
