"""The gate: an ASGI application in front of Streamlit's.

Each request passes these steps, in this order:

1. `/healthz` answers everyone, also while Streamlit is busy.
2. Without a password, only this machine's own names are answered (DNS rebinding).
3. `/sign-in` and `/sign-out` are the gate's own pages.
4. With a password, a request without a valid sign-in gets the sign-in page, or a refusal.
5. Paths and methods that no page needs are refused, before a byte of their body is read.
6. The websocket must come from this very site. Its messages are bounded, and filtered by kind.
7. Every answer carries the security headers.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.gate import endpoints, messages, origins, pages
from dashboard.gate.cookies import read_cookies
from dashboard.gate.headers import OWN_PAGE_POLICY, secured, streamlit_policy
from dashboard.gate.sessions import Session, Sessions
from dashboard.gate.sign_in import SignInDesk

_log = logging.getLogger("earful.dashboard")
# As RFC 6455 names them: a policy was broken; the data are of a wrong kind.
_POLICY, _WRONG_DATA = 1008, 1003


class Gate:
    """Streamlit behind password, limits and an allow-list."""

    def __init__(self, app: ASGIApp, *, sessions: Sessions | None, desk: SignInDesk | None) -> None:
        """``sessions`` and ``desk`` are None where loopback needs no password."""
        self._app = app
        self._sessions = sessions
        self._desk = desk
        self._pages = endpoints.page_paths()
        self._policy = streamlit_policy()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI asks."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        own = self._with_headers(send, OWN_PAGE_POLICY)
        answer = await self._own_answer(scope, receive)
        if answer is not None:
            await answer(scope, receive, own)
            return
        await self._app(scope, receive, self._with_headers(send, self._policy))

    async def _own_answer(self, scope: Scope, receive: Receive) -> Response | None:
        """Return the gate's answer; None where Streamlit may answer."""
        path, method = scope["path"], scope["method"]
        if path == endpoints.HEALTH and method in ("GET", "HEAD"):
            return PlainTextResponse("ok\n")
        if self._sessions is None and not origins.is_own_name(scope["headers"]):
            return _refuse(403, "This page answers to this machine's own names only.")
        session = self._session(scope)
        if path in (endpoints.SIGN_IN, endpoints.SIGN_OUT):
            if self._desk is None:
                return _go_to("/")
            return await self._desk.answer(scope, receive, session)
        if path.endswith("/") and path[:-1] in self._pages:
            return _go_to(path[:-1])
        if not endpoints.is_allowed(method, path, self._pages):
            return self._refuse_path(
                scope, has_access=self._sessions is None or session is not None
            )
        if self._sessions is None or session is not None:
            return None
        if path in self._pages and self._desk is not None:
            return self._desk.ask(scope)
        # Streamlit's script shows these words in a page whose sign-in has ended.
        answer = _refuse(401, "You are signed out. Reload this page to sign in.")
        answer.headers["WWW-Authenticate"] = "Cookie"
        return answer

    def _refuse_path(self, scope: Scope, *, has_access: bool) -> Response:
        if scope["method"] not in ("GET", "HEAD"):
            return _refuse(405, "No page needs this.")
        if has_access and "text/html" in (origins.header(scope["headers"], b"accept") or ""):
            return HTMLResponse(pages.draw_nothing_here(), status_code=404)
        return _refuse(404, "There is nothing here.")

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        session = self._session(scope)
        headers = scope["headers"]
        is_open = self._sessions is None and origins.is_own_name(headers)
        is_from_here = origins.is_same_origin(headers) and scope["path"] == endpoints.STREAM
        if not is_from_here or not (is_open or session is not None):
            await receive()
            await send({"type": "websocket.close", "code": _POLICY})
            return
        stream = _Stream(receive, send, self._sessions, session)
        await self._app(scope, stream.receive, stream.send)

    def _session(self, scope: Scope) -> Session | None:
        if self._sessions is None:
            return None
        return self._sessions.read(read_cookies(scope))

    def _with_headers(self, send: Send, policy: str) -> Send:
        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": secured(list(message["headers"]), policy)}
            await send(message)

        return send_secured


class _Stream:
    """The websocket of one visitor, with the messages that a page needs."""

    def __init__(
        self, receive: Receive, send: Send, sessions: Sessions | None, session: Session | None
    ) -> None:
        self._receive, self._send = receive, send
        self._sessions, self._session = sessions, session
        self._is_closed = False
        self._has_reported = False

    async def receive(self) -> MutableMapping[str, Any]:
        """Return the next message that may pass."""
        while True:
            message = await self._receive()
            if message["type"] != "websocket.receive":
                return message
            data = message.get("bytes")
            if data is None or len(data) > messages.MAX_MESSAGE:
                return await self._close(_WRONG_DATA)
            kind = messages.kind_of(data)
            if kind not in messages.NEEDED:
                self._report(kind)
            elif self._is_signed_in():
                return message
            elif kind == messages.RUN:
                # The whole script runs, sees the ended sign-in and draws nothing but that. The
                # message itself might run a part of the page, or press a button.
                return {**message, "bytes": messages.PLAIN_RUN}

    async def send(self, message: Message) -> None:
        """Send, unless the gate has closed the connection; Streamlit learns of that later."""
        if not self._is_closed:
            await self._send(message)

    def _is_signed_in(self) -> bool:
        if self._sessions is None:
            return True
        return self._session is not None and self._sessions.is_valid(self._session)

    async def _close(self, code: int) -> Message:
        if not self._is_closed:
            self._is_closed = True
            await self._send({"type": "websocket.close", "code": code})
        return {"type": "websocket.disconnect", "code": code}

    def _report(self, kind: str | None) -> None:
        # once a connection: a visitor must not fill the log
        if not self._has_reported:
            self._has_reported = True
            _log.info("a browser's message was dropped: %s", kind or "unreadable")


def _refuse(status: int, sentence: str) -> Response:
    return PlainTextResponse(sentence + "\n", status_code=status)


def _go_to(target: str) -> Response:
    return Response(status_code=303, headers={"Location": target})
