"""The last look at what strangers wrote before it is stored."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

_LONGEST_TEXT = 20_000  # characters; the longest post of any platform we read is shorter
_LONGEST_ID = 500  # characters; PostgreSQL's indexes end at about 2,700 bytes
# no port, no name of a user, nothing beyond ASCII: needs no further look
_PLAIN_ADDRESS = re.compile(r"https?://[a-z0-9][a-z0-9.-]*(?:/[!-~]*)?")
_LARGEST = 2**63 - 1  # what a BIGINT holds


def storable(text: str, longest: int = _LONGEST_TEXT) -> str:
    """``text`` without what a database refuses (NUL, lone surrogates), cut to ``longest``."""
    cleaned = text.replace("\0", "")[:longest]
    try:
        cleaned.encode("utf-8")
    except UnicodeEncodeError:
        return cleaned.encode("utf-8", "replace").decode("utf-8")
    return cleaned


def identity(external_id: str) -> str:
    """``external_id``, or a name made of it when a database could not keep or tell it apart."""
    if external_id == storable(external_id, _LONGEST_ID):
        return external_id
    return hashlib.sha256(external_id.encode("utf-8", "surrogatepass")).hexdigest()


def countable(number: int) -> int:
    """``number`` of people or clicks within what a column holds; never below 0."""
    return max(0, min(number, _LARGEST))


def web_address(url: str | None) -> str | None:
    """``url`` when it is plain http or https with a host, else None: nothing else is linked."""
    if not url or len(url) > 2000:
        return None
    if _PLAIN_ADDRESS.fullmatch(url):
        return url
    url = url.strip()
    if not url.isprintable() or " " in url:  # line ends, control characters, turned-around text
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname else None


def names_one(text: str, names: Iterable[str]) -> bool:
    """True when one of ``names`` stands in ``text`` as a word of its own: "al" is not in "also"."""
    found = "|".join(re.escape(name) for name in names if name)
    return bool(found) and re.search(rf"(?<!\w)(?:{found})(?!\w)", text, re.IGNORECASE) is not None
