"""Close HTTP connections of clients that are too slow.

uvicorn waits without an end for the head of a request, for the rest of an unread body, and for a
client that does not take its answer. A few hundred such connections would keep all other visitors
out. Its parser h11 is the one that bounds the size of a head (64 KiB). Requests that are sent
before the one in front is answered it keeps without a bound, and reads 256 KB more of them for
every answer: one connection would fill the memory.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from earful.web.crowd import Crowd

AHEAD = 65_536  # bytes of later requests that may wait for the answer to an earlier one


class Impatient(H11Protocol):
    """uvicorn's connection, with a deadline for each request and each pause.

    ``crowd`` counts the connections of the server; ``of`` gives the class its own. ``head``:
    seconds for the head of a request, from the connection or the last answer on. ``answer``:
    seconds from there to the end of the answer; None sets no deadline.
    """

    crowd: ClassVar[Crowd]
    head: ClassVar[float] = 10.0
    answer: ClassVar[float | None] = 60.0
    _ends: asyncio.TimerHandle | None = None
    _at: object = None  # the request that is being answered; None between two

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the deadline of the first head, beside uvicorn's work."""
        super().connection_made(transport)
        self._wait(self.head)
        if not self.crowd.enter(self, self.client[0] if self.client else ""):
            self.drop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadline, beside uvicorn's work."""
        self.leave_bounds()
        super().connection_lost(exc)

    @classmethod
    def of(cls, crowd: Crowd) -> type[Impatient]:
        """Return the class for a server of its own."""
        return type(cls.__name__, (cls,), {"crowd": crowd})

    def leave_bounds(self) -> None:
        """End the deadline, and count this connection no more."""
        self._wait(None)
        self.crowd.leave(self)

    def is_idle(self) -> bool:
        """Tell whether no request is being read or answered."""
        return self._answering() is None and self.conn.their_state is h11.IDLE

    def is_receiving(self) -> bool:
        """Tell whether the body of a request has not arrived whole."""
        return bool(self.conn.their_state is h11.SEND_BODY)

    def drop(self) -> None:
        """End the connection at once."""
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take bytes as uvicorn does; they may complete a head, or exceed the limit behind it."""
        super().data_received(data)
        self._look()
        waiting, _ended = self.conn.trailing_data
        if len(waiting) > AHEAD and not self.transport.is_closing():
            self.transport.abort()

    def on_response_complete(self) -> None:
        """Start the deadline of the next head, beside uvicorn's work."""
        super().on_response_complete()
        self._look()

    def send_400_response(self, msg: str) -> None:
        """Answer nonsense as uvicorn does, but only before an answer; behind one, disconnect."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.abort()

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing: uvicorn would advise the operator to install a library."""

    def _look(self) -> None:
        answering = self._answering()
        if answering is not self._at and not self.transport.is_closing():
            self._at = answering
            self._wait(self.head if answering is None else self.answer)

    def _answering(self) -> RequestResponseCycle | None:
        """Return the request that is being answered."""
        return self.cycle if self.cycle and not self.cycle.response_complete else None

    def _wait(self, seconds: float | None) -> None:
        if self._ends is not None:
            self._ends.cancel()
        # abort() drops unsent bytes; close() would wait for a client that does not take them
        # (https://docs.python.org/3/library/asyncio-protocol.html#asyncio.WriteTransport.abort).
        hurry = self.transport.abort
        self._ends = None if seconds is None else self.loop.call_later(seconds, hurry)
