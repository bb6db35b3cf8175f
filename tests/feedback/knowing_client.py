"""Hooks for schemathesis: what every client of the service knows, its token and its secret."""

from __future__ import annotations

import os
import time
from typing import Any

import requests
import schemathesis
from requests.auth import AuthBase

from feedback import signing


class Signed(AuthBase):
    """Signs the bytes as they leave."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        data = body.encode() if isinstance(body, str) else body
        secret = os.environ["EARFUL_HOOK_HELP_DESK_SECRET"]
        request.headers[signing.SIGNATURE] = signing.sign(secret, data, int(time.time()))
        return request


@schemathesis.hook
def before_call(_context: Any, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """A string where the token should be becomes the token."""
    form = case.path.removeprefix("/f/")
    if isinstance(case.body, dict) and isinstance(case.body.get("token"), str):
        secret = os.environ["EARFUL_FEEDBACK_SECRET"]
        case.body["token"] = signing.token(secret, form, signing.PAGE)
    if case.path.startswith("/hook/"):
        kwargs["auth"] = Signed()
