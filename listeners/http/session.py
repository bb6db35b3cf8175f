"""The adapter under every HTTP client that Earful uses: bounded in time, size and reach.

Whatever library speaks to a platform, its requests pass here: they are asked of the purse and
counted in it, they never follow a redirect, never wait longer than the deadline, never read more
than ``max_bytes``, and a refusal is one of the three errors at once, before the library can sleep
or try again by itself. Meaning of statuses and of Retry-After: RFC 9110 sections 10.2.3, 15.4 to
15.6; RFC 6585 section 4.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests import exceptions as trouble
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import LocationValueError, MaxRetryError

from earful.clock import Clock
from earful.contracts import TRIED_AGAIN, EdgeError, SpendMeter, Transient
from listeners.http.deadline import TimedAdapter, deadline, seconds_left
from listeners.http.errors import (
    BrokenResponse,
    HttpRefusal,
    check_redirect,
    invalid_address,
    response_too_big,
    safe_url,
    unsendable_request,
    user_agent,
)

_CHUNK = 16 * 1024  # small: a chunk of a compression bomb unpacks to 1,000 times its size
_LATER = {408, 425, 429}
_LONGEST_WAIT = 7 * 86400.0  # seconds; a longer Retry-After is a mistake
_HINTS = {
    400: "the site does not understand the request; check the options",
    401: "the site wants a login; check the address or its key",
    403: "the site refuses us; check that the address may be read by a program",
    404: "there is nothing at this address; check its spelling",
    410: "it is gone for good; remove it from settings.toml",
}
_RESETS = ("x-rate-limit-reset", "x-ratelimit-reset", "ratelimit-reset")
_REMAINING = ("x-rate-limit-remaining", "x-ratelimit-remaining", "ratelimit-remaining")
_EPOCH_FROM = 1e9  # a reset above it is an instant, below it a number of seconds
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_MOST_SAID = 4096  # bytes of a refusal's body that are read for its reason

_NO_ADDRESS = (
    trouble.InvalidURL,
    trouble.MissingSchema,
    trouble.InvalidSchema,
    UnicodeError,
    LocationValueError,
)

# What a refusal's status and JSON object mean on this platform; None: what the status says
ExplainError = Callable[[int, Mapping[str, Any]], EdgeError | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """What one request may take: seconds for connecting and for each read, seconds in all, and
    bytes after decompression."""

    timeout: float = 15.0
    deadline: float = 60.0
    max_bytes: int = 10 * 1024 * 1024


class HttpSession(requests.Session):
    """A requests session that keeps the guard's rules, for a library that takes one.

    ``hints`` says for a status what a person should do, in words that fit this platform.
    ``explain`` gives the error for a status of 400 and above by its body, where that is a JSON
    object of at most 4 kB.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        meter: SpendMeter,
        limits: SessionLimits | None = None,
        hints: Mapping[int, str] | None = None,
        explain: ExplainError | None = None,
    ) -> None:
        super().__init__()
        guard = HttpAdapter(
            clock=clock,
            meter=meter,
            limits=limits or SessionLimits(),
            hints=hints or {},
            explain=explain,
        )
        self.mount("http://", guard)
        self.mount("https://", guard)
        self.headers["User-Agent"] = user_agent()
        self.headers["Accept-Encoding"] = "gzip, deflate"

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """As in requests, but the logins in a .netrc that lies about replace no token. Permanent
        when a key or the address cannot be sent: what requests says of it would hold them."""
        environment, self.trust_env = self.trust_env, False
        try:
            prepared = super().prepare_request(request)
            _check_headers(prepared.headers)
        except (trouble.InvalidHeader, UnicodeEncodeError):
            raise unsendable_request(request.url) from None
        except ValueError:  # not even a host can be read from it
            raise invalid_address(request.url) from None
        finally:
            self.trust_env = environment
        return prepared

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere: even when told not to follow one, requests looks where a redirect leads and
        reads all of its body first, however long that is."""


class HttpAdapter(TimedAdapter):
    """Sends one request and reads its whole answer, or raises one of the three errors."""

    def __init__(
        self,
        *,
        clock: Clock,
        meter: SpendMeter,
        limits: SessionLimits,
        hints: Mapping[int, str],
        explain: ExplainError | None,
    ) -> None:
        super().__init__()
        self._clock = clock
        self._meter = meter
        self._limits = limits
        self._mends = {**_HINTS, **hints}
        self._explain = explain

    def send(self, request: requests.PreparedRequest, *_: Any, **options: Any) -> requests.Response:
        """The answer with its body read. Raises Transient for 408, 425, 429, 5xx, timeouts and
        broken connections (Broken, once the request may have gone out); Permanent for other
        refusals, for redirects to another host, and for answers over ``max_bytes`` (TooBig); Spent
        when the purse says no. A 304 and a redirect on the same host are given back as they are."""
        url = request.url or ""
        options |= {"stream": True, "timeout": self._limits.timeout}
        self._meter.reserve(requests=1)
        try:
            with deadline(self._limits.deadline):
                response = super().send(request, **options)
                with response:  # what a refusal or a redirect says at length is not read
                    self._tell(response.headers)
                    self._refuse(url, response)
                    body = self._body(url, response) if response.status_code < 300 else b""
        except (trouble.RequestException, TimeoutError, UnicodeError, LocationValueError) as error:
            raise self._edge_error(url, error) from None  # its text may hold the key in the URL
        self._meter.reconcile(received=len(body))
        response._content = body  # as requests does it itself when it is told not to stream
        return response

    def _body(self, url: str, response: requests.Response) -> bytes:
        most = self._limits.max_bytes
        announced = response.headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced) > most:
            raise response_too_big(url, most)
        body = bytearray()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > most:
                raise response_too_big(url, most)
            seconds_left()
        return bytes(body)

    def _refuse(self, url: str, response: requests.Response) -> None:
        status = response.status_code
        if status < 300 or status == 304:
            return
        if status < 400:
            check_redirect(url, response.headers.get("Location", ""))
            return
        if self._explain and (error := self._explain(status, _said(response))):
            raise error
        if status in _LATER or status >= 500:
            wait = self._wait(response.headers)
            raise Transient(
                f"{safe_url(url)} answered {status}", hint=TRIED_AGAIN, retry_after=wait
            )
        hint = self._mends.get(status, "check the address and the options")
        raise HttpRefusal(f"{safe_url(url)} answered {status}: {hint}", status=status)

    def _tell(self, headers: CaseInsensitiveDict[str]) -> None:
        left = _first(headers, _REMAINING)
        reset = self._reset(_first(headers, _RESETS))
        if left is None and reset is None:
            return
        try:
            remaining = None if left is None else int(float(left))
        except (ValueError, OverflowError):
            remaining = None
        self._meter.report_remaining(remaining=remaining, reset_after=reset)

    def _wait(self, headers: CaseInsensitiveDict[str]) -> float | None:
        """Seconds that the platform asks us to wait: Retry-After, else its rate limit's reset."""
        value = (headers.get("Retry-After") or "").strip()
        if value.isdecimal():
            return min(float(value[:12]), _LONGEST_WAIT)
        if value:
            try:
                return self._until(parsedate_to_datetime(value))
            except (ValueError, TypeError, IndexError, OverflowError):
                return None  # unreadable, or a date without a zone: as if it were not there
        return self._reset(_first(headers, _RESETS))

    def _reset(self, value: str | None) -> float | None:
        """Platforms write it as an instant in ISO 8601, as an epoch, or as seconds to go."""
        if not value:
            return None
        try:
            number = float(value)
        except ValueError:
            try:
                return self._until(datetime.fromisoformat(value))
            except (ValueError, TypeError, OverflowError):
                return None
        if not number < 1e12:
            return None
        if number > _EPOCH_FROM:
            number -= self._clock().timestamp()
        return min(max(number, 0.0), _LONGEST_WAIT)

    def _until(self, instant: datetime) -> float:
        seconds = (instant - self._clock()) / timedelta(seconds=1)
        return min(max(seconds, 0.0), _LONGEST_WAIT)

    def _edge_error(self, url: str, error: Exception) -> EdgeError:
        kind = type(error).__name__
        if isinstance(error, _NO_ADDRESS):
            return invalid_address(url)
        failed = Transient if _never_sent(error) else BrokenResponse
        if isinstance(error, (trouble.Timeout, TimeoutError)) or _timed_out(error):
            return failed(
                f"{safe_url(url)} did not answer in time ({self._limits.timeout:g} s a read, "
                f"{self._limits.deadline:g} s in all)",
                hint=TRIED_AGAIN,
            )
        return failed(f"{safe_url(url)}: the connection failed ({kind})", hint=TRIED_AGAIN)


def _check_headers(headers: Mapping[str, str | bytes]) -> None:
    for value in headers.values():
        text = value if isinstance(value, str) else value.decode("latin-1")
        text.encode("latin-1")
        if _CONTROLS.search(text):
            raise trouble.InvalidHeader


def _first(headers: CaseInsensitiveDict[str], names: tuple[str, ...]) -> str | None:
    return next((headers[name] for name in names if headers.get(name)), None)


def _said(response: requests.Response) -> Mapping[str, Any]:
    """The JSON object that explains a refusal; nothing where there is none, or a long one."""
    if "json" not in response.headers.get("Content-Type", "").lower():
        return {}
    body = bytearray()
    for chunk in response.iter_content(_MOST_SAID):
        body += chunk
        if len(body) > _MOST_SAID:
            return {}
        seconds_left()
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _never_sent(error: Exception) -> bool:
    """True when there was no connection yet: urllib3 tells what breaks one as it is, and what keeps
    it from being made as a MaxRetryError."""
    return any(isinstance(one, MaxRetryError) for one in error.args)


def _timed_out(error: BaseException) -> bool:
    """requests gives a read timeout in the body as a ConnectionError; look at what is inside."""
    found = [arg for arg in error.args if isinstance(arg, BaseException)]
    return any(isinstance(one, TimeoutError) or "Timeout" in type(one).__name__ for one in found)
