"""Make the service's answers: headers, pages and refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from pydantic import BaseModel
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from feedback.incoming import InvalidSubmission

ASSETS = Path(__file__).parent
_PAGES = Environment(
    loader=FileSystemLoader(ASSETS), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
_ALWAYS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # no-referrer would make the form's own origin "null"
    "X-Content-Type-Options": "nosniff",
}


class Problem(BaseModel):
    """Why something was refused, in a sentence."""

    error: str


class SafeHeaders:
    """Put security headers on every answer that has none of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the inner ASGI application, and add the headers."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def problem(refusal: InvalidSubmission) -> Response:
    """Return a refusal for a program."""
    return JSONResponse(
        {"error": refusal.reason}, status_code=refusal.status, headers=refusal.headers()
    )


def page(
    name: str,
    words: Mapping[str, Any],
    *,
    sites: Sequence[str],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: object,
) -> Response:
    """Return a page for a person, escaped; only ``sites`` may show it in a frame."""
    frames = " ".join(sites) or "'none'"
    policy = (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
        f"frame-ancestors {frames}"
    )
    return HTMLResponse(
        _PAGES.get_template(name).render(words=words, **context),
        status_code=status,
        headers={"Content-Security-Policy": policy, **(headers or {})},
    )


def allow(request: Request, response: Response, sites: Sequence[str]) -> Response:
    """Let a page of one of ``sites`` read the answer (CORS). No cookie ever travels."""
    origin = request.headers.get("origin")
    # A cache must not answer one site with another's permission
    # (https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches).
    response.headers.add_vary_header("Origin")
    if origin in sites:
        response.headers["Access-Control-Allow-Origin"] = origin or ""
        # Scripts of other sites cannot read this header without it, and the pop-up needs it.
        response.headers["Access-Control-Expose-Headers"] = "Retry-After"
    return response
