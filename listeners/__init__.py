"""Every platform that Earful can listen to: one module and one line below each."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Protocol

from pydantic import BaseModel, ValidationError

from earful import clock as wall
from earful.contracts import Listener, SpendMeter
from earful.limits import Limit, UnlimitedMeter
from earful.settings.errors import SettingsError, explain, nearest
from earful.types import Query

# source name -> the class in its module, imported when it is first asked for: start-up stays light
_REGISTER = {
    "appstore": "listeners.appstore:AppReviews",
    "bluesky": "listeners.bluesky.listener:Bluesky",
    "feedback": "listeners.inbox.feedback:Feedback",
    "folder": "listeners.files.folder:Folder",
    "hackernews": "listeners.hackernews:HackerNews",
    "mail": "listeners.mail.listener:Mail",
    "mastodon": "listeners.mastodon.listener:Mastodon",
    "mbox": "listeners.mail.mbox:Mbox",
    "reddit": "listeners.reddit.listener:Reddit",
    "replay": "listeners.files.replay:Replay",
    "rss": "listeners.feeds.listener:Rss",
    "webhook": "listeners.inbox.webhook:Webhook",
    "x": "listeners.x.listener:X",
    "youtube": "listeners.youtube.listener:Youtube",
}

# what each platform lets one account ask: where no [[account]] says otherwise. X says it with
# every answer, for each of its endpoints; the others that are not named here say nothing
_LIMITS = {
    # https://docs.bsky.app/docs/advanced-guides/rate-limits
    "bluesky": Limit(requests=3000, per=300),
    # https://hn.algolia.com/api
    "hackernews": Limit(requests=10_000, per=3600),
    # https://docs.joinmastodon.org/api/rate-limits/
    "mastodon": Limit(requests=300, per=300),
    # Reddit Data API Wiki, "Free access rate limits"
    "reddit": Limit(requests=100, per=60),
    # https://developers.google.com/youtube/v3/determine_quota_cost; quota days are Pacific time
    "youtube": Limit(units_per_day=10_000, zone="America/Los_Angeles"),
}


class UnknownSource(SettingsError, ValueError):
    """No listener has this name; the text gives the nearest one that there is."""


class _Plugin(Protocol):
    """What the register expects of a listener's class."""

    Options: type[BaseModel]

    def __call__(self, *, clock: wall.Clock, meter: SpendMeter) -> Listener: ...


def names() -> tuple[str, ...]:
    """Every source that can be named in ``[[listen]]``, in the order of the alphabet."""
    return tuple(sorted(_REGISTER))


def get(source: str, *, clock: wall.Clock = wall.now, meter: SpendMeter | None = None) -> Listener:
    """The listener for a source; does no I/O. Raises UnknownSource (a SettingsError).

    ``clock`` says what time it is: the tests and the demo bring their own. ``meter`` is what the
    poll may spend; without one it may spend what it likes.
    """
    return _plugin(source)(clock=clock, meter=meter or UnlimitedMeter())


def limit(source: str) -> Limit | None:
    """What the platform lets one account ask; None when it names no such limit."""
    return _LIMITS.get(source)


def check_query(query: Query) -> None:
    """Raise SettingsError when the source or one of its options is wrong; says how to mend it."""
    plugin = _plugin(query.source)
    place = f"[[listen]] {query.id} options"
    try:
        plugin.Options.model_validate(dict(query.options))
    except ValidationError as error:
        lines = explain(place, error, plugin.Options)
        # explain() writes sections as a settings file does; inside options a key is just a key
        bare = re.sub(rf"^({re.escape(place)}): \[(\w+)\]", r"\1: \2", lines, flags=re.MULTILINE)
        raise SettingsError(bare) from error


def _plugin(source: str) -> _Plugin:
    if source not in _REGISTER:
        raise UnknownSource(f"there is no source {source!r}{nearest(source, names())}")
    module, _, attribute = _REGISTER[source].partition(":")
    plugin: _Plugin = getattr(import_module(module), attribute)
    return plugin
