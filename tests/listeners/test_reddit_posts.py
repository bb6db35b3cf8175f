"""Reddit's things as Mentions, and those that are none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from reddit_server import RedditServer

from earful.matching import Matcher
from listeners.reddit import posts
from listeners.reddit.posts import InvalidListing, ListingPage

AT = datetime(2024, 5, 20, 11, 0, tzinfo=UTC)
NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)


def listing(*things: object, after: object = None) -> dict[str, object]:
    return {"kind": "Listing", "data": {"children": list(things), "after": after}}


def submission(**more: object) -> dict[str, object]:
    server = RedditServer()
    server.submit(AT, **more)
    return {"kind": "t3", "data": server.things[0].data}


def comment(**more: object) -> dict[str, object]:
    server = RedditServer()
    server.comment(AT, **more)
    return {"kind": "t1", "data": server.things[0].data}


def read(*things: object, **options: object) -> ListingPage:
    return posts.parse_listing(listing(*things), fetched_at=NOW, **options)


def test_a_submission_is_title_and_text() -> None:
    thing = submission(title="Kestrova & me", selftext="Late\r\nagain", score=7, num_comments=4)
    (mention,) = read(thing).mentions
    assert mention.external_id == "t3_lfls"
    assert mention.text == "Kestrova & me\nLate\nagain"
    assert (mention.author.external_id, mention.author.handle) == ("t2_14", "user0")
    assert mention.author.url == "https://www.reddit.com/user/user0"
    assert (mention.engagement.likes, mention.engagement.replies) == (7, 4)
    assert mention.url == "https://www.reddit.com/r/trains/comments/lfls/kestrova/"
    assert (mention.published_at, mention.fetched_at, mention.edited_at) == (AT, NOW, None)
    assert not mention.direct


def test_a_comment_knows_what_it_answers_and_counts_no_threads_replies() -> None:
    (mention,) = read(comment(num_comments=90, edited=AT.timestamp() + 60, score=-12)).mentions
    assert mention.external_id == "t1_lfls"
    assert mention.reply_to == "t3_abc"
    assert (mention.engagement.likes, mention.engagement.replies) == (0, 0)
    assert mention.edited_at is not None and (mention.edited_at - AT).seconds == 60


def test_a_link_is_matched_and_not_told_and_a_crosspost_names_its_original() -> None:
    linked = submission(is_self=False, url="https://news.example/kestrova", crosspost_parent="t3_1")
    (mention,) = read(linked).mentions
    assert mention.context == "https://news.example/kestrova"
    assert "news.example" not in mention.text
    assert mention.repost_of == "t3_1"


@pytest.mark.parametrize(
    ("thing", "why"),
    [
        (comment(body="[deleted]", author="[deleted]"), "deleted"),
        (comment(body="[removed]"), "removed"),
        (submission(selftext="[deleted]", author="[deleted]"), "deleted"),
        (submission(selftext=" [removed] "), "removed"),
        (submission(removed_by_category="deleted"), "deleted"),
        (submission(removed_by_category="moderator"), "removed"),
    ],
)
def test_what_has_no_content_any_more_is_no_mention(thing: dict[str, object], why: str) -> None:
    found = read(thing)
    assert not found.mentions and not found.rejected
    assert set(found.withheld.values()) == {why}
    # a moderator may let it through later: a tombstone would keep it out for ever
    assert [one.reason for one in found.gone] == (["deleted"] if why == "deleted" else [])


def test_an_account_that_is_deleted_leaves_its_words() -> None:
    first, second = read(
        comment(author="[deleted]", author_fullname=None),
        submission(author=None, name="t3_zz"),
    ).mentions
    assert first.author.handle == second.author.handle == "anonymous"
    assert first.author.external_id != second.author.external_id


def test_one_malformed_thing_costs_no_other() -> None:
    bad = [
        None,
        "t3",
        {"kind": "t3"},
        {"kind": "t3", "data": []},
        {"kind": "t4", "data": submission()["data"]},
        submission(name="t3_../etc"),
        submission(name=7),
        submission(created_utc="yesterday"),
        submission(created_utc=True),
        submission(title="", selftext=""),
        comment(body=None),
    ]
    found = read(submission(), *bad, comment())
    assert [one.external_id for one in found.mentions] == ["t3_lfls", "t1_lfls"]
    assert len(found.rejected) == len(bad)
    assert all(one.reason and one.where for one in found.rejected)
    assert found.count == len(bad) + 2


def test_private_messages_are_one_line() -> None:
    messages = [{"kind": "t4", "data": {"name": f"t4_{n}", "body": "hi"}} for n in range(62)]
    page = read(comment(), *messages)
    assert [mention.external_id for mention in page.mentions] == ["t1_lfls"]
    assert [reject.reason for reject in page.rejected] == [
        "62 private messages are left out: Earful reads public posts only"
    ]
    assert page.count == 63


def test_hostile_fields_are_made_harmless() -> None:
    thing = submission(
        title="Kestrova\x00\ud800 <script>",
        author="<b>x</b>",
        permalink='javascript:"',
        score="many",
        num_comments=-5,
        url="javascript:alert(1)",
        is_self=False,
        crosspost_parent=["t3_1"],
        edited="no",
    )
    (mention,) = read(thing).mentions
    assert mention.text == "Kestrova <script>"
    assert mention.author.handle == "anonymous"
    assert mention.url is None and mention.context == "" and mention.repost_of is None
    assert mention.engagement.likes == mention.engagement.replies == 0
    assert mention.edited_at is None


def test_times_are_told_of_what_is_not_wanted_or_not_readable_too() -> None:
    newest = submission(title="nothing of ours", created_utc=AT.timestamp() + 50)
    oldest = submission(name="?", created_utc=AT.timestamp() - 50)
    found = read(newest, submission(), oldest, matcher=Matcher(["Kestrova"]))
    assert len(found.mentions) == 1
    assert found.newest == datetime(2024, 5, 20, 11, 0, 50, tzinfo=UTC)
    assert found.oldest == datetime(2024, 5, 20, 10, 59, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "answer",
    [None, [], "", {}, {"data": []}, {"data": {"children": {}}}, listing(after=7), {"error": 500}],
)
def test_what_is_no_listing(answer: object) -> None:
    with pytest.raises(InvalidListing):
        posts.parse_listing(answer, fetched_at=NOW)


def test_searches_quote_their_terms_and_stay_short() -> None:
    assert posts.searches(("Kestrova", "@kestrova_help", 'K"X', "", "Kestrova")) == [
        '"Kestrova" OR "kestrova_help" OR "K X"'
    ]
    many = posts.searches(tuple(f"term number {number}" for number in range(100)))
    assert len(many) > 1 and all(len(one) <= 512 for one in many)
    assert sum(one.count('"') for one in many) == 200
    assert [len(one) for one in posts.searches(("x" * 900,))] == [512]
    assert posts.searches(("@", '"')) == []
