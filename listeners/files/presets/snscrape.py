"""Posts of X in the files of snscrape, whose ids and links become those of the live listener."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from listeners.common.json_fields import value_at
from listeners.files.presets.cells import (
    NO_WORDS,
    first_value,
    objects,
    text_of,
    with_fields,
)
from listeners.files.presets.types import LeftOut, Preset, Row
from listeners.files.presets.x_posts import total, with_address

_HANDLE = re.compile(r"(?:twitter|x)\.com/(\w{1,15})/status")


def _snscrape(row: Row) -> Iterator[Row | LeftOut]:
    kind = text_of(row.get("_type"))
    if kind and ".twitter." not in kind:
        yield LeftOut("an entry of another platform")
        return
    text = text_of(first_value(row, "rawContent", "content", "renderedContent", "text"))
    if not text:
        yield NO_WORDS
        return
    for link in objects(row.get("links") or []):
        short, target = text_of(link.get("tcourl")), text_of(link.get("text") or link.get("url"))
        text = text.replace(short or "\0", target)
    number = row.get("id") or text_of(row.get("url")).rpartition("/")[2]
    reposted = row.get("retweetedTweet")
    # in a table "user" is a program's notation of an object; the address has the handle
    address = _HANDLE.search(text_of(row.get("url")))
    handle = value_at(row, "user.username") or row.get("username")
    yield with_address(
        with_fields(
            text=text,
            id=number,
            author=handle or (address and address[1]),
            author_id=value_at(row, "user.id"),
            name=value_at(row, "user.displayname"),
            followers=value_at(row, "user.followersCount"),
            published_at=row.get("date"),
            lang=row.get("lang"),
            likes=row.get("likeCount"),
            shares=total(row.get("retweetCount"), row.get("quoteCount")),
            replies=row.get("replyCount"),
            reply_to=row.get("inReplyToTweetId"),
            repost_of=reposted.get("id") if isinstance(reposted, Mapping) else None,
        )
    )


SNSCRAPE = Preset(
    name="snscrape",
    title="snscrape (JSON Lines or CSV)",
    source="x",
    columns={
        "text": ("rawContent", "content", "renderedContent"),
        "author": ("user.username", "username"),
        "author_id": ("user.id",),
        "published_at": ("date",),
        "id": ("id",),
        "url": ("url",),
        "likes": ("likeCount",),
        "shares": ("retweetCount",),
        "replies": ("replyCount",),
        "followers": ("user.followersCount",),
        "lang": ("lang",),
        "reply_to": ("inReplyToTweetId",),
        "counts": ("retweetCount", "_type", "outlinks", "renderedContent"),
    },
    signature=(
        ("text", "author", "published_at", "id", "counts"),
        ("text", "published_at", "counts", "url"),
    ),
    assumptions=("Ids and authors are those of the live source x. Times are UTC.",),
    timezone="UTC",
    adapt=_snscrape,
    reads_record=True,
)
