"""Sign visitors in and out."""

from __future__ import annotations

import asyncio
import math
from datetime import timedelta
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope

from dashboard.gate import endpoints, origins, pages
from dashboard.gate.attempts import SignInAttempts, keys_of
from dashboard.gate.cookies import read_cookies
from dashboard.gate.sessions import BROWSER_LASTS, LASTS, Session, Sessions
from earful.untrusted import one_line

_MAX_FORM = 8_192  # bytes; name, password and address are shorter
_FORM_WITHIN = 10.0  # seconds, so that a slow sender holds nothing


class SignInDesk:
    """Answers `/sign-in` and `/sign-out`, and asks for the password before a page."""

    def __init__(
        self, sessions: Sessions, password: str, attempts: SignInAttempts | None = None
    ) -> None:
        self._sessions = sessions
        self._password = password
        self._attempts = attempts or SignInAttempts()
        self._pages = endpoints.page_paths()

    async def answer(self, scope: Scope, receive: Receive, session: Session | None) -> Response:
        """Answer a request for `/sign-in` or `/sign-out`."""
        is_sign_in = scope["path"] == endpoints.SIGN_IN
        if scope["method"] == "POST":
            if not origins.is_same_origin(scope["headers"]):
                return PlainTextResponse("This form belongs to another site.\n", status_code=403)
            if is_sign_in:
                return await self._sign_in(scope, receive)
            return self._sign_out(scope, session)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("No page needs this.\n", status_code=405)
        if is_sign_in:
            return _go_to("/") if session else _page(pages.draw_sign_in("/"))
        if session is None:
            return _go_to("/")
        # only the link on our own page; another port of this machine is "same-site" at most
        if origins.header(scope["headers"], b"sec-fetch-site") == "same-origin":
            return self._sign_out(scope, session)
        return _page(pages.draw_sign_out())

    def ask(self, scope: Scope) -> Response:
        """Return the sign-in page in the place of a page that needs it."""
        target = endpoints.local_target(
            scope["path"] + "?" + scope["query_string"].decode("latin-1"), self._pages
        )
        if origins.header(scope["headers"], b"sec-fetch-site") == "cross-site":
            return _page(pages.draw_reload(target))
        return _page(pages.draw_sign_in(target))

    async def _sign_in(self, scope: Scope, receive: Receive) -> Response:
        form = await _read_form(receive)
        if form is None:
            return PlainTextResponse("This form cannot be read.\n", status_code=400)
        visitor = one_line(form.get("visitor", ""), 60)
        target = endpoints.local_target(form.get("next", "/"), self._pages)
        if not visitor:
            problem = "Please enter your name. Your colleagues see who has a case."
            return _page(pages.draw_sign_in(target, problem=problem), status=400)
        client = scope.get("client")
        browser_id = self._sessions.read_browser(read_cookies(scope))
        keys = keys_of(client[0] if client else None, browser_id)
        if not self._attempts.wait(keys):
            await asyncio.sleep(self._attempts.answer_after(keys))
        # read again: parallel attempts may have failed while this one slept
        if waiting := self._attempts.wait(keys):
            return self._too_many(target, visitor, waiting)
        if not self._attempts.check(keys, form.get("password", ""), self._password):
            problem = "This password is wrong."
            return _page(pages.draw_sign_in(target, visitor=visitor, problem=problem), status=403)
        return self._welcome(scope, target, visitor, is_known=browser_id is not None)

    def _too_many(self, target: str, visitor: str, waiting: float) -> Response:
        seconds = math.ceil(waiting)
        unit = "second" if seconds == 1 else "seconds"
        problem = f"Too many wrong passwords. Try again in {seconds} {unit}."
        answer = _page(pages.draw_sign_in(target, visitor=visitor, problem=problem), status=429)
        answer.headers["Retry-After"] = str(seconds)
        return answer

    def _welcome(self, scope: Scope, target: str, visitor: str, *, is_known: bool) -> Response:
        answer = _go_to(target)
        is_secure = origins.is_secure(scope["headers"], scope["scheme"])
        _set_cookie(answer, self._sessions.cookie, self._sessions.issue(visitor), LASTS, is_secure)
        if not is_known:
            mark = self._sessions.issue_browser()
            _set_cookie(answer, self._sessions.browser_cookie, mark, BROWSER_LASTS, is_secure)
        return answer

    def _sign_out(self, scope: Scope, session: Session | None) -> Response:
        if session is not None:
            self._sessions.end(session)
        answer = _go_to("/")
        is_secure = origins.is_secure(scope["headers"], scope["scheme"])
        _set_cookie(answer, self._sessions.cookie, "", timedelta(0), is_secure)
        return answer


def _set_cookie(answer: Response, name: str, value: str, lasts: timedelta, is_secure: bool) -> None:
    answer.set_cookie(
        name,
        value,
        max_age=int(lasts.total_seconds()),
        path="/",
        secure=is_secure,
        httponly=True,
        samesite="strict",
    )


async def _read_form(receive: Receive) -> dict[str, str] | None:
    """Return the fields of a posted form; None when it is too long, too slow or broken off."""
    body = b""
    try:
        async with asyncio.timeout(_FORM_WITHIN):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                body += message.get("body", b"")
                if len(body) > _MAX_FORM:
                    return None
                if not message.get("more_body"):
                    break
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=10)
    except (TimeoutError, ValueError):
        return None
    return {name: values[0] for name, values in fields.items()}


def _page(html: str, status: int = 200) -> Response:
    # a page that asks for a password is never shown again from a cache
    return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-store"})


def _go_to(target: str) -> Response:
    return Response(status_code=303, headers={"Location": target, "Cache-Control": "no-store"})
