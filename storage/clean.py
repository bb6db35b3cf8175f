"""The last look at what strangers wrote before it is stored."""

from __future__ import annotations

from urllib.parse import urlsplit

_LONGEST_TEXT = 20_000  # characters; the longest post of any platform we read is shorter


def storable(text: str, longest: int = _LONGEST_TEXT) -> str:
    """``text`` without what a database refuses (NUL, lone surrogates), cut to ``longest``."""
    cleaned = text.replace("\0", "")[:longest]
    try:
        cleaned.encode("utf-8")
    except UnicodeEncodeError:
        return cleaned.encode("utf-8", "replace").decode("utf-8")
    return cleaned


def web_address(url: str | None) -> str | None:
    """``url`` when it is plain http or https with a host, else None: nothing else is linked."""
    if not url or len(url) > 2000:
        return None
    url = storable(url.strip())
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname else None
