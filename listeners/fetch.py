"""Fetching over HTTP, bounded in time, size and reach. It never sleeps and never retries.

What comes back is one of: an Answer, Transient (later may work) or Permanent (a person must act).
Meaning of statuses and of Retry-After: RFC 9110 sections 10.2.3, 15.4 to 15.6; RFC 6585 section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from requests import exceptions as trouble
from requests.structures import CaseInsensitiveDict

from earful.clock import Clock
from earful.contracts import EdgeError, Permanent, Transient
from listeners.timed import TimedAdapter, deadline, seconds_left

_CHUNK = 16 * 1024  # small: a chunk of a compression bomb unpacks to 1,000 times its size
_MOST_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_LATER = {408, 425, 429}
_LONGEST_WAIT = 7 * 86400.0  # seconds; a longer Retry-After is a mistake
_PORTS = {"http": 80, "https": 443}
_MENDS = {
    400: "the site does not understand the request; check the options",
    401: "the site wants a login; check the address or its key",
    403: "the site refuses us; check that the address may be read by a program",
    404: "there is nothing at this address; check its spelling",
    410: "it is gone for good; remove it from settings.toml",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may take: seconds for connecting and for each read, seconds in all, and
    bytes after decompression."""

    timeout: float = 15.0
    deadline: float = 60.0
    max_bytes: int = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server sent. ``etag`` and ``modified`` are to be given back at the next request;
    ``not_modified`` says that nothing has changed since they were sent (the body is empty)."""

    url: str
    body: bytes
    content_type: str | None = None
    etag: str | None = None
    modified: str | None = None
    not_modified: bool = False


class _Session(requests.Session):
    """Leaves redirects to us: even when told not to follow one, requests looks where it leads and
    reads all of its body first, however long that is."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere."""


class Fetcher:
    """Fetches, keeping connections open between requests; use it in a ``with``."""

    def __init__(self, clock: Clock, limits: Limits | None = None) -> None:
        self._clock = clock
        self._limits = limits or Limits()
        self._session = _Session()
        adapter = TimedAdapter()
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._session.headers["User-Agent"] = user_agent()
        self._session.headers["Accept-Encoding"] = "gzip, deflate"

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
    ) -> Answer:
        """The answer to a GET, asked conditionally when ``etag`` or ``modified`` are given.

        Follows up to 5 redirects on the same host. Raises Transient for 408, 425, 429, 5xx,
        timeouts, and broken connections; Permanent for other refusals, for redirects to another
        host, and for answers over ``max_bytes``.
        """
        headers = {"Accept": accept}
        if etag:
            headers["If-None-Match"] = etag
        if modified:
            headers["If-Modified-Since"] = modified
        try:
            with deadline(self._limits.deadline):
                return self._follow(url, params, headers)
        except (trouble.RequestException, TimeoutError, UnicodeError) as error:
            raise self._edge_error(url, error) from None  # its text may hold the key in the URL

    def _follow(
        self, url: str, params: Mapping[str, str | int] | None, headers: dict[str, str]
    ) -> Answer:
        for _ in range(_MOST_REDIRECTS + 1):
            _check_scheme(url)
            with self._session.get(
                url,
                params=params,
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=min(self._limits.timeout, seconds_left()),
            ) as response:
                if response.status_code not in _REDIRECTS:
                    return self._answer(url, response)
                url, params = _next(response.url, response.headers.get("Location", "")), None
        raise Permanent(f"{shown(url)}: more than {_MOST_REDIRECTS} redirects; check the address")

    def _answer(self, url: str, response: requests.Response) -> Answer:
        headers = response.headers
        if response.status_code == 304:
            body, unchanged = b"", True
        elif 200 <= response.status_code < 300:
            body, unchanged = self._body(url, response), False
        else:
            raise self._refused(url, response.status_code, headers)
        return Answer(
            url=response.url,
            body=body,
            content_type=headers.get("Content-Type"),
            etag=headers.get("ETag"),
            modified=headers.get("Last-Modified"),
            not_modified=unchanged,
        )

    def _body(self, url: str, response: requests.Response) -> bytes:
        most = self._limits.max_bytes
        announced = response.headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced) > most:
            raise _too_big(url, most)
        body = bytearray()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > most:
                raise _too_big(url, most)
            seconds_left()
        return bytes(body)

    def _refused(
        self, url: str, status: int, headers: CaseInsensitiveDict[str]
    ) -> Permanent | Transient:
        if status in _LATER or status >= 500:
            return Transient(
                f"{shown(url)} answered {status}; it will be tried again",
                retry_after=self._wait(headers.get("Retry-After")),
            )
        mend = _MENDS.get(status, "check the address and the options")
        return Permanent(f"{shown(url)} answered {status}: {mend}")

    def _wait(self, value: str | None) -> float | None:
        """Seconds that Retry-After asks for: a number, or a date after our clock's now."""
        if not value:
            return None
        value = value.strip()
        if value.isdecimal():
            seconds = float(value[:12])
        else:
            try:
                until = parsedate_to_datetime(value)
                seconds = (until - self._clock()).total_seconds()
            except (ValueError, TypeError, IndexError):
                return None  # unreadable, or a date without a zone: as if it were not there
        return min(max(seconds, 0.0), _LONGEST_WAIT)

    def _edge_error(self, url: str, error: Exception) -> EdgeError:
        kind = type(error).__name__
        wrong = (trouble.InvalidURL, trouble.MissingSchema, trouble.InvalidSchema, UnicodeError)
        if isinstance(error, wrong):
            return Permanent(f"{shown(url)} is not a web address; write it as https://…")
        if isinstance(error, (trouble.Timeout, TimeoutError)) or _timed_out(error):
            return Transient(
                f"{shown(url)} did not answer in time ({self._limits.timeout:g} s a read, "
                f"{self._limits.deadline:g} s in all); it will be tried again"
            )
        return Transient(f"{shown(url)}: the connection failed ({kind}); it will be tried again")


def user_agent() -> str:
    """How we introduce ourselves to every server."""
    try:
        number = version("earful")
    except PackageNotFoundError:  # run from a tree that is not installed
        number = "0"
    return f"Earful/{number} (+self-hosted listener for mentions of a brand)"


def shown(url: str) -> str:
    """``url`` as an error may show it: without login, query and fragment, which can hold keys."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return repr(url[:40])
    if not host:
        return repr(url.partition("?")[0][:80])
    return f"{parts.scheme}://{host}{parts.path}"[:200] + ("?…" if parts.query else "")


def _check_scheme(url: str) -> None:
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    if parts.scheme.lower() not in _PORTS or not parts.netloc:
        raise Permanent(f"{shown(url)} is not a web address; write it as https://…")


def _next(url: str, location: str) -> str:
    """Where a redirect leads, when that is the same host and no less safe; Permanent otherwise."""
    target = ""
    try:
        target = urljoin(url, location)
        here, there = urlsplit(url), urlsplit(target)
        same = _origin(here) == _origin(there)
        safer = (here.scheme, there.scheme) == ("http", "https") and here.hostname == there.hostname
    except ValueError:
        same = safer = False
    if location and (same or safer):
        return target
    raise Permanent(
        f"{shown(url)} sends us on to {shown(target) if target else 'nowhere'}, which is another "
        "host; if that is right, put the new address into settings.toml"
    )


def _origin(parts: SplitResult) -> tuple[Any, ...]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _too_big(url: str, most: int) -> Permanent:
    return Permanent(
        f"{shown(url)}: the answer is over {most:,} bytes; raise the option max_bytes if that is "
        "what you expect there"
    )


def _timed_out(error: BaseException) -> bool:
    """requests gives a read timeout in the body as a ConnectionError; look at what is inside."""
    inside = [arg for arg in error.args if isinstance(arg, BaseException)]
    return any(isinstance(one, TimeoutError) or "Timeout" in type(one).__name__ for one in inside)
