"""What we ask of Bluesky, and what our loopback server answers, held against the lexicons as
the official models of atproto have them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from atproto_client import models
from atproto_client.models.utils import get_or_create
from bluesky_server import HANDLE, PASSWORD, Network
from loopback import Asked, Reply, Site

from earful.types import Query
from listeners.bluesky import client
from listeners.bluesky.listener import Bluesky

NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)
LEXICONS: dict[str, tuple[Any, Any]] = {
    "com.atproto.server.createSession": (
        models.ComAtprotoServerCreateSession.Data,
        models.ComAtprotoServerCreateSession.Response,
    ),
    "app.bsky.feed.searchPosts": (
        models.AppBskyFeedSearchPosts.Params,
        models.AppBskyFeedSearchPosts.Response,
    ),
    "app.bsky.notification.listNotifications": (
        models.AppBskyNotificationListNotifications.Params,
        models.AppBskyNotificationListNotifications.Response,
    ),
    "app.bsky.feed.getPosts": (
        models.AppBskyFeedGetPosts.Params,
        models.AppBskyFeedGetPosts.Response,
    ),
    "app.bsky.actor.getProfiles": (
        models.AppBskyActorGetProfiles.Params,
        models.AppBskyActorGetProfiles.Response,
    ),
}
LISTS = {"uris", "actors", "reasons"}


def test_questions_and_answers_are_as_the_lexicons_say(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_LOGINS", {})
    monkeypatch.setenv("EARFUL_BLUESKY_APP_PASSWORD", PASSWORD)
    network = Network()
    met: set[str] = set()

    def script(asked: Asked) -> Reply:
        reply = network(asked)
        name = asked.path.removeprefix("/xrpc/")
        question, answer = LEXICONS[name]
        get_or_create(_question(asked, question), question)
        assert get_or_create(json.loads(reply.body), answer) is not None
        met.add(name)
        return reply

    site.script = script
    for number in range(150):
        network.post(number, NOW.timestamp() - 100 - number)
    network.letter(999, NOW.timestamp() - 5)
    options = {"service": site.url, "api": site.url, "handle": HANDLE}
    query = Query(
        id="b",
        brand_id="b",
        source="bluesky",
        any_of=("kestrova",),
        options=options | {"kinds": ["search", "mentions"]},
    )
    listener = Bluesky(clock=lambda: NOW)
    found = [one for batch in listener.poll(query, None) for one in batch.mentions]
    assert len(found) == 151
    listener.recheck(query, found)
    assert met == LEXICONS.keys() - {"app.bsky.actor.getProfiles"}


def _question(asked: Asked, model: Any) -> dict[str, Any]:
    """The question with numbers and lists as its model has them; no name that it does not know."""
    given: dict[str, Any] = dict(asked.query)
    if asked.method == "POST":
        given = json.loads(asked.body)
    given |= {key: asked.every[key] for key in LISTS & given.keys()}
    if "limit" in given:
        given["limit"] = int(given["limit"])
    assert given.keys() <= {field.alias or name for name, field in model.model_fields.items()}
    return given
