"""Apple's feed of customer reviews, in the shapes that it has had."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from loopback import Asked, Reply, Site
from world_appstore import TheWorld, feed, label, review

import listeners
from earful.contracts import Transient
from earful.enums import GapKind
from earful.settings.errors import SettingsError
from earful.types import Batch, Mention, Query, Rating
from listeners.appstore import AppReviews

NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)
AT = "2024-05-19T10:00:00-07:00"


def query(site: Site, **options: object) -> Query:
    usual: dict[str, object] = {"apps": ["7"], "countries": ["gr"], "endpoint": site.url}
    return Query(id="appstore/k", brand_id="k", source="appstore", options=usual | options)


def poll(site: Site, position: str | None = None, **options: object) -> list[Batch]:
    return list(AppReviews(clock=lambda: NOW).poll(query(site, **options), position))


def mentions(batches: list[Batch]) -> list[Mention]:
    return [one for batch in batches for one in batch.mentions]


def shows(site: Site, entries: Any, pages: int = 1) -> None:
    site.script = lambda _asked: TheWorld.json(feed(entries, pages))


def test_a_review(site: Site) -> None:
    shows(site, [review(11, AT)])
    (one,) = mentions(poll(site))
    assert (one.source, one.external_id) == ("appstore", "11")
    assert one.text == "Late again\nkestrova is late"
    assert one.rating == Rating(kind="stars", value=2, lowest=1, highest=5)
    assert one.published_at == datetime(2024, 5, 19, 17, 0, tzinfo=UTC)
    assert (one.author.external_id, one.author.handle) == ("1002", "user2")
    assert one.engagement.likes == 3
    assert one.direct and one.lang is None
    assert one.url == "https://apps.apple.com/gr/app/id7?see-all=reviews"


def test_one_review_is_not_in_a_list(site: Site) -> None:
    shows(site, review(11, AT))
    assert [one.external_id for one in mentions(poll(site))] == ["11"]


def test_the_app_itself_is_no_review(site: Site) -> None:
    app = {
        "im:name": label("Kestrova"),
        "id": label("https://apps.apple.com/7"),
        "title": label("K"),
    }
    shows(site, [app, review(11, AT)])
    batches = poll(site)
    assert [one.external_id for one in mentions(batches)] == ["11"]
    assert not any(batch.rejected for batch in batches)


def test_no_reviews(site: Site) -> None:
    shows(site, [])
    batches = poll(site)
    assert mentions(batches) == [] and batches[0].seen and not batches[0].gaps


def test_html_and_odd_fields(site: Site) -> None:
    nobody = {"author": {}, "im:rating": label("9"), "content": label("a &amp; b<br/>c")}
    shows(site, [review(11, AT, **nobody), review(12, AT, author={"name": label("Ann")})])
    first, second = mentions(poll(site))
    assert first.text == "Late again\na & b\nc"
    assert first.rating is None
    assert (first.author.external_id, first.author.handle) == ("review-11", "anonymous")
    assert (second.author.external_id, second.author.handle) == ("review-12", "Ann")


def test_what_cannot_be_read_is_told(site: Site) -> None:
    bad = [
        review(1, "yesterday"),
        review(2, AT, id=label("")),
        review(3, AT, title=label(""), content=label(" ")),
        "no object",
        review(4, AT),
    ]
    shows(site, bad)
    batches = poll(site)
    reasons = [one.reason for batch in batches for one in batch.rejected]
    assert [one.external_id for one in mentions(batches)] == ["4"]
    assert len(reasons) == 4 and "updated: 'yesterday' is not a time" in reasons[0]


def test_an_edited_review_comes_again(site: Site) -> None:
    shows(site, [review(11, AT)])
    position = poll(site)[-1].position
    edited = review(11, "2024-05-20T01:00:00-07:00", content=label("now it is fine"))
    shows(site, [edited])
    (one,) = mentions(poll(site, position))
    assert (one.external_id, one.text) == ("11", "Late again\nnow it is fine")


def test_every_store_of_every_app_is_a_feed(site: Site) -> None:
    shows(site, [review(11, AT)])
    batches = poll(site, apps=["7", "id8"], countries=["gr", "US"])
    asked = sorted(one.path.removesuffix("/sortby=mostrecent/json") for one in site.asked)
    assert asked == [
        f"/{country}/rss/customerreviews/page=1/id={app}"
        for country, app in [("gr", 7), ("gr", 8), ("us", 7), ("us", 8)]
    ]
    assert {one.part for batch in batches for one in batch.seen} == {"7/gr", "7/us", "8/gr", "8/us"}


def test_below_500_reviews_nothing_can_be_seen(site: Site) -> None:
    at = NOW - timedelta(days=1)

    def script(asked: Asked) -> Reply:
        number = int(asked.path.split("page=")[1].split("/")[0])
        entries = [
            review(n, at - timedelta(minutes=n)) for n in range(number * 50 - 50, number * 50)
        ]
        return TheWorld.json(feed(entries, 10))

    site.script = script
    batches = poll(site)
    assert len(mentions(batches)) == 500
    assert len(site.asked) == 10
    (gap,) = [one for batch in batches for one in batch.gaps]
    assert (gap.kind, gap.lost) == (GapKind.CEILING, True)
    assert "500 newest reviews" in gap.reason
    assert gap.until <= at - timedelta(minutes=498)


def test_pages_that_are_not_full_are_followed(site: Site) -> None:
    def script(asked: Asked) -> Reply:
        number = int(asked.path.split("page=")[1].split("/")[0])
        at = NOW - timedelta(days=1, minutes=number)
        return TheWorld.json(feed([review(number, at)], 3))

    site.script = script
    assert [one.external_id for one in mentions(poll(site))] == ["1", "2", "3"]


def test_an_empty_page_before_the_last_is_tried_again(site: Site) -> None:
    shows(site, [], pages=4)
    with pytest.raises(Transient, match="page 1 of 4 is empty"):
        poll(site)


def test_a_page_without_a_single_time_is_no_page(site: Site) -> None:
    shows(site, [review(number, "soon") for number in range(50)])
    with pytest.raises(Transient, match="no review on the page has a readable time"):
        poll(site)


@pytest.mark.parametrize("body", [b"[]", b'{"feed": 3}', b'{"feed": []}', b"null", b"<xml/>"])
def test_what_is_no_feed(site: Site, body: bytes) -> None:
    site.script = lambda _asked: Reply(body=body)
    with pytest.raises(Transient, match="no feed of reviews"):
        poll(site)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"apps": ["kestrova"]}, "is no app's number"),
        ({"apps": []}, "apps"),
        ({"countries": ["Greece"]}, "is no country's code"),
        ({"cuontries": ["gr"]}, "did you mean 'countries'"),
    ],
)
def test_wrong_options(site: Site, options: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        listeners.check_query(query(site, **options))


XML = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns:im="http://itunes.apple.com/rss" xmlns="http://www.w3.org/2005/Atom" xml:lang="en">
<id>https://itunes.apple.com/gr/rss</id><updated>2024-05-20T02:00:00-07:00</updated>
<link rel="last" href="https://itunes.apple.com/gr/rss/customerreviews/page=1/id=7/x"/>
<entry><updated>2024-05-19T10:00:00-07:00</updated><id>11</id><title>Late again</title>
<content type="html">&lt;table&gt;stars&lt;/table&gt;</content>
<content type="text">kestrova &amp;amp; co are late</content>
<im:voteSum>3</im:voteSum><im:voteCount>4</im:voteCount><im:rating>2</im:rating>
<author><name>user2</name><uri>https://itunes.apple.com/gr/reviews/id1002</uri></author></entry>
</feed>"""


def undated(number: int) -> dict[str, Any]:
    return {key: value for key, value in review(number, AT).items() if key != "updated"}


def serves(site: Site, json_body: Any, xml: Reply) -> None:
    site.script = lambda asked: TheWorld.json(json_body) if asked.path.endswith("json") else xml


def test_where_the_json_has_no_times_the_xml_is_read(site: Site) -> None:
    serves(site, feed([undated(11)], 1), Reply(body=XML.encode()))
    (mention,) = mentions(poll(site))
    assert mention.text == "Late again\nkestrova & co are late"
    assert mention.published_at == datetime(2024, 5, 19, 17, 0, tzinfo=UTC)
    assert mention.rating == Rating(kind="stars", value=2, lowest=1, highest=5)
    assert (mention.author.external_id, mention.author.handle) == ("1002", "user2")
    assert mention.engagement.likes == 3
    assert len(site.asked) == 2


def test_a_feed_that_answers_in_xml_is_read(site: Site) -> None:
    site.script = lambda _asked: Reply(body=XML.encode())
    assert [mention.external_id for mention in mentions(poll(site))] == ["11"]


@pytest.mark.parametrize(
    "xml",
    [
        Reply(status=404),
        Reply(body=b"<html/>"),
        Reply(body=XML.replace("<feed", "<!DOCTYPE x []><feed").encode()),
    ],
)
def test_without_times_in_either_form_each_review_says_so(site: Site, xml: Reply) -> None:
    serves(site, feed([undated(11)], 1), xml)
    batches = poll(site)
    assert mentions(batches) == []
    reasons = [reject.reason for batch in batches for reject in batch.rejected]
    assert reasons == ["updated: it is missing"]
