"""The cookies of a request."""

from __future__ import annotations

from starlette.types import Scope


def read_cookies(scope: Scope) -> dict[str, str]:
    """Return a request's cookies; none when they cannot be read."""
    text = "; ".join(
        value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie"
    )
    cookies: dict[str, str] = {}
    for part in text.split(";"):
        name, sign, value = part.strip().partition("=")
        if sign:
            cookies.setdefault(name, value)
    return cookies
