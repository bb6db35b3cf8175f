"""Tell whether a host is this very machine; only there may a key or a mail travel without TLS."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str | None) -> bool:
    """True when only programs on this machine reach ``host``; None means every address.

    IPv6 addresses may stand in brackets. Any other name than localhost may resolve to any address,
    so it never counts.
    """
    if host is None:
        return False
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
