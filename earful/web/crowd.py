"""Keep the connections of some visitors from shutting out all others.

A visitor who opens many connections loses the oldest idle ones. Each visitor has a share, and all
together may have one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Protocol

from earful.web.visitors import visitor_of


class Connection(Protocol):
    """An open connection, as the server's protocol class has it."""

    def is_idle(self) -> bool:
        """Tell whether no request is being read or answered."""
        ...

    def is_receiving(self) -> bool:
        """Tell whether a request has not arrived whole."""
        ...

    def drop(self) -> None:
        """End the connection at once."""
        ...


class Crowd:
    """The open connections of one server, by visitor.

    ``per_visitor`` and ``total`` are the shares; without ``total`` the visitors' own are all.
    ``trusted``: addresses and networks of our own web server. It brings the connections of many
    visitors, so no share holds for it.
    """

    def __init__(
        self, trusted: Iterable[str] = (), *, per_visitor: int, total: int | None = None
    ) -> None:
        self._per_visitor = per_visitor
        self._total = total
        self._trusted = [ipaddress.ip_network(network, strict=False) for network in trusted]
        self._visitors: dict[Connection, str] = {}
        self._by_visitor: dict[str, dict[Connection, None]] = {}

    def enter(self, connection: Connection, address: str) -> bool:
        """Count a new connection; False when there is no room and it must go.

        1. At its visitor's share, drop that visitor's oldest idle connection.
        2. At the share of all, drop the oldest idle connection of anyone.
        3. Without an idle one, drop the oldest whose request is still arriving.
        """
        visitor = self._visitor(address)
        peers = self._by_visitor.get(visitor, {}) if visitor else {}
        if len(peers) >= self._per_visitor and not self._make_room(peers):
            return False
        is_full = self._total is not None and len(self._visitors) >= self._total
        if is_full and not self._make_room(self._visitors):
            return False
        self._visitors[connection] = visitor
        self._by_visitor.setdefault(visitor, {})[connection] = None
        return True

    def leave(self, connection: Connection) -> None:
        """Count a closed connection; one that was dropped already changes nothing."""
        visitor = self._visitors.pop(connection, None)
        if visitor is None:
            return
        peers = self._by_visitor[visitor]
        del peers[connection]
        if not peers:
            del self._by_visitor[visitor]

    def connections(self) -> tuple[Connection, ...]:
        """Return the counted connections, oldest first."""
        return tuple(self._visitors)

    def _make_room(self, connections: Mapping[Connection, object]) -> bool:
        # a dict keeps the order of insertion, so the first match is the oldest
        idle = (connection for connection in connections if connection.is_idle())
        receiving = (connection for connection in connections if connection.is_receiving())
        oldest = next(idle, None) or next(receiving, None)
        if oldest is None:
            return False
        self.leave(oldest)
        oldest.drop()
        return True

    def _visitor(self, address: str) -> str:
        """Return the visitor of an address; "" for our own web server and a local socket."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return ""
        is_trusted = any(
            ip in network for network in self._trusted if network.version == ip.version
        )
        return "" if is_trusted else visitor_of(address)
