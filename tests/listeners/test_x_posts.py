"""Answers of X, read as Mentions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from x_server import snowflake

from earful.types import Engagement, Mention
from listeners.x.post_ids import time_of_id
from listeners.x.posts import InvalidAnswer, PostsPage, parse_page, total_count
from listeners.x.problems import find_gone

NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)
AT = NOW - timedelta(hours=2)
ID = snowflake(AT)
USER = {
    "id": "77",
    "username": "ada_l",
    "name": "Ada\n L.",
    "verified": True,
    "public_metrics": {"followers_count": 1234},
}


def posts(*items: object, **around: object) -> PostsPage:
    answer = {"data": list(items), "includes": {"users": [USER]}, "meta": {}} | around
    return parse_page(answer, fetched_at=NOW)


def one(**fields: object) -> Mention:
    whole = {"id": ID, "text": "Kestrova", "author_id": "77", "created_at": "2024-05-20T10:00:00Z"}
    (mention,) = posts(whole | fields).mentions
    return mention


def test_a_post_is_whole() -> None:
    mention = one(
        lang="el",
        public_metrics={"retweet_count": 3, "quote_count": 2, "like_count": 8, "reply_count": 1},
        referenced_tweets=[{"type": "replied_to", "id": "17"}, {"type": "quoted", "id": "18"}],
    )
    assert (mention.source, mention.external_id) == ("x", ID)
    assert mention.url == f"https://x.com/ada_l/status/{ID}"
    assert mention.published_at == AT and mention.fetched_at == NOW
    assert (mention.lang, mention.reply_to, mention.repost_of) == ("el", "17", None)
    assert mention.engagement == Engagement(shares=5, likes=8, replies=1)
    assert not mention.direct and mention.edited_at is None
    author = mention.author
    assert (author.external_id, author.handle, author.name) == ("77", "ada_l", "Ada L.")
    assert (author.followers, author.verified) == (1234, True)
    assert author.url == "https://x.com/ada_l"


def test_an_author_that_x_hides_goes_by_the_number() -> None:
    mention = one(author_id="5")
    assert (mention.author.external_id, mention.author.handle) == ("5", "5")
    assert mention.author.followers is None
    assert mention.url == f"https://x.com/i/status/{ID}"


def test_two_posts_without_an_author_are_two_people() -> None:
    assert one(author_id=None).author.external_id == f"anonymous-{ID}"


@pytest.mark.parametrize(
    ("said", "kept"),
    [("en", "en"), ("iw", "he"), ("in", "id"), ("zh-TW", "zh"), ("und", None), ("qme", None)],
)
def test_languages_are_called_as_everywhere(said: str, kept: str | None) -> None:
    assert one(lang=said).lang == kept


def test_a_long_post_is_read_whole() -> None:
    link = {"url": "https://t.co/a", "expanded_url": "https://b.example/", "display_url": "b.ex"}
    note = {"text": "Kestrova " * 60 + "https://t.co/a", "entities": {"urls": [link]}}
    mention = one(text="Kestrova Kestrova…", note_tweet=note)
    assert mention.text.endswith("Kestrova b.ex") and len(mention.text) > 500
    assert mention.context == "https://b.example/"


def test_links_are_readable_and_what_is_behind_them_is_context() -> None:
    urls = [
        {
            "url": "https://t.co/abc",
            "expanded_url": "https://kestrova.example/offers?a=1&b=2",
            "display_url": "kestrova.example/offers?a…",
            "unwound_url": "https://kestrova.example/offers",
            "title": "Offers",
        },
        {
            "url": "https://t.co/pic",
            "expanded_url": "https://x.com/ada_l/status/1/photo/1",
            "display_url": "pic.x.com/pic",
            "media_key": "3_1",
        },
        {"url": "https://t.co/bare"},
        {"url": None},
        "no link",
    ]
    text = "Is this 5 &gt; 4 &amp;amp; fair? https://t.co/abc https://t.co/bare https://t.co/pic"
    mention = one(text=text, entities={"urls": urls})
    assert mention.text == (
        "Is this 5 > 4 &amp; fair? kestrova.example/offers?a… https://t.co/bare"
    )
    assert mention.context == (
        "https://kestrova.example/offers?a=1&b=2\nhttps://kestrova.example/offers\nOffers"
    )


def test_a_repost_names_its_original() -> None:
    assert one(referenced_tweets=[{"type": "retweeted", "id": "9"}]).repost_of == "9"


def test_an_edit_is_the_same_mention() -> None:
    edited = snowflake(AT + timedelta(minutes=12))
    mention = one(id=edited, edit_history_tweet_ids=[ID, edited], created_at="2024-05-20T10:12:00Z")
    assert mention.external_id == ID
    assert (mention.published_at, mention.edited_at) == (AT, AT + timedelta(minutes=12))
    assert mention.url == f"https://x.com/ada_l/status/{edited}"


def test_an_earlier_version_names_the_latest() -> None:
    edited = snowflake(AT + timedelta(minutes=12))
    found = posts({"id": ID, "text": "Kestrova", "edit_history_tweet_ids": [ID, edited]})
    assert found.newer == {ID: edited}
    assert found.mentions[0].edited_at is None


@pytest.mark.parametrize("created_at", ["yesterday", "2024-13-45T10:00:00Z", 7, None, ""])
def test_a_malformed_date_costs_nothing_the_id_has_it_too(created_at: object) -> None:
    assert one(created_at=created_at).published_at == AT


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (None, "it is not an object"),
        ({"text": "Kestrova"}, "id: None is not an id"),
        ({"id": 7, "text": "Kestrova"}, "id: 7 is not an id"),
        ({"id": ID, "text": ""}, "text: it is empty"),
        ({"id": ID, "text": ["Kestrova"]}, "text: it is empty"),
        ({"id": "99999999999999999999", "text": "a"}, "id: '99999999999999999999' is not an id"),
    ],
)
def test_one_bad_post_is_told_and_the_page_is_kept(item: object, reason: str) -> None:
    good = {"id": ID, "text": "Kestrova"}
    found = posts(good, item, good | {"id": snowflake(AT, 1)})
    assert len(found.mentions) == 2
    assert [bad.reason for bad in found.rejected] == [reason]
    assert found.count == 3
    assert found.oldest == found.newest == AT


def test_what_x_reports_beside_its_data_is_told() -> None:
    problem = {
        "resource_type": "user",
        "resource_id": "5",
        "title": "Forbidden",
        "detail": "User has been suspended: [5].",
        "type": "https://api.twitter.com/2/problems/resource-not-found",
    }
    found = posts({"id": ID, "text": "Kestrova", "author_id": "5"}, errors=[problem, None, {}])
    assert len(found.mentions) == 1
    assert [(one.where, one.reason) for one in found.rejected] == [
        ("user 5", "X says: Forbidden: User has been suspended: [5]."),
        ("answer", "X says: an error without a name"),
    ]


def test_nothing_found_has_no_data() -> None:
    found = parse_page({"meta": {"result_count": 0}}, fetched_at=NOW)
    assert found == PostsPage(newer={})


@pytest.mark.parametrize("answer", [None, [], "x", {"data": {"id": "1"}}, {"data": 7}])
def test_what_is_no_list_of_posts_is_refused(answer: object) -> None:
    with pytest.raises(InvalidAnswer):
        parse_page(answer, fetched_at=NOW)


def test_vanished_posts_say_why() -> None:
    def problem(number: str, kind: str, detail: str = "", resource: str = "tweet") -> object:
        kind = f"https://api.twitter.com/2/problems/{kind}"
        return {"resource_id": number, "resource_type": resource, "type": kind, "detail": detail}

    answer = {
        "errors": [
            problem("1", "resource-not-found"),
            problem("2", "not-authorized-for-resource", "Sorry, you are not authorized"),
            problem("3", "not-authorized-for-resource", "User has been suspended: [3]."),
            problem("4", "resource-unavailable"),
            problem("5", "resource-not-found", resource="user"),
            problem("6", "about:blank"),
            problem("not a number", "resource-not-found"),
        ]
    }
    assert {number: gone.reason for number, gone in find_gone(answer).items()} == {
        "1": "deleted",
        "2": "protected",
        "3": "suspended",
        "4": "not available",
    }


def test_counts_are_added_up() -> None:
    assert total_count({"data": [{"tweet_count": 3}, {"tweet_count": 4}, {}, None]}) == 7
    with pytest.raises(InvalidAnswer):
        total_count({"meta": {}})


def test_ids_hold_their_time() -> None:
    at = time_of_id("1212092628029698048")  # the example in X's data dictionary
    assert at is not None
    assert at.replace(microsecond=0) == datetime(2019, 12, 31, 19, 26, 16, tzinfo=UTC)
    assert time_of_id("row-1") is None
    assert time_of_id("99999999999999999999") is None


KEYS = ["id", "text", "author_id", "entities", "urls", "url", "expanded_url", "errors", "meta"]
KEYS += ["data", "includes", "users", "username", "edit_history_tweet_ids", "next_token", "type"]
KEYS += ["public_metrics", "note_tweet", "lang", "created_at", "referenced_tweets"]
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
JSON = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=25,
)


@given(JSON, JSON)
def test_whatever_x_sends_is_read_or_refused(item: object, around: object) -> None:
    data = [item, {"id": ID, "text": "Kestrova"} | (item if isinstance(item, dict) else {})]
    try:
        found = parse_page({"data": data, "errors": around, "includes": around}, fetched_at=NOW)
    except InvalidAnswer:
        return
    assert len(found.mentions) + len(found.rejected) >= found.count == 2
