"""Fetch a page by its address, conditionally, with redirects on the same host.

listeners/http/session.py bounds and counts the requests, and maps refusals to errors. Nothing
sleeps or retries here. Conditional requests: RFC 9110 section 13.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import SplitResult, urlsplit

from earful.clock import Clock
from earful.contracts import Permanent, SpendMeter
from listeners.http.errors import check_redirect, invalid_address, safe_url
from listeners.http.session import HttpSession, SessionLimits

_MAX_REDIRECTS = 5  # RFC 9110 section 15.4: a client detects redirects in a circle
_REDIRECTS = {301, 302, 303, 307, 308}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """A server's response. Send ``etag`` and ``modified`` with the next request.

    ``not_modified``: the page is as it was when the server sent those two; the body is empty.
    """

    url: str
    body: bytes
    content_type: str | None = None
    etag: str | None = None
    modified: str | None = None
    not_modified: bool = False


class Fetcher:
    """Fetch pages over connections that stay open; use it in a ``with``."""

    def __init__(
        self, clock: Clock, limits: SessionLimits | None = None, *, meter: SpendMeter
    ) -> None:
        self._session = HttpSession(clock=clock, meter=meter, limits=limits)

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._session.close()

    def get(
        self,
        url: str,
        params: Mapping[str, str | int] | None = None,
        *,
        accept: str = "*/*",
        etag: str | None = None,
        modified: str | None = None,
    ) -> HttpResponse:
        """Send a GET, conditionally when ``etag`` or ``modified`` is set, and return the response.

        Follows up to 5 redirects on the same host. Raises Transient for 408, 425, 429, 5xx,
        timeouts, and broken connections; Permanent for other refusals, for redirects to another
        host, and for responses over ``max_bytes``; Spent when the meter refuses.
        """
        headers = {"Accept": accept}
        if etag:
            headers["If-None-Match"] = etag
        if modified:
            headers["If-Modified-Since"] = modified
        first = url
        for _ in range(_MAX_REDIRECTS + 1):
            _check_scheme(url)
            response = self._session.get(url, params=params, headers=headers)
            if response.status_code not in _REDIRECTS:
                return HttpResponse(
                    url=response.url,
                    body=response.content,
                    content_type=response.headers.get("Content-Type"),
                    etag=_sendable(response.headers.get("ETag")),
                    modified=_sendable(response.headers.get("Last-Modified")),
                    not_modified=response.status_code == 304,
                )
            url, params = check_redirect(response.url, response.headers.get("Location", "")), None
        raise Permanent(
            f"{safe_url(first)}: more than {_MAX_REDIRECTS} redirects", hint="Check the address."
        )


def _sendable(validator: str | None) -> str | None:
    """Return an ETag or Last-Modified value if a request header can carry it, else None."""
    # RFC 9110 section 5.5 allows visible ASCII and spaces; some sites send other characters
    return validator if validator and validator.isascii() and validator.isprintable() else None


def _check_scheme(url: str) -> None:
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc:
        raise invalid_address(url)
