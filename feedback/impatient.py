"""Close HTTP connections of clients that are too slow.

uvicorn waits without an end for the head of a request, for the rest of an unread body, and for a
client that does not take its answer. A few hundred such connections would keep all other visitors
out. Its parser h11 is the one that bounds the size of a head (64 KiB). Requests that are sent
before the one in front is answered it keeps without a bound, and reads 256 KB more of them for
every answer: one connection would fill the memory.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD = 10.0  # seconds for the head of a request, from the connection or the last answer on
ANSWER = 60.0  # seconds from there to the end of the answer
AHEAD = 65_536  # bytes of later requests that may wait for the answer to an earlier one


class Impatient(H11Protocol):
    """uvicorn's connection, on which each request and each pause has a time to end."""

    _ends: asyncio.TimerHandle | None = None
    _at: object = None  # the request that is being answered; None between two

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn's; the first head is waited for."""
        super().connection_made(transport)
        self._wait(HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        """As uvicorn's."""
        self._wait(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes as uvicorn does; they may complete a head, or exceed the limit behind it."""
        super().data_received(data)
        self._look()
        waiting, _ended = self.conn.trailing_data
        if len(waiting) > AHEAD and not self.transport.is_closing():
            self.transport.abort()

    def on_response_complete(self) -> None:
        """As uvicorn's; the next head is waited for."""
        super().on_response_complete()
        self._look()

    def send_400_response(self, msg: str) -> None:
        """As uvicorn's; who was answered already and then sends nonsense is not told."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.abort()

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: a stranger's wish for a websocket is none of the log's business, and uvicorn
        would tell the operator to install a library."""

    def _look(self) -> None:
        answering = self.cycle if self.cycle and not self.cycle.response_complete else None
        if answering is not self._at and not self.transport.is_closing():
            self._at = answering
            self._wait(HEAD if answering is None else ANSWER)

    def _wait(self, seconds: float | None) -> None:
        if self._ends is not None:
            self._ends.cancel()
        # abort() drops unsent bytes; close() would wait for a client that does not take them
        # (https://docs.python.org/3/library/asyncio-protocol.html#asyncio.WriteTransport.abort).
        hurry = self.transport.abort
        self._ends = None if seconds is None else self.loop.call_later(seconds, hurry)
