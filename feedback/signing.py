"""Make and check the tokens of a form's sites, and the signatures of a hook's bodies."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime

from listeners.common import times

TOLERANCE = 300  # seconds between signing and arriving
PAGE = "page"  # the site that the service's own page is
SIGNATURE = "X-Earful-Signature"


def token(secret: str, form: str, site: str) -> str:
    """Return the token that a site sends with each submission to a form.

    It is public, because it stands in the site's pages. Without the site in settings it is
    worthless.
    """
    # 32 hex digits are 128 bits: too many to guess, short enough for a line of HTML.
    return _hex(secret, f"{form}\n{site}".encode())[:32]


def site_of(secret: str, form: str, sites: Iterable[str], candidate: str) -> str | None:
    """Return the site of a token; None when it is of none."""
    match = None
    for site in sites:  # all of them: how long it takes tells nothing
        if hmac.compare_digest(token(secret, form, site).encode(), candidate.encode()):
            match = site
    return match


def sign(secret: str, body: bytes, at: int) -> str:
    """Return X-Earful-Signature for a body that is sent at ``at`` (seconds since 1970)."""
    return f"t={at},v1={_hex(secret, _signed(at, body))}"


def signed(secret: str, body: bytes, header: str, now: datetime) -> str:
    """Explain the fault in X-Earful-Signature; "" when it is right."""
    parts = dict(part.strip().partition("=")[::2] for part in header[:500].split(","))
    at, candidate = parts.get("t", ""), parts.get("v1", "")
    if not (at.isascii() and at.isdecimal() and len(at) < 12 and candidate):
        return f"{SIGNATURE} is missing or is not written t=<seconds since 1970>,v1=<hex>"
    if not hmac.compare_digest(_hex(secret, _signed(int(at), body)).encode(), candidate.encode()):
        return f"{SIGNATURE} does not fit the body; sign the bytes as they are sent"
    if abs(times.to_epoch(now) - int(at)) > TOLERANCE:
        return f"{SIGNATURE} was made more than {TOLERANCE} seconds from now; look at your clock"
    return ""


def plainly_signed(secret: str, body: bytes, header: str, prefix: str) -> bool:
    """Return whether a header is ``prefix`` and the body's HMAC-SHA256, in hex or base64."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    if not header.startswith(prefix):
        return False
    candidate = header.removeprefix(prefix).strip().encode("utf-8", "replace")
    forms = (digest.hex().encode(), base64.b64encode(digest))
    return any(hmac.compare_digest(encoding, candidate) for encoding in forms)


def _signed(at: int, body: bytes) -> bytes:
    return f"{at}.".encode() + body


def _hex(secret: str, data: bytes) -> str:
    return hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()
