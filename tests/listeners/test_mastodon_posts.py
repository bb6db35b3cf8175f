"""Statuses become Mentions: HTML, names, ids, and recorded answers of real servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from loopback import Asked, Reply, Site
from mastodon_server import Instance

from earful.contracts import BadItem
from earful.limits import UnlimitedMeter
from earful.types import Query
from listeners.mastodon.listener import Mastodon
from listeners.mastodon.posts import local_id, to_mention

NOW = datetime(2026, 8, 2, tzinfo=UTC)
RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "recorded" / "mastodon"


def status(**overrides: Any) -> dict[str, Any]:
    return Instance("https://kestrova.social").toot(1_700_000_000, **overrides)


def read(**overrides: Any):
    return to_mention(status(**overrides), host="kestrova.social", fetched_at=NOW, direct=False)


def test_links_mentions_and_paragraphs_become_plain_text() -> None:
    mention = read(
        content=(
            '<p><span class="h-card"><a href="https://a.example/@shop" class="u-url mention">@'
            "<span>shop</span></a></span> look &amp; weep:<br>"
            '<a href="https://news.example/a-long-path/of-words">'
            '<span class="invisible">https://</span>'
            '<span class="ellipsis">news.example/a-long-pa</span>'
            '<span class="invisible">th/of-words</span></a></p><p>'
            '<a href="x" class="mention hashtag">#<span>Fail</span></a></p>'
        ),
        mentions=[{"acct": "shop@a.example", "username": "shop"}, {"acct": "kim"}],
    )
    assert mention.text == "@shop look & weep:\nhttps://news.example/a-long-path/of-words\n#Fail"
    assert mention.context == "#kestrova\n@shop@a.example\n@kim@kestrova.social"


def test_hostile_markup_is_text() -> None:
    mention = read(
        content="<p>a<script>alert(1)</script><img src=x onerror=y>&lt;b&gt;\x00\u202eb</p>",
        spoiler_text="<b>warning</b>",
        url="javascript:alert(1)",
        account=status()["account"] | {"display_name": "<i>Kim</i>\n\u202e", "url": "data:x"},
    )
    assert mention.text == "warning\na\n<b>b"
    assert mention.url == mention.external_id
    assert mention.author.url is None
    assert mention.author.name == "<i>Kim</i>"


def test_a_post_from_the_future_is_dated_now() -> None:
    assert read(created_at="3000-01-01T00:00:00.000Z").published_at == NOW
    assert read(created_at="2026-08-01T00:00:00.000Z").published_at == NOW - timedelta(days=1)


def test_a_post_without_text_uses_its_picture_descriptions() -> None:
    mention = read(content="", media_attachments=[{"description": "a broken bottle"}, {}, None])
    assert mention.text == mention.context.splitlines()[-1] == "a broken bottle"
    with pytest.raises(BadItem, match="no words"):
        read(content="<p></p>")


def test_text_beside_the_post_is_context() -> None:
    mention = read(
        poll={"options": [{"title": "Kestrova"}, {"title": "others"}]},
        card={"title": "About Kestrova", "description": "d", "url": "https://news.example/k"},
    )
    assert mention.context.splitlines() == [
        *("#kestrova", "Kestrova", "others", "About Kestrova", "d", "https://news.example/k")
    ]


def test_a_boost_names_its_original() -> None:
    original = status(content="<p>all of it</p>")
    mention = read(reblog=original, content="", uri="https://a.example/users/b/statuses/9/activity")
    assert (mention.text, mention.repost_of) == ("all of it", original["uri"])
    assert mention.external_id.endswith("/activity")


def test_numbers_and_dates() -> None:
    mention = read(edited_at="2023-11-15T00:00:00.000Z", language="pt-BR", in_reply_to_id="12")
    assert mention.edited_at == datetime(2023, 11, 15, tzinfo=UTC)
    assert (mention.lang, mention.reply_to) == ("pt", "12")
    engagement = mention.engagement
    assert (engagement.shares, engagement.likes, engagement.replies) == (2, 3, 1)
    assert mention.author.followers == 12


def test_ids_of_this_server_only() -> None:
    for uri, expected in {
        "https://a.example/users/kim/statuses/112": "112",
        "https://A.example/ap/users/9/statuses/112": "112",
        "https://a.example/users/kim/statuses/112/activity": "112",
        "https://a.example/users/kim/statuses/01HXYZ": "01HXYZ",
        "https://a.example/@kim/112": "112",
        "https://a.example/objects/abc-def": None,
        "https://a.example/users/kim/statuses/../../x": None,
        "https://b.example/users/kim/statuses/112": None,
        "https://b.example/?u=https://a.example/@kim/112": None,
    }.items():
        assert local_id(uri, "a.example") == expected, uri


@pytest.fixture
def recorded() -> Path:
    if not RECORDED.is_dir():
        pytest.skip("no ../shared beside the project: it holds the recorded answers of servers")
    return RECORDED


def _recorded_statuses(folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(folder.glob("*.yaml")):
        for interaction in yaml.safe_load(file.read_text())["interactions"]:
            try:
                answer = json.loads(interaction["response"]["body"]["string"])
            except ValueError:
                continue
            items = answer.get("statuses", []) if isinstance(answer, dict) else answer
            yield from (item for item in items if isinstance(item, dict) and "uri" in item)


def test_every_recorded_status_can_be_read(recorded: Path) -> None:
    statuses = list(_recorded_statuses(recorded))
    assert len(statuses) > 50
    for status_ in statuses:
        mention = to_mention(status_, host="localhost:3000", fetched_at=NOW, direct=False)
        assert mention is not None
        assert mention.external_id == status_["uri"]
        assert mention.text
        assert "@" in mention.author.handle


def test_a_hashtag_as_mastodon_4_6_answers_it(recorded: Path, site: Site) -> None:
    tape = yaml.safe_load((recorded / "test_hashtag_tl.yaml").read_text())["interactions"]
    site.script = lambda request: _played(tape, request)
    query = Query(
        id="m/k",
        brand_id="k",
        source="mastodon",
        any_of=("hoot",),
        options={"instances": [site.url]},
    )
    meter = UnlimitedMeter()
    batches = list(Mastodon(clock=lambda: NOW, meter=meter).poll(query, None))
    (mention,) = [mention for batch in batches for mention in batch.mentions]
    assert mention.text == "#hoot (hashtag toot)"
    assert mention.author.handle == f"mastodonpy_test_2@{site.url.partition('://')[2]}"
    assert mention.published_at == datetime(2026, 8, 1, 13, 55, 55, 867000, tzinfo=UTC)
    assert meter.received > 1000
    assert [seen.until for batch in batches for seen in batch.seen] == [NOW]


def _played(tape: list[dict[str, Any]], request: Asked) -> Reply:
    """Return the recorded answer for this path; below the oldest post there is nothing."""
    for interaction in tape:
        path = urlsplit(interaction["request"]["uri"]).path
        if path == request.path and "max_id" not in request.query:
            response = interaction["response"]
            headers = {name: values[0] for name, values in response["headers"].items()}
            return Reply(body=response["body"]["string"].encode(), headers=headers)
    return Reply(body=b"[]")
