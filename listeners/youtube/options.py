"""Options of the source "youtube"; docs/sources/youtube.md explains each."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, model_validator

from earful.settings.load import Duration
from listeners.common.options import SafeAddress, WebOptions


class YoutubeOptions(WebOptions):
    """The ``options`` of the source "youtube", as docs/sources/youtube.md explains them."""

    videos: tuple[
        Annotated[
            str,
            Field(pattern=r"^[A-Za-z0-9_-]{11}$", description="the 11 characters behind watch?v="),
        ],
        ...,
    ] = ()
    channels: tuple[
        Annotated[
            str,
            Field(
                pattern=r"^UC[A-Za-z0-9_-]{22}$",
                description="a channel's id, UC and 22 characters, not its @handle",
            ),
        ],
        ...,
    ] = ()
    search: bool = False
    replies: bool = True
    since: Annotated[Duration, Field(ge=timedelta(minutes=1))] = timedelta(days=1)
    overlap: Annotated[Duration, Field(ge=timedelta(minutes=1))] = timedelta(days=1)
    max_requests: Annotated[int, Field(ge=2, le=500)] = 50
    endpoint: SafeAddress = "https://youtube.googleapis.com"

    @model_validator(mode="after")
    def _require_source(self) -> YoutubeOptions:
        if not (self.videos or self.channels or self.search):
            raise ValueError(
                'channels: nothing is named; give channels = ["UC…"], videos = ["…"] or '
                "search = true"
            )
        return self
