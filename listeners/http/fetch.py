"""Fetching a page by its address, conditionally, and following redirects on the same host.

Bounds, counting and the meaning of refusals are the guard's (listeners/http/session.py). It never
sleeps and never retries. Conditional requests: RFC 9110 section 13.
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

_MOST_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """What a server sent. ``etag`` and ``modified`` are to be given back at the next request;
    ``not_modified`` says that nothing has changed since they were sent (the body is empty)."""

    url: str
    body: bytes
    content_type: str | None = None
    etag: str | None = None
    modified: str | None = None
    not_modified: bool = False


class Fetcher:
    """Fetches, keeping connections open between requests; use it in a ``with``."""

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
        """The answer to a GET, asked conditionally when ``etag`` or ``modified`` are given.

        Follows up to 5 redirects on the same host. Raises Transient for 408, 425, 429, 5xx,
        timeouts, and broken connections; Permanent for other refusals, for redirects to another
        host, and for answers over ``max_bytes``; Spent when the purse says no.
        """
        headers = {"Accept": accept}
        if etag:
            headers["If-None-Match"] = etag
        if modified:
            headers["If-Modified-Since"] = modified
        first = url
        for _ in range(_MOST_REDIRECTS + 1):
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
            f"{safe_url(first)}: more than {_MOST_REDIRECTS} redirects; check the address"
        )


def _sendable(mark: str | None) -> str | None:
    """``mark`` when it can be given back in a header: a site may send what nobody may."""
    return mark if mark and mark.isascii() and mark.isprintable() else None


def _check_scheme(url: str) -> None:
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc:
        raise invalid_address(url)
