"""The options of a [[listen]] block with source = "bluesky"."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from earful.settings.load import Duration
from listeners.common.options import SafeAddress, WebOptions


class BlueskyOptions(WebOptions):
    """The options of a [[listen]] block; see docs/sources/bluesky.md."""

    mode: Literal["search", "jetstream"] = "search"
    handle: str = ""
    kinds: Annotated[tuple[Literal["search", "mentions"], ...], Field(min_length=1)] = ("search",)
    since: Duration = timedelta(days=7)
    overlap: Duration = timedelta(hours=6)
    max_requests: Annotated[int, Field(ge=8, le=500)] = 60
    service: SafeAddress = "https://bsky.social"
    api: SafeAddress = "https://public.api.bsky.app"
    jetstream: SafeAddress = "wss://jetstream2.us-east.bsky.network/subscribe"
    seconds: Annotated[float, Field(gt=0, le=120)] = 10.0

    @model_validator(mode="after")
    def _check_mode(self) -> BlueskyOptions:
        if self.mode == "jetstream" and "mentions" in self.kinds:
            raise ValueError(
                "kinds: the stream has no mentions of an account. Give them a [[listen]] block of "
                'their own, with mode = "search"'
            )
        if self.mode == "search" and not self.handle.strip().lstrip("@"):
            raise ValueError(
                'handle: the search needs a login. Give the account\'s name, as "shop.bsky.social"'
            )
        return self
