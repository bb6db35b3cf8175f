"""The options of a [[listen]] block with source = "mastodon"."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from earful.settings.load import Duration
from listeners.common.options import WebOptions
from listeners.mastodon.client import check_address


class MastodonOptions(WebOptions):
    """The options of a [[listen]] block; see docs/sources/mastodon.md."""

    instances: Annotated[tuple[str, ...], Field(min_length=1)]
    kinds: Annotated[tuple[Literal["hashtag", "search", "mentions"], ...], Field(min_length=1)] = (
        "hashtag",
    )
    since: Duration = timedelta(days=7)
    overlap: Duration = timedelta(hours=1)
    max_requests: Annotated[int, Field(ge=1, le=250)] = 60

    @field_validator("instances")
    @classmethod
    def _check_addresses(cls, instances: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(check_address(url).rstrip("/") for url in instances))

    @model_validator(mode="after")
    def _check_one_server(self) -> MastodonOptions:
        if self.needs_token and len(self.instances) > 1:
            raise ValueError(
                "instances: search and mentions need an access token, which belongs to one server. "
                "Give each server a [[listen]] block with an account of its own"
            )
        return self

    @property
    def needs_token(self) -> bool:
        """Return whether a kind is shown to members only."""
        return self.kinds != ("hashtag",)
