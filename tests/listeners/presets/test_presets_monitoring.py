"""Exports of social listening tools: many platforms in one file."""

from __future__ import annotations

from pathlib import Path

from preset_files import at, recognised_file, table

from listeners.files.presets import recognise


def test_meltwater_until_2023(tmp_path: Path) -> None:
    tweet = {
        "Date": "14-Mar-2026 03:07PM",
        "Headline": "",
        "URL": "https://twitter.com/nell_ro/statuses/2032145678901234567",
        "Opening Text": "",
        "Hit Sentence": "Kestrova charged me twice",
        "Source": "Twitter",
        "Influencer": "nell_ro",
        "Country": "Greece",
        "Language": "English",
        "Reach": "312",
        "Tweet Id": '"2032145678901234567"',
        "Twitter Screen Name": "@nell_ro",
        "Twitter Followers": "312",
    }
    article = tweet | {
        "Headline": "Kestrova under fire",
        "URL": "https://paper.example/kestrova",
        "Opening Text": "Customers wait for weeks...",
        "Hit Sentence": "Customers wait for weeks",
        "Source": "The Paper",
        "Influencer": "",
        "Twitter Screen Name": "",
        "Tweet Id": "",
    }
    name, result = recognised_file(tmp_path / "mentions.csv", table([tweet, article]))
    assert name == "meltwater"
    post, news = result.mentions
    assert (post.source, post.external_id) == ("x", "2032145678901234567")
    assert (post.text, post.author.handle) == ("Kestrova charged me twice", "nell_ro")
    assert at(post) == "2026-03-14T13:07:00+00:00"  # in the brand's zone
    assert post.author.followers == 312
    assert news.source == "meltwater"
    assert news.text == "Kestrova under fire\nCustomers wait for weeks..."
    assert news.author.handle == "The Paper"


def test_meltwater_of_today(tmp_path: Path) -> None:
    row = {
        "Date": "2026-03-14",
        "Time": "03:07 PM",
        "Document ID": "doc-1",
        "URL": "https://www.reddit.com/r/shops/comments/1abcd/kestrova/oab01/",
        "Input Name": "Kestrova",
        "Keywords": "Kestrova",
        "Information Type": "Social",
        "Source Type": "Reddit",
        "Source Name": "r/shops",
        "Content Type": "Comment",
        "Author Name": "Pia",
        "Author Handle": "pia_k",
        "Title": "",
        "Opening Text": "Kestrova lost my parcel",
        "Hit Sentence": "Kestrova lost my parcel",
        "Language": "en",
        "Likes": "4",
    }
    name, result = recognised_file(tmp_path / "export.csv", table([row], "\t"), delimiter="\t")
    assert name == "meltwater"
    (mention,) = result.mentions
    assert (mention.source, mention.external_id) == ("reddit", "t1_oab01")
    assert mention.author.handle == "pia_k"
    assert at(mention) == "2026-03-14T13:07:00+00:00"
    assert mention.engagement.likes == 4


BRANDWATCH = {
    "Query Id": "2001",
    "Query Name": "Kestrova",
    "Date": "2026-03-14 15:07:00.0",
    "Title": "Kestrova charged me",
    "Snippet": "Kestrova charged me…",
    "Full Text": "Kestrova charged me twice\nand nobody answers",
    "Author": "nell_ro",
    "Url": "http://twitter.com/nell_ro/statuses/2032145678901234567",
    "Domain": "twitter.com",
    "Page Type": "twitter",
    "Page Type Name": "X",
    "Language": "en",
    "Resource Id": "abc1",
    "Thread Entry Type": "post",
    "Twitter Followers": "312",
    "Twitter Retweets": "3",
}


def test_brandwatch(tmp_path: Path) -> None:
    forum = BRANDWATCH | {
        "Title": "Worst shop",
        "Full Text": "Never again",
        "Url": "https://forum.example/t/9",
        "Domain": "forum.example",
        "Page Type": "forum",
        "Page Type Name": "Forum",
        "Resource Id": "abc2",
    }
    name, result = recognised_file(tmp_path / "bulk.csv", table([BRANDWATCH, forum]))
    assert name == "brandwatch"
    post, thread = result.mentions
    assert (post.source, post.external_id) == ("x", "2032145678901234567")
    assert post.text == "Kestrova charged me twice\nand nobody answers"
    assert (post.engagement.shares, post.author.followers) == (3, 312)
    assert (thread.source, thread.external_id) == ("forum", "abc2")
    assert thread.text == "Worst shop\nNever again"


def test_brandwatch_names_its_zone_above_the_header() -> None:
    preamble = ["Report:,Bulk Mentions Download", "From:,Sun Mar 08 00:00:00 UTC 2026"]
    reading = recognise(list(BRANDWATCH), [BRANDWATCH], preamble=preamble)
    assert reading.options["timezone"] == "UTC"
    assert "Times are in UTC, as the lines above the header say." in reading.assumptions
    assert "timezone" not in recognise(list(BRANDWATCH), [BRANDWATCH]).options
    local = recognise(list(BRANDWATCH), preamble=["From:,Sun Mar 08 00:00:00 EDT 2026"])
    assert "timezone" not in local.options  # an abbreviation is no place


def test_brandwatch_with_names_of_x(tmp_path: Path) -> None:
    row = {
        key.replace("Twitter Followers", "X Followers").replace(
            "Twitter Retweets", "X Reposts"
        ): value
        for key, value in BRANDWATCH.items()
    } | {
        "Thread Entry Type": "share",
        "X Author ID": "77",
        "Url": "https://x.com/nell_ro/status/203",
    }
    name, result = recognised_file(tmp_path / "bulk.csv", table([row]))
    assert name == "brandwatch"
    (mention,) = result.mentions
    assert mention.external_id == "203"
    assert mention.author.external_id == "77"
    assert mention.repost_of == ""
    assert mention.engagement.shares == 3


def test_talkwalker(tmp_path: Path) -> None:
    row = {
        "search_indexed": "1773500900000",
        "published": "1773500820000",
        "title": "",
        "content": "Kestrova never answers",
        "title_snippet": "",
        "content_snippet": "Kestrova never…",
        "url": "https://www.youtube.com/watch?v=dQw4w9WgXcQ&lc=UgxA1",
        "root_url": "http://youtube.com/",
        "domain_url": "http://youtube.com/",
        "lang": "en",
        "source_type": "SOCIALMEDIA_YOUTUBE",
        "post_type": "TEXT",
        "extra_author_attributes.name": "Nell R",
        "extra_author_attributes.short_name": "nellr",
        "article_extended_attributes.num_comments": "2",
    }
    name, result = recognised_file(tmp_path / "talkwalker.csv", table([row], ";"))
    assert name == "talkwalker"
    (mention,) = result.mentions
    assert (mention.source, mention.external_id) == ("youtube", "UgxA1")
    assert (mention.author.handle, mention.author.name) == ("nellr", "Nell R")
    assert at(mention) == "2026-03-14T15:07:00+00:00"
    assert mention.engagement.replies == 2


def test_talkwalker_with_titles_of_columns(tmp_path: Path) -> None:
    row = {
        "Published": "2026-03-14 15:07:00",
        "Indexed": "2026-03-14 15:10:00",
        "Title": "Kestrova in court",
        "Content": "A judge decides about late parcels",
        "URL": "https://paper.example/court",
        "Media Type": "News",
        "Author": "Pim de Wit",
        "External Id": "e9",
        "Language": "nl",
    }
    name, result = recognised_file(tmp_path / "results.csv", table([row]))
    assert name == "talkwalker"
    (mention,) = result.mentions
    assert (mention.source, mention.external_id) == ("news", "e9")
    assert mention.text == "Kestrova in court\nA judge decides about late parcels"
    assert mention.author.handle == "Pim de Wit"


def test_sprout(tmp_path: Path) -> None:
    row = {
        "Timestamp (UTC)": "2026-03-14 15:07:00",
        "Network": "Facebook",
        "Message Type": "Comment",
        "Profile": "Kestrova",
        "From": "Nell Ro",
        "Message": "Where is my parcel?",
        "Message ID": "fb-1",
        "Link": "https://www.facebook.com/kestrova/posts/1",
    }
    ours = row | {"From": "Kestrova", "Message": "We look into it", "Message ID": "fb-2"}
    name, result = recognised_file(tmp_path / "inbox.csv", table([row, ours]))
    assert name == "sprout"
    (mention,) = result.mentions
    assert (mention.source, mention.external_id) == ("facebook", "fb-1")
    assert mention.author.handle == "Nell Ro"
    assert result.left_out == {"our own message": 1}


def test_sprout_leaves_out_what_we_published(tmp_path: Path) -> None:
    post = {
        "Date": "2026-03-14 15:07:00",
        "Post ID": "9",
        "Network": "X",
        "Post Type": "Post",
        "Profile": "@kestrova",
        "Sent by": "Mia",
        "Link": "https://x.com/kestrova/status/9",
        "Post": "Big sale today",
        "Impressions": "1000",
    }
    answer = post | {
        "Post ID": "10",
        "Post Type": "Mention",
        "Sent by": "",
        "Link": "https://x.com/nell_ro/status/10",
        "Post": "@kestrova your sale is a joke",
    }
    name, result = recognised_file(tmp_path / "posts.csv", table([post, answer]))
    assert name == "sprout"
    assert result.left_out == {"our own message": 1}
    assert [mention.external_id for mention in result.mentions] == ["10"]
    assert result.mentions[0].source == "x"
