"""Base models of the listeners' options: frozen, without unknown keys, read from a query."""

from __future__ import annotations

import re
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from earful.contracts import Permanent
from earful.loopback import is_loopback
from earful.settings.errors import SettingsError, explain
from earful.settings.load import secret
from earful.types import Query
from listeners.http.session import SessionLimits

Seconds = Annotated[float, Field(gt=0, le=600)]
Bytes = Annotated[int, Field(ge=1024, le=256 * 1024 * 1024)]


class ListenerOptions(BaseModel):
    """Base of the options blocks."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _safe_address(address: str) -> str:
    parts = urlsplit(address)
    # a key over plain HTTP can be read on its way, but loopback stays on this machine
    plain = parts.scheme in ("http", "ws") and is_loopback(parts.hostname or "")
    if not parts.hostname or not (plain or parts.scheme in ("https", "wss")):
        raise ValueError(
            f"{address[:100]!r} is no address that a key may be sent to; write it as https://…"
        )
    return address


# Where keys are sent to: over TLS, or to this machine
SafeAddress = Annotated[str, AfterValidator(_safe_address)]


class WebOptions(ListenerOptions):
    """Base of the options of HTTP sources: the time and bytes of one request."""

    timeout: Seconds = 15.0
    deadline: Seconds = 60.0
    max_bytes: Bytes = 10 * 1024 * 1024

    @property
    def limits(self) -> SessionLimits:
        """Return the three as the limits of a session."""
        return SessionLimits(timeout=self.timeout, deadline=self.deadline, max_bytes=self.max_bytes)


Model = TypeVar("Model", bound=BaseModel)


def read_options(model: type[Model], query: Query) -> Model:
    """Return the query's options, checked; raise Permanent when they are wrong.

    ``listeners.check_query`` reports the same when settings are loaded. This covers queries that
    were made without settings.
    """
    try:
        return model.model_validate(dict(query.options))
    except ValidationError as error:
        raise Permanent(explain(f"{query.id} options", error, model)) from error


def account_secret(query: Query, name: str, *, hint: str) -> str:
    """Return the secret ``name`` of the query's account, from EARFUL_<ACCOUNT>_<name>.

    Raises Permanent when it is not set; ``hint`` is a sentence that says where to get it.
    """
    variable = f"{secret_prefix(query)}_{name}"
    try:
        password = secret(variable)
    except SettingsError as error:
        raise Permanent(str(error)) from None
    if password is None or not password.get_secret_value().strip():
        raise Permanent(
            f"EARFUL_{variable} is not set",
            hint=f"{hint} Put it there, or into a file that EARFUL_{variable}_FILE names.",
        )
    return password.get_secret_value().strip()


def secret_prefix(query: Query) -> str:
    """Return the prefix of the account's secrets, after EARFUL_: "X", "MASTODON_SHOP"."""
    return re.sub(r"[^A-Z0-9]", "_", (query.account or query.source).upper())
