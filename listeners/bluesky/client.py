"""Questions to Bluesky: XRPC over HTTPS, with a login that is made as rarely as can be.

XRPC: https://atproto.com/specs/xrpc. A login (com.atproto.server.createSession) may be made 30
times in 5 minutes and 300 times a day (https://docs.bsky.app/docs/advanced-guides/rate-limits), so
what it gave is kept in memory for as long as the process lives, and is renewed with its own token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from earful.contracts import Permanent, Transient
from listeners.http.errors import Refused, shown
from listeners.http.session import GuardedSession

HINTS = {
    400: "the question or the login is not accepted; check the options",
    401: "the login is refused; check the option handle, and make a new app password "
    "(Settings, Privacy and security, App passwords)",
    403: "the server refuses; it may want a login",
    404: "there is nothing at this address; check the option service or api",
}
_NOT_LOGGED_IN = {400, 401}  # an expired login is answered with 400, ExpiredToken
_MOST_ASKED = 25  # of getPosts and getProfiles


@dataclass(frozen=True, slots=True)
class _Tokens:
    access: str
    refresh: str


_LOGINS: dict[tuple[str, str], _Tokens] = {}  # (service, handle); never stored, never shown


class Xrpc:
    """A service asked without a login."""

    def __init__(self, service: str, session: GuardedSession) -> None:
        self._service = service.rstrip("/")
        self._session = session

    def get(
        self, name: str, params: Mapping[str, str | int | Sequence[str]], token: str = ""
    ) -> Mapping[str, Any]:
        """The answer to a query. Raises the guard's errors; Transient for what is no object."""
        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        url = f"{self._service}/xrpc/{name}"
        response = self._session.get(url, params=dict(params), headers=headers)
        return _object(url, response.content)

    def post(self, name: str, body: Mapping[str, str] | None, token: str = "") -> Mapping[str, Any]:
        """The answer to a procedure; errors as in get()."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"{self._service}/xrpc/{name}"
        response = self._session.post(url, json=body, headers=headers)
        return _object(url, response.content)

    def posts(self, uris: Sequence[str]) -> list[Mapping[str, Any]]:
        """Those of these posts that the network shows to everybody."""
        return self._several("app.bsky.feed.getPosts", "uris", uris, "posts")

    def profiles(self, dids: Sequence[str]) -> list[Mapping[str, Any]]:
        """Who these accounts are."""
        return self._several("app.bsky.actor.getProfiles", "actors", dids, "profiles")

    def _several(
        self, name: str, asked_as: str, wanted: Sequence[str], key: str
    ) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for start in range(0, len(wanted), _MOST_ASKED):
            answer = self.get(name, {asked_as: list(wanted[start : start + _MOST_ASKED])})
            found += [one for one in listed(answer, key) if isinstance(one, Mapping)]
        return found


class Account:
    """A service asked as somebody."""

    def __init__(self, xrpc: Xrpc, service: str, handle: str, password: str) -> None:
        self._xrpc = xrpc
        self._key = (service, handle)
        self._handle = handle
        self._password = password

    def get(self, name: str, params: Mapping[str, str | int | Sequence[str]]) -> Mapping[str, Any]:
        """As Xrpc.get. A login that has run out is renewed once. Permanent: the login is
        refused."""
        kept = _LOGINS.get(self._key)
        if kept is None:
            return self._xrpc.get(name, params, self._log_in().access)
        try:
            return self._xrpc.get(name, params, kept.access)
        except Refused as error:
            if error.status not in _NOT_LOGGED_IN:
                raise
        return self._xrpc.get(name, params, self._renew(kept).access)

    def _log_in(self) -> _Tokens:
        body = {"identifier": self._handle, "password": self._password}
        return self._keep(self._xrpc.post("com.atproto.server.createSession", body))

    def _renew(self, kept: _Tokens) -> _Tokens:
        try:
            answer = self._xrpc.post("com.atproto.server.refreshSession", None, kept.refresh)
        except Refused as error:
            if error.status not in _NOT_LOGGED_IN:
                raise
            _LOGINS.pop(self._key, None)
            return self._log_in()
        return self._keep(answer)

    def _keep(self, answer: Mapping[str, Any]) -> _Tokens:
        access, refresh = answer.get("accessJwt"), answer.get("refreshJwt")
        if not isinstance(access, str) or not isinstance(refresh, str):
            raise Permanent(
                f"{self._key[0]} gave no login to {self._handle}; check the options service and "
                "handle"
            )
        tokens = _Tokens(access, refresh)
        _LOGINS[self._key] = tokens
        return tokens


def listed(answer: Mapping[str, Any], key: str) -> list[Any]:
    """The list in an answer. Transient when there is none."""
    found = answer.get(key)
    if not isinstance(found, list):
        raise Transient(
            f"the answer has no {key}; it will be tried again, and if it stays so the platform has "
            "changed"
        )
    return found


def _object(url: str, body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Transient(
            f"{shown(url)}: the answer is no JSON object; it will be tried again, and if it stays "
            "so check the options service and api"
        )
    return found
