"""Bound the connections to the page: how many from an address, and how long without a request.

A process has about a thousand file descriptors. Without these bounds one address could hold all of
them, and the page would open for no other visitor.
"""

from __future__ import annotations

from typing import ClassVar

import h11

from earful.web.crowd import Crowd
from earful.web.impatient import Impatient

# A browser opens six at a time; an office behind one address has many browsers.
MAX_PER_ADDRESS = 100
# a proxy on this machine brings the connections of many visitors
_OWN_MACHINE = ("127.0.0.0/8", "::1")


class PageConnection(Impatient):
    """An HTTP connection to the page; pictures and downloads may take long."""

    head: ClassVar[float] = 15.0
    answer: ClassVar[float | None] = None

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Leave the bounds: the gate has its own rules for websockets."""
        self.leave_bounds()
        super().handle_websocket_upgrade(event)


def bounded() -> type[Impatient]:
    """Return the class of connections for a page's server."""
    return PageConnection.of(Crowd(_OWN_MACHINE, per_visitor=MAX_PER_ADDRESS))
