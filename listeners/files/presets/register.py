"""Every format that ``--from`` names: one line each."""

from __future__ import annotations

from listeners.files.presets import (
    chats,
    downloads,
    forms,
    helpdesk,
    monitoring,
    own_export,
    reddit_dumps,
    reviews,
    snscrape,
    whatsapp,
    x_posts,
    zendesk,
)
from listeners.files.presets.types import Preset

_ALL: tuple[Preset, ...] = (
    reviews.PLAY_CONSOLE,
    reviews.APPSTORE_CONNECT,
    reviews.TRUSTPILOT,
    monitoring.MELTWATER,
    monitoring.BRANDWATCH,
    monitoring.TALKWALKER,
    monitoring.SPROUT,
    zendesk.ZENDESK,
    helpdesk.INTERCOM,
    helpdesk.FRESHDESK,
    x_posts.X_ARCHIVE,
    x_posts.TWARC,
    snscrape.SNSCRAPE,
    reddit_dumps.PUSHSHIFT,
    downloads.YOUTUBE_TAKEOUT,
    downloads.FACEBOOK_DOWNLOAD,
    downloads.INSTAGRAM_DOWNLOAD,
    chats.TELEGRAM,
    chats.DISCORD,
    whatsapp.WHATSAPP,
    forms.GOOGLE_FORMS,
    forms.SURVEYMONKEY,
    own_export.EARFUL,
)
PRESETS: dict[str, Preset] = {preset.name: preset for preset in _ALL}
