"""Answer 503 while too many requests are at work; the health check is always answered."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

MAX_REQUESTS = 500  # at work at once
HEALTH = "/healthz"
_RETRY_AFTER = "5"  # seconds


class BusyLimit:
    """Count the requests at work, and refuse more than the bound."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._at_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the inner ASGI application, unless there is too much work."""
        if scope["type"] != "http" or scope["path"] == HEALTH:
            await self._app(scope, receive, send)
            return
        if self._at_work >= MAX_REQUESTS:
            busy = JSONResponse(
                {"error": "too many requests at once"},
                status_code=503,
                headers={"Retry-After": _RETRY_AFTER, "Connection": "close"},
            )
            await busy(scope, receive, send)
            return
        self._at_work += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._at_work -= 1
