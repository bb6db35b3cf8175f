"""Posts of X and Reddit, as archives and research tools keep them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from preset_files import at, json_lines, recognised_file, table

NUMBER = "2032145678901234567"
V1: dict[str, Any] = {
    "created_at": "Sat Mar 14 15:07:00 +0000 2026",
    "id": int(NUMBER),
    "id_str": NUMBER,
    "full_text": "@kestrova charged twice &amp; no reply https://t.co/a1",
    "entities": {
        "urls": [
            {
                "url": "https://t.co/a1",
                "expanded_url": "https://kestrova.example/help",
                "display_url": "kestrova.example/help",
            }
        ]
    },
    "user": {"id_str": "77", "screen_name": "nell_ro", "name": "Nell", "followers_count": 312},
    "lang": "en",
    "retweet_count": 3,
    "favorite_count": 9,
    "in_reply_to_status_id_str": "2032",
}
V2: dict[str, Any] = {
    "id": NUMBER,
    "author_id": "77",
    "created_at": "2026-03-14T15:07:00.000Z",
    "text": "@kestrova charged twice &amp; no reply",
    "lang": "en",
    "edit_history_tweet_ids": [NUMBER],
    "public_metrics": {"like_count": 9, "retweet_count": 2, "quote_count": 1, "reply_count": 0},
    "referenced_tweets": [{"type": "replied_to", "id": "2032"}],
}
USER = {
    "id": "77",
    "username": "nell_ro",
    "name": "Nell",
    "public_metrics": {"followers_count": 312},
}


def test_twarc_1(tmp_path: Path) -> None:
    name, result = recognised_file(tmp_path / "tweets.jsonl", json_lines([V1]))
    assert name == "twarc"
    (mention,) = result.mentions
    assert (mention.source, mention.external_id) == ("x", NUMBER)
    assert mention.text == "@kestrova charged twice & no reply kestrova.example/help"
    assert (mention.author.external_id, mention.author.handle) == ("77", "nell_ro")
    assert (mention.author.followers, mention.reply_to) == (312, "2032")
    assert at(mention) == "2026-03-14T15:07:00+00:00"
    assert mention.engagement.shares == 3


def test_twarc_2_flattened(tmp_path: Path) -> None:
    post = V2 | {"author": USER, "__twarc": {"version": "2.14"}}
    name, result = recognised_file(tmp_path / "flat.jsonl", json_lines([post]))
    assert name == "twarc"
    (mention,) = result.mentions
    assert mention.text == "@kestrova charged twice & no reply"
    assert (mention.author.handle, mention.author.followers) == ("nell_ro", 312)
    assert (mention.reply_to, mention.engagement.shares) == ("2032", 3)
    assert mention.url == f"https://x.com/nell_ro/status/{NUMBER}"


def test_twarc_2_pages(tmp_path: Path) -> None:
    repost = V2 | {"id": "2033", "edit_history_tweet_ids": ["2033"], "author_id": "78"}
    repost["referenced_tweets"] = [{"type": "retweeted", "id": "2031"}]
    original = V2 | {"id": "2031", "text": "the original, which nobody searched for"}
    includes = {"users": [USER], "tweets": [original]}
    page = {"data": [V2, repost], "includes": includes, "meta": {"result_count": 2}}
    name, result = recognised_file(tmp_path / "pages.jsonl", json_lines([page, page]))
    assert name == "twarc"
    assert len(result.mentions) == 4
    first, second = result.mentions[:2]
    assert (first.author.external_id, first.author.handle) == ("77", "nell_ro")
    assert (second.author.external_id, second.repost_of) == ("78", "2031")
    name, alone = recognised_file(tmp_path / "page.json", json.dumps(page, indent=2))
    assert name == "twarc"
    assert alone.mentions == result.mentions[:2]


def test_twarc_csv(tmp_path: Path) -> None:
    row = {
        "id": NUMBER,
        "conversation_id": "2032",
        "referenced_tweets.replied_to.id": "2032",
        "author_id": "77",
        "created_at": "2026-03-14T15:07:00.000Z",
        "text": "@kestrova charged twice",
        "lang": "en",
        "public_metrics.like_count": "9",
        "public_metrics.retweet_count": "3",
        "author.username": "nell_ro",
        "author.name": "Nell",
        "author.public_metrics.followers_count": "312",
    }
    name, result = recognised_file(tmp_path / "tweets.csv", table([row]))
    assert name == "twarc"
    (mention,) = result.mentions
    assert (mention.external_id, mention.author.external_id) == (NUMBER, "77")
    assert (mention.author.handle, mention.author.followers) == ("nell_ro", 312)
    assert (mention.reply_to, mention.engagement.likes) == ("2032", 9)


def test_x_archive_of_today(tmp_path: Path) -> None:
    tweet = {key: value for key, value in V1.items() if key != "user"} | {"retweeted": False}
    gone = {"tweet": tweet | {"id_str": "5", "deleted_at": "Sat Mar 14 15:07:00 +0000 2026"}}
    rows = [{"tweet": tweet}, gone]
    content = "window.YTD.tweets.part0 = " + json.dumps(rows, indent=2)
    name, result = recognised_file(tmp_path / "tweets.js", content)
    assert name == "x-archive"
    (mention,) = result.mentions
    assert (mention.source, mention.external_id) == ("x", NUMBER)
    assert mention.text == "@kestrova charged twice & no reply kestrova.example/help"
    assert mention.author.handle == "anonymous"
    assert result.left_out == {"a deleted post": 1}


def test_x_archive_of_2016(tmp_path: Path) -> None:
    row = {
        "tweet_id": "708000000000000001",
        "in_reply_to_status_id": "",
        "in_reply_to_user_id": "",
        "timestamp": "2016-03-10 15:07:00 +0000",
        "source": '<a href="http://twitter.com">Web</a>',
        "text": "kestrova is slow",
        "retweeted_status_id": "",
        "expanded_urls": "",
    }
    name, result = recognised_file(tmp_path / "tweets.csv", table([row]))
    assert name == "x-archive"
    (mention,) = result.mentions
    assert (mention.external_id, mention.text) == ("708000000000000001", "kestrova is slow")
    assert at(mention) == "2016-03-10T15:07:00+00:00"


SCRAPED: dict[str, Any] = {
    "_type": "snscrape.modules.twitter.Tweet",
    "url": f"https://twitter.com/nell_ro/status/{NUMBER}",
    "date": "2026-03-14T15:07:00+00:00",
    "id": int(NUMBER),
    "user": {"username": "nell_ro", "id": 77, "displayname": "Nell", "followersCount": 312},
    "replyCount": 1,
    "retweetCount": 3,
    "likeCount": 9,
    "quoteCount": 0,
    "lang": "en",
}


def test_snscrape_old_and_new(tmp_path: Path) -> None:
    old = SCRAPED | {"content": "kestrova is down", "renderedContent": "kestrova is down"}
    new = SCRAPED | {"rawContent": "kestrova is down", "inReplyToTweetId": 2032}
    for file, row in (("old.jsonl", old), ("new.jsonl", new)):
        name, result = recognised_file(tmp_path / file, json_lines([row]))
        assert name == "snscrape"
        (mention,) = result.mentions
        assert (mention.source, mention.external_id) == ("x", NUMBER)
        assert (mention.text, mention.author.external_id) == ("kestrova is down", "77")
        assert (mention.author.handle, mention.author.followers) == ("nell_ro", 312)
        assert mention.engagement.shares == 3


def test_snscrape_as_a_table(tmp_path: Path) -> None:
    row = SCRAPED | {"content": "kestrova is down", "user": "{'username': 'nell_ro'}"}
    name, result = recognised_file(tmp_path / "tweets.csv", table([row]))
    assert name == "snscrape"
    (mention,) = result.mentions
    assert (mention.external_id, mention.author.handle) == (NUMBER, "nell_ro")
    assert mention.engagement.likes == 9


def test_snscrape_of_another_platform_is_left_out(tmp_path: Path) -> None:
    other = SCRAPED | {"_type": "snscrape.modules.mastodon.Toot", "rawContent": "x"}
    _, result = recognised_file(
        tmp_path / "mixed.jsonl", json_lines([SCRAPED | {"rawContent": "kestrova"}, other])
    )
    assert len(result.mentions) == 1
    assert result.left_out == {"an entry of another platform": 1}


COMMENT: dict[str, Any] = {
    "id": "oab01",
    "author": "pia_k",
    "author_fullname": "t2_abc",
    "body": "Kestrova lost my parcel &amp; refuses the refund",
    "created_utc": 1773500820,
    "link_id": "t3_1x",
    "parent_id": "t3_1x",
    "subreddit": "shops",
    "score": 4,
}


def test_pushshift_comments(tmp_path: Path) -> None:
    rows = [
        COMMENT,
        COMMENT | {"id": "oab02", "author": "[deleted]", "author_fullname": None},
        COMMENT | {"id": "oab03", "body": "[removed]"},
        COMMENT | {"id": "oab04", "body": "[deleted]", "author": "[deleted]"},
    ]
    name, result = recognised_file(tmp_path / "RC_2026-03.jsonl", json_lines(rows))
    assert name == "pushshift"
    first, second = result.mentions
    assert (first.source, first.external_id) == ("reddit", "t1_oab01")
    assert first.text == "Kestrova lost my parcel & refuses the refund"
    assert (first.author.external_id, first.author.handle) == ("t2_abc", "pia_k")
    assert first.url == "https://www.reddit.com/comments/1x/_/oab01/"
    assert first.engagement.likes == 4
    assert second.author.handle == "anonymous"
    assert result.left_out == {
        "a post that moderators removed": 1,
        "a post that its author deleted": 1,
    }


def test_pushshift_submissions(tmp_path: Path) -> None:
    row = {
        "id": "1x",
        "name": "t3_1x",
        "author": "tomas_b",
        "title": "Kestrova refuses refunds",
        "selftext": "Third time this year",
        "created_utc": "1773500820",
        "subreddit": "shops",
        "permalink": "/r/shops/comments/1x/kestrova/",
        "num_comments": 12,
        "score": 40,
    }
    rows = [row, row | {"id": "1y", "name": "t3_1y", "removed_by_category": "moderator"}]
    name, result = recognised_file(tmp_path / "RS_2026-03.jsonl", json_lines(rows))
    assert name == "pushshift"
    (mention,) = result.mentions
    assert mention.external_id == "t3_1x"
    assert mention.text == "Kestrova refuses refunds\nThird time this year"
    assert mention.url == "https://www.reddit.com/r/shops/comments/1x/kestrova/"
    assert mention.engagement.replies == 12
    assert result.left_out == {"a post that moderators removed": 1}


def test_a_listing_of_reddit_as_it_answers(tmp_path: Path) -> None:
    children = [{"kind": "t1", "data": COMMENT | {"name": "t1_oab01"}}]
    content = json.dumps({"kind": "Listing", "data": {"children": children, "after": None}})
    name, result = recognised_file(tmp_path / "search.json", content)
    assert name == "pushshift"
    assert [mention.external_id for mention in result.mentions] == ["t1_oab01"]
