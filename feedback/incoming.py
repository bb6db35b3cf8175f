"""Read requests and refuse them; every endpoint starts here."""

from __future__ import annotations

import asyncio
from math import ceil

from starlette.requests import ClientDisconnect, Request

_PATIENCE = 15.0  # seconds for a whole body, however slowly it drips


class InvalidSubmission(Exception):
    """A request is refused: its status, the reason as a sentence, and seconds until a retry."""

    def __init__(self, status: int, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after

    def headers(self) -> dict[str, str]:
        """Return the headers of the answer."""
        fields = {}
        if self.retry_after is not None:
            fields["Retry-After"] = str(ceil(self.retry_after))
        if self.status in (408, 413):  # the rest of the body is not wanted
            fields["Connection"] = "close"
        return fields


async def body_of(request: Request, max_bytes: int) -> bytes:
    """Read the whole body.

    InvalidSubmission: it has more than ``max_bytes`` bytes, announced or not, or it is too slow.
    """
    too_much = InvalidSubmission(413, f"the body is over {max_bytes:,} bytes")
    length = request.headers.get("content-length", "")
    # Fifteen digits exceed every limit, and int() raises for more than 4,300.
    if length.isascii() and length.isdecimal() and int(length[:15]) > max_bytes:
        raise too_much
    body = bytearray()
    try:
        async with asyncio.timeout(_PATIENCE):
            async for chunk in request.stream():
                body += chunk
                # A chunked body announces no length (test_too_much_is_refused_while_it_is_read).
                if len(body) > max_bytes:
                    raise too_much
    except TimeoutError as error:
        raise InvalidSubmission(408, "the body took too long") from error
    except ClientDisconnect as error:
        raise InvalidSubmission(400, "the connection ended before the body did") from error
    return bytes(body)


def media_type(request: Request) -> str:
    """Return the media type of the body, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def from_ourselves(request: Request, url: str | None) -> bool:
    """Return whether a page of this service sent the request."""
    host = request.headers.get("host", "")
    return request.headers.get("origin") in (url, f"http://{host}", f"https://{host}")
