"""Tell visitors of a server apart by their addresses."""

from __future__ import annotations

import ipaddress


def parse_address(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address, without its interface; None for other text.

    A line of both versions writes an IPv4 address as ::ffff:203.0.113.7.
    """
    try:
        # a link-local address carries its interface: fe80::1%eth0
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        return parsed.ipv4_mapped
    return parsed


def network_of(address: ipaddress.IPv6Address, prefix: int) -> str:
    """Return the network of ``prefix`` bits around an IPv6 address."""
    return str(ipaddress.ip_network((int(address), prefix), strict=False))


def visitor_of(address: str) -> str:
    """Reduce an address to one visitor: an IPv4 address, or the /64 of an IPv6 line."""
    parsed = parse_address(address)
    if parsed is None:
        return address
    # A device changes its lower 64 bits by itself (RFC 8981), so they tell no visitors apart.
    return network_of(parsed, 64) if isinstance(parsed, ipaddress.IPv6Address) else str(parsed)
