"""The adapter under every HTTP client that Earful uses: bounded in time, size and reach.

The requests of every platform library pass here. The meter reserves and counts each one. No
request follows a redirect, waits beyond the deadline, or reads more than ``max_bytes``. A refusal
raises one of the three errors at once, before the library can sleep or retry. Meaning of statuses
and of Retry-After: RFC 9110 sections 10.2.3, 15.4 to 15.6; RFC 6585 section 4.
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
# the same request may succeed later: RFC 9110 section 15.5.9, RFC 8470 section 5.2, RFC 6585
# section 4
_LATER = {408, 425, 429}
_LONGEST_WAIT = 7 * 86400.0  # seconds; a longer Retry-After is a mistake
Hints = Mapping[int, tuple[str, str]]
_HINTS: Hints = {
    400: ("the site does not understand the request", "Check the options."),
    401: ("the site wants a login", "Check the address or its key."),
    403: ("the site refuses us", "Check that programs may read the address."),
    404: ("there is nothing at this address", "Check its spelling."),
    410: ("it is gone for good", "Remove it from settings.toml."),
}
_UNEXPECTED = ("the request is refused", "Check the address and the options.")
_RESETS = ("x-rate-limit-reset", "x-ratelimit-reset", "ratelimit-reset")
_REMAINING = ("x-rate-limit-remaining", "x-ratelimit-remaining", "ratelimit-remaining")
_EPOCH_FROM = 1e9  # a reset above it is an instant, below it a number of seconds
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_MAX_EXPLANATION = 4096  # bytes of a refusal's body that are read for its reason

_NO_ADDRESS = (
    trouble.InvalidURL,
    trouble.MissingSchema,
    trouble.InvalidSchema,
    UnicodeError,
    LocationValueError,
)

# The error for a refusal's status and JSON object; None: the error that its status stands for
ExplainError = Callable[[int, Mapping[str, Any]], EdgeError | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """Limits of one request.

    ``timeout``: seconds to connect, and for each read. ``deadline``: seconds in all.
    ``max_bytes``: bytes after decompression.
    """

    timeout: float = 15.0
    deadline: float = 60.0
    max_bytes: int = 10 * 1024 * 1024


class HttpSession(requests.Session):
    """A requests session on the adapter below, for a library that takes one.

    ``hints``: by status, the reason and the fix in words that fit this platform. ``explain``
    returns the error for a status of 400 and above from its body, where that is a JSON object of
    at most 4 kB.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        meter: SpendMeter,
        limits: SessionLimits | None = None,
        hints: Hints | None = None,
        explain: ExplainError | None = None,
    ) -> None:
        super().__init__()
        adapter = HttpAdapter(
            clock=clock,
            meter=meter,
            limits=limits or SessionLimits(),
            hints=hints or {},
            explain=explain,
        )
        self.mount("http://", adapter)
        self.mount("https://", adapter)
        self.headers["User-Agent"] = user_agent()
        # alike on every machine: requests adds br and zstd where their packages are installed
        self.headers["Accept-Encoding"] = "gzip, deflate"

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Prepare a request as requests does, without logins from a .netrc file.

        Raises Permanent when a key or the address cannot be sent.
        """
        # a login in .netrc would replace our token; and requests' own errors quote the key
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
        """Return no target for any redirect.

        Even with redirects off, requests looks for the target and first reads the whole body.
        """


class HttpAdapter(TimedAdapter):
    """Send one request and read its whole response, or raise one of the three errors."""

    def __init__(
        self,
        *,
        clock: Clock,
        meter: SpendMeter,
        limits: SessionLimits,
        hints: Hints,
        explain: ExplainError | None,
    ) -> None:
        super().__init__()
        self._clock = clock
        self._meter = meter
        self._limits = limits
        self._hints = {**_HINTS, **hints}
        self._explain = explain

    def send(self, request: requests.PreparedRequest, *_: Any, **options: Any) -> requests.Response:
        """Send the request and return its response with the body read.

        A 304 and a redirect on the same host are returned as they are. Raises Transient for 408,
        425, 429, 5xx, timeouts and broken connections (BrokenResponse once the request may have
        been sent). Raises Permanent for other refusals, for redirects to another host, and for
        responses over ``max_bytes`` (ResponseTooBig). Raises Spent when the meter refuses.
        """
        url = request.url or ""
        options |= {"stream": True, "timeout": self._limits.timeout}
        self._meter.reserve(requests=1)
        try:
            with deadline(self._limits.deadline):
                response = super().send(request, **options)
                with response:  # the body of a redirect or a long refusal is not read
                    self._report_remaining(response.headers)
                    self._raise_refusal(url, response)
                    body = self._body(url, response) if response.status_code < 300 else b""
        except (trouble.RequestException, TimeoutError, UnicodeError, LocationValueError) as error:
            raise self._edge_error(url, error) from None  # its text may hold the key in the URL
        self._meter.reconcile(received=len(body))
        response._content = body  # as requests does itself without stream=True
        return response

    def _body(self, url: str, response: requests.Response) -> bytes:
        max_bytes = self._limits.max_bytes
        announced = response.headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced) > max_bytes:
            raise response_too_big(url, max_bytes)
        body = bytearray()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > max_bytes:
                raise response_too_big(url, max_bytes)
            seconds_left()  # raises at the deadline; data that is buffered needs no read
        return bytes(body)

    def _raise_refusal(self, url: str, response: requests.Response) -> None:
        status = response.status_code
        if status < 300 or status == 304:
            return
        if status < 400:
            check_redirect(url, response.headers.get("Location", ""))
            return
        if self._explain and (error := self._explain(status, _explanation(response))):
            raise error
        if status in _LATER or status >= 500:
            wait = self._wait(response.headers)
            raise Transient(
                f"{safe_url(url)} answered {status}", hint=TRIED_AGAIN, retry_after=wait
            )
        reason, hint = self._hints.get(status, _UNEXPECTED)
        raise HttpRefusal(f"{safe_url(url)} answered {status}: {reason}", status=status, hint=hint)

    def _report_remaining(self, headers: CaseInsensitiveDict[str]) -> None:
        header = _first(headers, _REMAINING)
        reset = self._reset(_first(headers, _RESETS))
        if header is None and reset is None:
            return
        try:
            remaining = None if header is None else int(float(header))
        except (ValueError, OverflowError):
            remaining = None
        self._meter.report_remaining(remaining=remaining, reset_after=reset)

    def _wait(self, headers: CaseInsensitiveDict[str]) -> float | None:
        """Return the seconds to wait: Retry-After, else the reset of the rate limit."""
        value = (headers.get("Retry-After") or "").strip()
        if value.isdecimal():
            return min(float(value[:12]), _LONGEST_WAIT)
        if value:
            try:
                return self._until(parsedate_to_datetime(value))
            except (ValueError, TypeError, IndexError, OverflowError):
                return None  # unreadable, or a date without a zone: the header is ignored
        return self._reset(_first(headers, _RESETS))

    def _reset(self, value: str | None) -> float | None:
        """Return the seconds until a reset.

        Platforms write it as an instant in ISO 8601, as an epoch, or as seconds to go.
        """
        if not value:
            return None
        try:
            number = float(value)
        except ValueError:
            try:
                return self._until(datetime.fromisoformat(value))
            except (ValueError, TypeError, OverflowError):
                return None
        # NaN, infinity, and milliseconds since 1970, which no platform here sends
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


def _explanation(response: requests.Response) -> Mapping[str, Any]:
    """Return the JSON object that explains a refusal; {} for none and for a long one."""
    if "json" not in response.headers.get("Content-Type", "").lower():
        return {}
    body = bytearray()
    for chunk in response.iter_content(_MAX_EXPLANATION):
        body += chunk
        if len(body) > _MAX_EXPLANATION:
            return {}
        seconds_left()
    try:
        explanation = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return explanation if isinstance(explanation, dict) else {}


def _never_sent(error: Exception) -> bool:
    """Tell whether the error came before there was a connection."""
    # urllib3 raises a broken connection as it is, and a failed connect as a MaxRetryError
    return any(isinstance(cause, MaxRetryError) for cause in error.args)


def _timed_out(error: BaseException) -> bool:
    """Tell whether a timeout is inside a library's error."""
    # requests raises a read timeout in the body as a ConnectionError
    causes = [arg for arg in error.args if isinstance(arg, BaseException)]
    return any(
        isinstance(cause, TimeoutError) or "Timeout" in type(cause).__name__ for cause in causes
    )
