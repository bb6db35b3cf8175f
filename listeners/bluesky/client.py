"""Call Bluesky over XRPC, and log in as rarely as possible.

XRPC: https://atproto.com/specs/xrpc. A login (com.atproto.server.createSession) is allowed 30 times
in 5 minutes and 300 times a day (https://docs.bsky.app/docs/advanced-guides/rate-limits). So its
tokens stay in memory for as long as the process lives, and are renewed with their own token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from earful.contracts import TRIED_AGAIN, Permanent, Transient
from listeners.http.errors import HttpRefusal, safe_url
from listeners.http.session import HttpSession

HINTS = {
    400: ("the request or the login is not accepted", "Check the options."),
    401: (
        "the login is refused",
        "Check the option handle, and make a new app password "
        "(Settings, Privacy and security, App passwords).",
    ),
    403: ("the server refuses, perhaps because it wants a login", "Set the option handle."),
    404: ("there is nothing at this address", "Check the option service or api."),
}
# An expired login is answered with 400, ExpiredToken.
_EXPIRED_STATUSES = {400, 401}
# Of one request, by the lexicons of getPosts and getProfiles.
_MAX_IDS = 25


@dataclass(frozen=True, slots=True)
class _Tokens:
    access: str
    refresh: str


# By service and handle. Tokens are secrets: never stored, never shown.
_LOGINS: dict[tuple[str, str], _Tokens] = {}


class XrpcClient:
    """Call a service without a login."""

    def __init__(self, service: str, session: HttpSession) -> None:
        self._service = service.rstrip("/")
        self._session = session

    def get(
        self, name: str, params: Mapping[str, str | int | Sequence[str]], token: str = ""
    ) -> Mapping[str, Any]:
        """Return the answer to a query.

        Raises the session's errors, and Transient when the answer is no JSON object.
        """
        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        url = f"{self._service}/xrpc/{name}"
        response = self._session.get(url, params=dict(params), headers=headers)
        return _json_object(url, response.content)

    def post(self, name: str, body: Mapping[str, str] | None, token: str = "") -> Mapping[str, Any]:
        """Return the answer to a procedure; errors as in get()."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"{self._service}/xrpc/{name}"
        response = self._session.post(url, json=body, headers=headers)
        return _json_object(url, response.content)

    def posts(self, uris: Sequence[str]) -> list[Mapping[str, Any]]:
        """Return the posts among these that the network shows to everybody."""
        return self._batches("app.bsky.feed.getPosts", "uris", uris, "posts")

    def profiles(self, dids: Sequence[str]) -> list[Mapping[str, Any]]:
        """Return the profiles of these accounts."""
        return self._batches("app.bsky.actor.getProfiles", "actors", dids, "profiles")

    def _batches(
        self, name: str, parameter: str, ids: Sequence[str], key: str
    ) -> list[Mapping[str, Any]]:
        objects: list[Mapping[str, Any]] = []
        for start in range(0, len(ids), _MAX_IDS):
            response = self.get(name, {parameter: list(ids[start : start + _MAX_IDS])})
            objects += [item for item in list_field(response, key) if isinstance(item, Mapping)]
        return objects


class AccountClient:
    """Call a service as one account."""

    def __init__(self, xrpc: XrpcClient, service: str, handle: str, password: str) -> None:
        self._xrpc = xrpc
        self._key = (service, handle)
        self._handle = handle
        self._password = password

    def get(self, name: str, params: Mapping[str, str | int | Sequence[str]]) -> Mapping[str, Any]:
        """Return the answer to a query, as XrpcClient.get.

        Renews an expired login once. Raises Permanent when the login is refused.
        """
        tokens = _LOGINS.get(self._key)
        if tokens is None:
            return self._xrpc.get(name, params, self._log_in().access)
        try:
            return self._xrpc.get(name, params, tokens.access)
        except HttpRefusal as error:
            if error.status not in _EXPIRED_STATUSES:
                raise
        return self._xrpc.get(name, params, self._renew(tokens).access)

    def _log_in(self) -> _Tokens:
        body = {"identifier": self._handle, "password": self._password}
        return self._remember(self._xrpc.post("com.atproto.server.createSession", body))

    def _renew(self, tokens: _Tokens) -> _Tokens:
        try:
            response = self._xrpc.post("com.atproto.server.refreshSession", None, tokens.refresh)
        except HttpRefusal as error:
            if error.status not in _EXPIRED_STATUSES:
                raise
            _LOGINS.pop(self._key, None)
            return self._log_in()
        return self._remember(response)

    def _remember(self, response: Mapping[str, Any]) -> _Tokens:
        access, refresh = response.get("accessJwt"), response.get("refreshJwt")
        if not isinstance(access, str) or not isinstance(refresh, str):
            raise Permanent(
                f"{self._key[0]} gave no login to {self._handle}",
                hint="Check the options service and handle.",
            )
        tokens = _Tokens(access, refresh)
        _LOGINS[self._key] = tokens
        return tokens


def list_field(response: Mapping[str, Any], key: str) -> list[Any]:
    """Return the list under a key. Raises Transient when there is none."""
    items = response.get(key)
    if not isinstance(items, list):
        raise Transient(
            f"the answer has no {key}",
            hint=f"{TRIED_AGAIN} If this repeats, the platform has changed.",
        )
    return items


def _json_object(url: str, body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Transient(
            f"{safe_url(url)}: the answer is no JSON object",
            hint=f"{TRIED_AGAIN} If this repeats, check the options service and api.",
        )
    return value
