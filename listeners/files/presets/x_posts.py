"""Posts of X: the archive of an account, and the files of its API and twarc.

Fields: https://docs.x.com/x-api (v2), the archived documentation of API v1.1, and
https://twarc-project.readthedocs.io. Ids, texts and links become those of the live listener.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from listeners.common.json_fields import value_at
from listeners.files.presets.cells import (
    NO_WORDS,
    first_value,
    is_nothing,
    objects,
    text_of,
    with_fields,
)
from listeners.files.presets.types import LeftOut, Preset, Row

_ATTACHMENT = re.compile(r"/(photo|video)/\d+$")
_DELETED = LeftOut("a deleted post")


def _readable(text: str, entities: Any) -> str:
    """Put the address that people read in place of X's short links."""
    links = entities.get("urls") if isinstance(entities, Mapping) else None
    for link in objects(links or []):
        short, target = text_of(link.get("url")), text_of(link.get("expanded_url"))
        if not short.startswith("http"):
            continue
        # a link to the post's own picture says nothing to readers
        attached = "media_key" in link or _ATTACHMENT.search(target)
        text = text.replace(short, "" if attached else text_of(link.get("display_url")) or target)
    return text.strip()


def with_address(fields: Row) -> Row:
    """Add the post's address, which X builds of the author and the id."""
    handle, number = text_of(fields.get("author")), text_of(fields.get("id"))
    if number and "url" not in fields:
        fields["url"] = f"https://x.com/{handle or 'i'}/status/{number}"
    return fields


def _v1(post: Mapping[str, Any]) -> Iterator[Row | LeftOut]:
    """Read a post of API v1.1, as archives and twarc 1 hold it."""
    long = post.get("extended_tweet")
    body = long if isinstance(long, Mapping) else post
    text = text_of(first_value(body, "full_text", "text"))
    if not text:
        yield NO_WORDS
        return
    media = value_at(body, "entities.media")
    text = _readable(text, body.get("entities"))
    for picture in objects(media or []):
        text = text.replace(text_of(picture.get("url")) or "\0", "").strip()
    number = first_value(post, "id_str", "id")
    yield with_address(
        with_fields(
            text=text,
            id=number,
            author=value_at(post, "user.screen_name"),
            author_id=first_value(post, "user.id_str", "user.id"),
            name=value_at(post, "user.name"),
            followers=value_at(post, "user.followers_count"),
            published_at=post.get("created_at"),
            lang=post.get("lang"),
            likes=post.get("favorite_count"),
            shares=post.get("retweet_count"),
            replies=post.get("reply_count"),
            reply_to=first_value(post, "in_reply_to_status_id_str", "in_reply_to_status_id"),
            repost_of=first_value(post, "retweeted_status.id_str", "retweeted_status.id"),
        )
    )


def _v2(post: Mapping[str, Any], people: Mapping[str, Any]) -> Iterator[Row | LeftOut]:
    """Read a post of API v2; ``people``: its page's users by their ids."""
    note = post.get("note_tweet")
    body = note if isinstance(note, Mapping) and note.get("text") else post
    text = _readable(text_of(body.get("text")), body.get("entities"))
    if not text:
        yield NO_WORDS
        return
    writer = text_of(post.get("author_id"))
    author = post.get("author")
    person = author if isinstance(author, Mapping) else people.get(writer, {})
    references = {
        text_of(item.get("type")): item.get("id")
        for item in objects(post.get("referenced_tweets") or [])
    }
    history = post.get("edit_history_tweet_ids")
    # the first version's id names the post, as in the live listener
    number = min(ids, key=int) if (ids := _ids(history)) else text_of(post.get("id"))
    metrics = post.get("public_metrics")
    counts = metrics if isinstance(metrics, Mapping) else {}
    yield with_address(
        with_fields(
            text=text,
            id=number,
            author=person.get("username") or writer,
            author_id=writer or person.get("id"),
            name=person.get("name"),
            followers=value_at(person, "public_metrics.followers_count"),
            published_at=post.get("created_at"),
            lang=post.get("lang"),
            likes=counts.get("like_count"),
            shares=total(counts.get("retweet_count"), counts.get("quote_count")),
            replies=counts.get("reply_count"),
            reply_to=references.get("replied_to"),
            repost_of=references.get("retweeted"),
        )
    )


def _ids(history: Any) -> list[str]:
    """Return the ids of all versions of a post, where X lists them."""
    numbers = map(str, history if isinstance(history, list) else [])
    return [number for number in numbers if number.isdigit()]


def total(*numbers: Any) -> int | None:
    """Return the sum of the numbers that are given; None without one."""
    counts = [int(text) for text in map(text_of, numbers) if text.isdigit()]
    return sum(counts) if counts else None


def _twarc(row: Row) -> Iterator[Row | LeftOut]:
    data = row.get("data")
    users = objects(value_at(row, "includes.users") or [])
    people = {text_of(user.get("id")): user for user in users}
    if isinstance(data, (list, dict)):
        for post in objects(data):
            yield from _v2(post, people)
        return
    if isinstance(row.get("statuses"), list):
        for post in objects(row["statuses"]):
            yield from _v1(post)
        return
    if "author.username" in row or "author_id" in row or "public_metrics" in row:
        # a post of a page has its author among the page's users
        is_nested = bool(people) or isinstance(row.get("author"), Mapping)
        nested = row if is_nested else _unflattened(row)
        yield from _v2(nested, people)
        return
    yield from _v1(row)


def _unflattened(row: Row) -> Row:
    """Return a row of twarc-csv, whose columns are dotted paths, as the post that it was."""
    post: Row = {key: value for key, value in row.items() if "." not in key}
    post["referenced_tweets"] = [
        {"type": kind, "id": row.get(f"referenced_tweets.{kind}.id")}
        for kind in ("replied_to", "retweeted")
        if not is_nothing(row.get(f"referenced_tweets.{kind}.id"))
    ]
    post["author"] = with_fields(
        username=row.get("author.username"),
        name=row.get("author.name"),
        id=row.get("author.id"),
        public_metrics={"followers_count": row.get("author.public_metrics.followers_count")},
    )
    post["public_metrics"] = {
        name: int(value)
        for name in ("like_count", "retweet_count", "quote_count", "reply_count")
        if (value := text_of(row.get(f"public_metrics.{name}"))).isdigit()
    }
    post.pop("edit_history_tweet_ids", None)
    return post


def _x_archive(row: Row) -> Iterator[Row | LeftOut]:
    wrapped = row.get("tweet")
    post = wrapped if isinstance(wrapped, Mapping) else row
    if "deleted_at" in post:
        yield _DELETED
        return
    if "timestamp" in post and "tweet_id" in post:
        # the archive's tweets.csv, until 2019
        post = {
            **post,
            "id_str": post["tweet_id"],
            "created_at": post["timestamp"],
            "in_reply_to_status_id_str": post.get("in_reply_to_status_id"),
            "retweeted_status": {"id_str": post.get("retweeted_status_id")},
        }
    yield from _v1(post)


X_ARCHIVE = Preset(
    name="x-archive",
    title="the archive of an X account (tweets.js)",
    source="x",
    columns={
        "text": ("tweet.full_text", "full_text", "text"),
        "id": ("tweet.id_str", "tweet.id", "id_str", "tweet_id"),
        "published_at": ("tweet.created_at", "created_at", "timestamp"),
        "likes": ("tweet.favorite_count", "favorite_count"),
        "shares": ("tweet.retweet_count", "retweet_count"),
        "lang": ("tweet.lang", "lang"),
        "wrapped": ("tweet.full_text", "tweet.text"),
        "expanded": ("expanded_urls",),
        "range": ("display_text_range", "favorited"),
    },
    signature=(
        ("wrapped", "id", "published_at"),
        ("text", "id", "published_at", "expanded"),
        ("text", "id", "published_at", "range"),
    ),
    assumptions=(
        "All posts are by the owner of the archive, whom this file does not name. "
        "They are stored without a name.",
    ),
    timezone="UTC",
    adapt=_x_archive,
    reads_record=True,
)

TWARC = Preset(
    name="twarc",
    title="X's API and twarc (JSON Lines, pages or CSV)",
    source="x",
    columns={
        "text": ("full_text", "text"),
        "id": ("id_str", "id"),
        "author": ("user.screen_name", "author.username", "includes.users.username"),
        "author_id": ("user.id_str", "user.id", "author_id"),
        "published_at": ("created_at",),
        "likes": ("favorite_count", "public_metrics.like_count"),
        "shares": ("retweet_count", "public_metrics.retweet_count"),
        "followers": ("user.followers_count", "author.public_metrics.followers_count"),
        "reply_to": ("in_reply_to_status_id_str", "referenced_tweets.replied_to.id"),
        "repost_of": ("retweeted_status.id_str", "referenced_tweets.retweeted.id"),
        "metrics": ("public_metrics.like_count",),
    },
    signature=(
        ("text", "id", "author", "published_at"),
        ("text", "id", "author_id", "published_at", "metrics"),
        ("text", "id", "metrics"),
    ),
    assumptions=("Ids, authors and links are those of the live source x.",),
    timezone="UTC",
    adapt=_twarc,
    reads_record=True,
)
