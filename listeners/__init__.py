"""Every platform that Earful can listen to: one module and one line below each."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module

from pydantic import ValidationError

from earful import clock as wall
from earful.contracts import Listener, SpendMeter
from earful.limits import Limit, UnlimitedMeter
from earful.settings.errors import SettingsError, explain, nearest
from earful.types import Query
from listeners.common.base import SourceListener

# source name -> the class in its module, imported at its first use: start-up stays light
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


class UnknownSource(SettingsError, ValueError):
    """No listener has this name; the text gives the nearest name."""


def names() -> tuple[str, ...]:
    """Return the names of all sources for ``[[listen]]``, in alphabetical order."""
    return tuple(sorted(_REGISTER))


def get(source: str, *, clock: wall.Clock = wall.now, meter: SpendMeter | None = None) -> Listener:
    """Return the listener for a source; does no I/O. Raises UnknownSource (a SettingsError).

    ``clock`` gives the time; tests and the demo pass their own. ``meter`` bounds the requests and
    money of a poll; without one a poll is unbounded.
    """
    return _plugin(source)(clock=clock, meter=meter or UnlimitedMeter())


def limit(source: str) -> Limit | None:
    """Return the platform's published limit of one account; None where it names none."""
    return _plugin(source).limit if source in _REGISTER else None


@cache
def handles_have_at(source: str) -> bool:
    """Tell whether people of this source go by a handle with an @ before it.

    True for a source without a listener: an import may name its rows after any platform.
    """
    return source not in _REGISTER or _plugin(source).handles_have_at


def check_query(query: Query) -> None:
    """Raise SettingsError when the source or one of its options is wrong; its text has the fix."""
    plugin = _plugin(query.source)
    place = f"[[listen]] {query.id} options"
    try:
        plugin.Options.model_validate(dict(query.options))
    except ValidationError as error:
        lines = explain(place, error, plugin.Options)
        # explain() writes sections as a settings file does; inside options a key is just a key
        bare = re.sub(rf"^({re.escape(place)}): \[(\w+)\]", r"\1: \2", lines, flags=re.MULTILINE)
        raise SettingsError(bare) from error


def _plugin(source: str) -> type[SourceListener]:
    if source not in _REGISTER:
        raise UnknownSource(f"there is no source {source!r}{nearest(source, names())}")
    module, _, attribute = _REGISTER[source].partition(":")
    plugin: type[SourceListener] = getattr(import_module(module), attribute)
    return plugin
