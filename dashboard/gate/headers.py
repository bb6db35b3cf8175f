"""The security headers of every answer."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import streamlit

_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
# Answers of Streamlit that would let other sites read them, or name the software.
_DROPPED = frozenset({b"access-control-allow-origin", b"server"})

_ALL = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # not no-referrer: a browser would then send "Origin: null" with the sign-in form
    # (https://fetch.spec.whatwg.org/#append-a-request-origin-header)
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
OWN_PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def streamlit_policy() -> str:
    """Return the content policy that Streamlit's page can live with.

    Its styles are made in the browser ('unsafe-inline'). Scripts come from this server alone, the
    inline ones of its index.html by their hashes.
    """
    index = Path(streamlit.__file__).parent / "static" / "index.html"
    scripts = _INLINE_SCRIPT.findall(index.read_text(encoding="utf-8")) if index.is_file() else []
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()) for text in scripts]
    hashes = " ".join(f"'sha256-{digest.decode()}'" for digest in digests)
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' {hashes}".rstrip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def secured(headers: list[tuple[bytes, bytes]], policy: str) -> list[tuple[bytes, bytes]]:
    """Return an answer's headers with ours added, and those that open it to others removed."""
    added = {**_ALL, "Content-Security-Policy": policy}
    names = {name.lower().encode() for name in added} | _DROPPED
    others = [(name, value) for name, value in headers if name.lower() not in names]
    return others + [(name.lower().encode(), value.encode()) for name, value in added.items()]
