"""Ports of 127.0.0.1 for servers that tests start."""

from __future__ import annotations

import socket
from collections import deque

_KEPT: deque[socket.socket] = deque()
_MOST = 100


def free_port() -> int:
    """A port that nobody listens on, and that nobody else is given before its server has begun.

    A socket that is bound to it stays open for a while. It does not listen, so a server that
    allows the address to be used again (as all of ours do) may begin there all the same.
    """
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", 0))
    _KEPT.append(one)
    if len(_KEPT) > _MOST:
        _KEPT.popleft().close()
    port: int = one.getsockname()[1]
    return port
