"""Which site a request comes from, and which names this server answers to."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from earful.loopback import is_loopback

Headers = Iterable[tuple[bytes, bytes]]
_USUAL_PORTS = {"http": ":80", "https": ":443"}


def header(headers: Headers, name: bytes) -> str | None:
    """Return the header's value; None when it is missing, or there more than once."""
    values = [value for key, value in headers if key.lower() == name]
    # A second one would let two readers see two values.
    return values[0].decode("latin-1") if len(values) == 1 else None


def is_same_origin(headers: Headers) -> bool:
    """Say whether Origin names the very host and port of Host.

    Another port of this machine is another site: any program may listen there. The scheme may
    differ, because a proxy ends TLS.
    """
    origin, host = header(headers, b"origin"), header(headers, b"host")
    if not origin or not host:
        return False
    scheme, _, place = origin.partition("://")
    usual = _USUAL_PORTS.get(scheme)
    if usual is None:
        return False
    return place.lower().removesuffix(usual) == host.lower().removesuffix(usual)


def is_secure(headers: Headers, scheme: str) -> bool:
    """Say whether the browser speaks TLS, to us or to the proxy in front."""
    return scheme in ("https", "wss") or (header(headers, b"origin") or "").startswith("https://")


def is_own_name(headers: Headers) -> bool:
    """Say whether Host names this machine, and not a name that someone points at it.

    DNS rebinding: a foreign page may point its own name at 127.0.0.1 and then be same-origin.
    """
    host = header(headers, b"host")
    if not host:
        return False
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return bool(name) and is_loopback(name)
