"""Bound the connections of strangers: how many from an address, and how long without a request.

uvicorn keeps a silent connection for ever, and a process has about a thousand file descriptors.
Without these bounds one address could hold all of them, and nobody else could open the page.
It also keeps what is sent behind a request without an end, so one connection could fill the memory.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from dashboard.gate.attempts import keys_of
from earful.loopback import is_loopback

# A browser opens six at a time; an office behind one address has many browsers.
MOST_PER_ADDRESS = 100
HEAD_WITHIN = 15.0  # seconds for a request, from the connection or the last answer on
MOST_AHEAD = 65_536  # bytes of later requests; a browser sends none before the answer


class BoundedConnections(H11Protocol):
    """uvicorn's HTTP connection with the bounds; an open page's websocket leaves them."""

    # of all connections of this process, oldest first: uvicorn makes an instance for each
    open_by_address: ClassVar[dict[str, dict[BoundedConnections, None]]] = {}

    _address: str | None = None
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection; at the bound, the oldest idle one of its address makes room."""
        super().connection_made(transport)
        host = self.client[0] if self.client else None
        # a proxy on this machine brings everyone's connections
        if not is_loopback(host or ""):
            address = keys_of(host, None)[0].name
            if not self._make_room(address):
                transport.abort()
                return
            self._address = address
            self.open_by_address.setdefault(address, {})[self] = None
        self._look_again_after(self.cycle)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._release()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes as uvicorn does, but not without an end behind an open request."""
        super().data_received(data)
        waiting, _ended = self.conn.trailing_data
        if len(waiting) > MOST_AHEAD and not self.transport.is_closing():
            self.transport.abort()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Leave the bounds: the gate has its own rules for websockets."""
        self._release()
        super().handle_websocket_upgrade(event)

    def _make_room(self, address: str) -> bool:
        """Close the oldest idle connection of a full address; False when all are at work."""
        peers = self.open_by_address.get(address, {})
        if len(peers) < MOST_PER_ADDRESS:
            return True
        oldest = next((peer for peer in peers if peer._is_idle()), None)
        if oldest is None:
            return False
        oldest._release()
        oldest.transport.abort()
        return True

    def _is_idle(self) -> bool:
        """Say whether no request waits for its answer."""
        return self.cycle is None or self.cycle.response_complete

    def _look_again_after(self, cycle: object) -> None:
        self._deadline = self.loop.call_later(HEAD_WITHIN, self._end_silence, cycle)

    def _end_silence(self, cycle_then: object) -> None:
        # uvicorn's own time for pauses starts anew with each byte, also of half a request
        if self._is_idle() and self.cycle is cycle_then:
            self.transport.abort()
        else:
            self._look_again_after(self.cycle)

    def _release(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if self._address is not None:
            peers = self.open_by_address[self._address]
            del peers[self]
            if not peers:
                del self.open_by_address[self._address]
            self._address = None
