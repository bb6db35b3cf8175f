"""The blocks of the feedback service: [feedback], [[form]] and [[hook]]."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from earful.settings.blocks import Block, Name, Port, Proxy
from earful.settings.errors import SettingsError, nearest
from earful.types import Brand, Query

_NETLOC = re.compile(r"([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:\d+)?")
# Seconds between polls of an inbox. It lies on our own disk, so polling costs nothing.
_EVERY = 60.0


def _origin(value: object) -> object:
    """Check a site as browsers name it in Origin: scheme, host, and a port unless it is usual.

    A browser sends plain ASCII without wildcards:
    https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin
    """
    if not isinstance(value, str):
        return value
    parts = urlsplit(value.strip().lower())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError("is not a site; write it as https://www.example.com")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("has a path; a site is only https://www.example.com")
    match = _NETLOC.fullmatch(parts.netloc)
    if match is None:
        raise ValueError(
            "is not how browsers name a site; open it, type location.origin into the browser's "
            "console, and write what that says; * is not understood, name each site"
        )
    usual = {"http": 80, "https": 443}[parts.scheme]
    port = f":{parts.port}" if parts.port not in (None, usual) else ""
    return f"{parts.scheme}://{match[1]}{port}"


Origin = Annotated[str, BeforeValidator(_origin)]
FrontName = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9-]*$",
        max_length=40,
        description="small letters, digits and -, with a letter first",
    ),
]
_Limit = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]


class FeedbackSettings(Block):
    """[feedback]: where `earful feedback serve` listens, and its inbox."""

    host: str = "127.0.0.1"
    port: Port = 8600
    url: Origin | None = None
    inbox: Path = Path("data/inbox")
    trusted_proxies: tuple[Proxy, ...] = ()
    per_minute: _Limit = 3
    per_hour: _Limit = 10


class _Front(Block):
    """The common keys of a form and a hook."""

    name: FrontName
    brand: Name


class FormSettings(_Front):
    """One [[form]]: a question to visitors, and the sites that may show it."""

    question: Literal["nps", "faces"] = "nps"
    sites: tuple[Origin, ...] = ()
    per_hour: _Limit = 2000

    @property
    def scale(self) -> str:
        """The kind of rating that it gives: "nps" or "csat"."""
        return "nps" if self.question == "nps" else "csat"


class HookMap(Block):
    """``map`` of a [[hook]]: the place of each field in the JSON; user.name is a nested key."""

    text: str = "text"
    id: str = "id"
    author: str = "author"
    author_id: str = "author_id"
    name: str = "name"
    published_at: str = "published_at"
    url: str = "url"
    lang: str = "lang"
    reply_to: str = "reply_to"
    rating: str = "rating"


class HookSettings(_Front):
    """One [[hook]]: an address that other systems send signed JSON to."""

    map: HookMap = HookMap()
    scale: Literal["csat", "nps", "stars"] = "csat"
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,60}$")] | None = None
    prefix: str = ""

    @property
    def secret_name(self) -> str:
        """The name of its secret behind EARFUL_."""
        return f"HOOK_{self.name.upper().replace('-', '_')}_SECRET"


def queries(
    brands: Mapping[str, Brand],
    feedback: FeedbackSettings,
    forms: Sequence[FormSettings],
    hooks: Sequence[HookSettings],
) -> tuple[Query, ...]:
    """The query of each form and hook: it empties its inbox. ``brands`` are by folded name."""
    inbox = str(feedback.inbox)
    return tuple(
        Query(
            id=f"{source}/{brands[block.brand.casefold()].id}/{block.name}",
            brand_id=brands[block.brand.casefold()].id,
            source=source,
            every=_EVERY,
            options={kind: block.name, "inbox": inbox},
        )
        for source, kind, blocks in _kinds(forms, hooks)
        for block in blocks
    )


def check(
    file: str, brands: Sequence[str], forms: Sequence[FormSettings], hooks: Sequence[HookSettings]
) -> None:
    """Raise SettingsError for an unknown brand and for a repeated name."""
    for _, kind, blocks in _kinds(forms, hooks):
        names: list[str] = []
        for number, block in enumerate(blocks, 1):
            place = f"{file}: [[{kind}]] {number}"
            if block.brand.casefold() not in {name.casefold() for name in brands}:
                raise SettingsError(
                    f"{place}: there is no brand {block.brand!r}{nearest(block.brand, brands)}"
                )
            if block.name in names:
                raise SettingsError(
                    f"{place}: {block.name!r} is there twice", hint="Give it another name."
                )
            names.append(block.name)


def _kinds(
    forms: Sequence[FormSettings], hooks: Sequence[HookSettings]
) -> tuple[tuple[str, str, Sequence[_Front]], ...]:
    """Return each kind of block: its source, its name in settings and options, its blocks."""
    return ("feedback", "form", forms), ("webhook", "hook", hooks)
