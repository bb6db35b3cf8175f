"""Sign-ins as signed cookies: who the visitor is, and until when.

The key is random at each start of `earful up`, and mixed with the password: a restart or another
password ends every sign-in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from earful import clock as wall
from earful.clock import Clock

KEY_VARIABLE = "EARFUL_DASHBOARD_KEY"
LASTS = timedelta(hours=12)  # a working day; the next one begins with the password
BROWSER_LASTS = timedelta(days=90)
_MAX_COOKIE = 2_000  # characters; ours are shorter


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One sign-in."""

    id: str
    visitor: str
    since: datetime

    def lasts_at(self, now: datetime) -> bool:
        """Say whether it is valid; one from the future is not, because the clock was set back."""
        return self.since <= now < self.since + LASTS


class Sessions:
    """Issues and reads the cookies of one server."""

    def __init__(
        self, password: str, *, port: int, key: str | None = None, clock: Clock = wall.now
    ) -> None:
        secret = key or os.environ.get(KEY_VARIABLE) or secrets.token_hex(32)
        self._key = hmac.new(secret.encode(), password.encode(), hashlib.sha256).digest()
        self._clock = clock
        self._ended: dict[str, datetime] = {}
        # Cookies know hosts but no ports: two servers on one host must not share a name
        # (https://www.rfc-editor.org/rfc/rfc6265#section-8.5).
        self.cookie = f"earful_session_{port}"
        self.browser_cookie = f"earful_browser_{port}"

    def issue(self, visitor: str) -> str:
        """Return the cookie of a new sign-in."""
        fields = {
            "id": secrets.token_hex(8),
            "visitor": visitor,
            "since": int(self._clock().timestamp()),
        }
        return self._sign("session", json.dumps(fields))

    def read(self, cookies: Mapping[str, str]) -> Session | None:
        """Return the valid sign-in among a request's cookies, else None."""
        text = self._verify("session", cookies.get(self.cookie, ""))
        if text is None:
            return None
        fields = json.loads(text)
        since = datetime.fromtimestamp(fields["since"], tz=self._clock().tzinfo)
        session = Session(id=fields["id"], visitor=fields["visitor"], since=since)
        return session if self.is_valid(session) else None

    def is_valid(self, session: Session) -> bool:
        """Say whether the sign-in has neither run out nor been ended."""
        return session.id not in self._ended and session.lasts_at(self._clock())

    def end(self, session: Session) -> None:
        """End a sign-in: a copy of its cookie is worthless from now on."""
        now = self._clock()
        self._ended = {id_: at for id_, at in self._ended.items() if now - at < LASTS}
        self._ended[session.id] = now

    def issue_browser(self) -> str:
        """Return the cookie that marks a browser from which someone has signed in."""
        return self._sign("browser", secrets.token_hex(8))

    def read_browser(self, cookies: Mapping[str, str]) -> str | None:
        """Return the id of a browser that has signed in before, else None."""
        return self._verify("browser", cookies.get(self.browser_cookie, ""))

    def _sign(self, purpose: str, text: str) -> str:
        # without "=", which a cookie may hold in quotation marks only
        payload = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        return f"{payload}.{self._signature(purpose, payload)}"

    def _verify(self, purpose: str, cookie: str) -> str | None:
        if len(cookie) > _MAX_COOKIE or not cookie.isascii():
            return None
        payload, _, signature = cookie.partition(".")
        if not hmac.compare_digest(signature, self._signature(purpose, payload)):
            return None
        return base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()

    def _signature(self, purpose: str, payload: str) -> str:
        # the purpose keeps a browser's mark from passing as a sign-in
        return hmac.new(self._key, f"{purpose}:{payload}".encode(), hashlib.sha256).hexdigest()


@dataclass(slots=True)
class _Current:
    sessions: Sessions | None = None


_current = _Current()


def use(sessions: Sessions) -> None:
    """Let the pages of this process read the sign-ins that its gate issues."""
    _current.sessions = sessions


def current() -> Sessions | None:
    """Return the sessions of this process's gate; None without a gate or a password."""
    return _current.sessions
