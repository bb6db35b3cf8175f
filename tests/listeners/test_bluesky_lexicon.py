"""Requests to Bluesky, and answers of our loopback server, follow the lexicons.

The official models of atproto check both.
"""

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
    called: set[str] = set()

    def script(request: Asked) -> Reply:
        reply = network(request)
        name = request.path.removeprefix("/xrpc/")
        question, answer = LEXICONS[name]
        get_or_create(_parameters(request, question), question)
        assert get_or_create(json.loads(reply.body), answer) is not None
        called.add(name)
        return reply

    site.script = script
    for number in range(150):
        network.post(number, NOW.timestamp() - 100 - number)
    network.notify(999, NOW.timestamp() - 5)
    options = {"service": site.url, "api": site.url, "handle": HANDLE}
    query = Query(
        id="b",
        brand_id="b",
        source="bluesky",
        any_of=("kestrova",),
        options=options | {"kinds": ["search", "mentions"]},
    )
    listener = Bluesky(clock=lambda: NOW)
    mentions = [mention for batch in listener.poll(query, None) for mention in batch.mentions]
    assert len(mentions) == 151
    listener.recheck(query, mentions)
    assert called == LEXICONS.keys() - {"app.bsky.actor.getProfiles"}


def _parameters(request: Asked, model: Any) -> dict[str, Any]:
    """Return the request's parameters with the types of its model, and only names of the model."""
    parameters: dict[str, Any] = dict(request.query)
    if request.method == "POST":
        parameters = json.loads(request.body)
    parameters |= {key: request.every[key] for key in LISTS & parameters.keys()}
    if "limit" in parameters:
        parameters["limit"] = int(parameters["limit"])
    assert parameters.keys() <= {field.alias or name for name, field in model.model_fields.items()}
    return parameters
