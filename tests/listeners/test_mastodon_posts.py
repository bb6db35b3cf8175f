"""A status read as a Mention: HTML, names, ids; and answers that real servers gave."""

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


def status(**more: Any) -> dict[str, Any]:
    return Instance("https://kestrova.social").toot(1_700_000_000, **more)


def read(**more: Any):
    return to_mention(status(**more), host="kestrova.social", fetched_at=NOW, direct=False)


def test_links_mentions_and_paragraphs_become_plain_text() -> None:
    made = read(
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
    assert made.text == "@shop look & weep:\nhttps://news.example/a-long-path/of-words\n#Fail"
    assert made.context == "#kestrova\n@shop@a.example\n@kim@kestrova.social"


def test_hostile_markup_is_text() -> None:
    made = read(
        content="<p>a<script>alert(1)</script><img src=x onerror=y>&lt;b&gt;\x00\u202eb</p>",
        spoiler_text="<b>warning</b>",
        url="javascript:alert(1)",
        account=status()["account"] | {"display_name": "<i>Kim</i>\n\u202e", "url": "data:x"},
    )
    assert made.text == "warning\na\n<b>b"
    assert made.url == made.external_id
    assert made.author.url is None
    assert made.author.name == "<i>Kim</i>"


def test_a_post_from_the_future_was_written_by_now() -> None:
    assert read(created_at="3000-01-01T00:00:00.000Z").published_at == NOW
    assert read(created_at="2026-08-01T00:00:00.000Z").published_at == NOW - timedelta(days=1)


def test_a_picture_speaks_by_its_description() -> None:
    made = read(content="", media_attachments=[{"description": "a broken bottle"}, {}, None])
    assert made.text == made.context.splitlines()[-1] == "a broken bottle"
    with pytest.raises(BadItem, match="no words"):
        read(content="<p></p>")


def test_what_a_search_may_have_matched_is_context() -> None:
    made = read(
        poll={"options": [{"title": "Kestrova"}, {"title": "others"}]},
        card={"title": "About Kestrova", "description": "d", "url": "https://news.example/k"},
    )
    assert made.context.splitlines() == [
        *("#kestrova", "Kestrova", "others", "About Kestrova", "d", "https://news.example/k")
    ]


def test_a_boost_names_its_original() -> None:
    original = status(content="<p>all of it</p>")
    made = read(reblog=original, content="", uri="https://a.example/users/b/statuses/9/activity")
    assert (made.text, made.repost_of) == ("all of it", original["uri"])
    assert made.external_id.endswith("/activity")


def test_numbers_and_dates() -> None:
    made = read(edited_at="2023-11-15T00:00:00.000Z", language="pt-BR", in_reply_to_id="12")
    assert made.edited_at == datetime(2023, 11, 15, tzinfo=UTC)
    assert (made.lang, made.reply_to) == ("pt", "12")
    assert (made.engagement.shares, made.engagement.likes, made.engagement.replies) == (2, 3, 1)
    assert made.author.followers == 12


def test_ids_of_this_server_only() -> None:
    for uri, found in {
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
        assert local_id(uri, "a.example") == found, uri


@pytest.fixture
def recorded() -> Path:
    if not RECORDED.is_dir():
        pytest.skip("no ../shared beside the project: it holds answers that servers gave")
    return RECORDED


def _answers(folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(folder.glob("*.yaml")):
        for one in yaml.safe_load(file.read_text())["interactions"]:
            try:
                answer = json.loads(one["response"]["body"]["string"])
            except ValueError:
                continue
            found = answer.get("statuses", []) if isinstance(answer, dict) else answer
            yield from (each for each in found if isinstance(each, dict) and "uri" in each)


def test_every_recorded_status_can_be_read(recorded: Path) -> None:
    found = list(_answers(recorded))
    made = [to_mention(one, host="localhost:3000", fetched_at=NOW, direct=False) for one in found]
    assert len(made) > 50
    for one, status_ in zip(made, found, strict=True):
        assert one is not None
        assert one.external_id == status_["uri"]
        assert one.text
        assert "@" in one.author.handle


def test_a_hashtag_as_mastodon_4_6_answers_it(recorded: Path, site: Site) -> None:
    tape = yaml.safe_load((recorded / "test_hashtag_tl.yaml").read_text())["interactions"]
    site.script = lambda asked: _played(tape, asked)
    query = Query(
        id="m/k",
        brand_id="k",
        source="mastodon",
        any_of=("hoot",),
        options={"instances": [site.url]},
    )
    meter = UnlimitedMeter()
    batches = list(Mastodon(clock=lambda: NOW, meter=meter).poll(query, None))
    (made,) = [one for batch in batches for one in batch.mentions]
    assert made.text == "#hoot (hashtag toot)"
    assert made.author.handle == f"mastodonpy_test_2@{site.url.partition('://')[2]}"
    assert made.published_at == datetime(2026, 8, 1, 13, 55, 55, 867000, tzinfo=UTC)
    assert meter.received > 1000
    assert [seen.until for batch in batches for seen in batch.seen] == [NOW]


def _played(tape: list[dict[str, Any]], asked: Asked) -> Reply:
    """What the server answered to this path; below the oldest post there is nothing."""
    for one in tape:
        if urlsplit(one["request"]["uri"]).path == asked.path and "max_id" not in asked.query:
            headers = {name: values[0] for name, values in one["response"]["headers"].items()}
            return Reply(body=one["response"]["body"]["string"].encode(), headers=headers)
    return Reply(body=b"[]")
