"""Parse answers of X's API v2 into Mentions: pure, from decoded JSON.

Fields: X API documentation, "Data dictionary" and OpenAPI 2.166. X pages by id, and post_ids.py
reads the time in an id, so a backfill goes by the ids' times. A post with an unreadable
``created_at`` has its time from there too. Each edit has an id of its own, and
``edit_history_tweet_ids`` lists them all, oldest first ("Edit Posts").
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from earful.contracts import BadItem
from earful.types import Author, Engagement, Mention, Rejected
from listeners.common import times
from listeners.common.authors import anonymous_author
from listeners.common.json_fields import nested, objects, string
from listeners.common.plain_text import clean, one_line, web_link
from listeners.common.rejects import preview, reject
from listeners.common.values import count, language
from listeners.x.post_ids import is_id, item_id, time_in_id
from listeners.x.problems import problems, reject_problem

TWEET_FIELDS = (
    "author_id",
    "conversation_id",
    "created_at",
    "edit_history_tweet_ids",
    "entities",
    "in_reply_to_user_id",
    "lang",
    "note_tweet",
    "public_metrics",
    "referenced_tweets",
)
USER_FIELDS = ("name", "public_metrics", "username", "verified")
EXPANSIONS = ("author_id",)

_HANDLE = re.compile(r"[A-Za-z0-9_]{1,15}")
_LANGUAGES_OF_X = {"iw": "he", "in": "id"}
# X's codes for posts of links, names or pictures only
_NO_LANGUAGE = re.compile(r"q[a-z]{2}|art")
_ATTACHMENT = re.compile(r"/(photo|video)/\d+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostsPage:
    """The contents of an answer.

    ``count``: the number of posts in it, readable or not. ``oldest`` and ``newest``: times of ids.
    ``token``: leads to the next page. ``newer``: for a post's first id, the id of its latest
    version, where the answer holds an earlier one.
    """

    mentions: tuple[Mention, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    oldest: datetime | None = None
    newest: datetime | None = None
    token: str | None = None
    count: int = 0
    newer: Mapping[str, str]


class InvalidAnswer(Exception):
    """The JSON is not in the endpoint's format; the text names the fault."""


def parse_page(answer: object, *, fetched_at: datetime, direct: bool = False) -> PostsPage:
    """Parse the posts of an answer.

    An unreadable post becomes a Rejected, and so does a problem that X reports in ``errors``; the
    other posts are kept. Raises InvalidAnswer when there is no list of posts.
    """
    body = _object(answer)
    data = body.get("data")
    if data is None:
        data = []
    if not isinstance(data, list):
        raise InvalidAnswer("data is not a list")
    authors = _authors_by_id(body)
    mentions, newer = [], {}
    rejected = [reject_problem(problem) for problem in problems(body)]
    for item in data:
        try:
            mention = _mention(item, authors, fetched_at, direct)
        except BadItem as error:
            rejected.append(reject(f"post {item_id(item) or '?'}", error, item))
            continue
        mentions.append(mention)
        if (latest := _history(item)[-1]) != item_id(item):
            newer[mention.external_id] = latest
    times_of_ids = [time_in_id(number) for item in data if (number := item_id(item))]
    return PostsPage(
        mentions=tuple(mentions),
        rejected=tuple(rejected),
        oldest=min(times_of_ids, default=None),
        newest=max(times_of_ids, default=None),
        token=string(nested(body, "meta"), "next_token") or None,
        count=len(data),
        newer=newer,
    )


def has_page(answer: object) -> bool:
    """Return whether the answer is a page of results: X gives even an empty one a ``meta``."""
    return isinstance(answer, dict) and isinstance(answer.get("meta"), dict)


def total_count(answer: object) -> int:
    """Return the sum of a counts answer; raises InvalidAnswer when it is none."""
    data = _object(answer).get("data")
    if not isinstance(data, list):
        raise InvalidAnswer("data is not a list")
    return sum(count(bucket.get("tweet_count")) for bucket in data if isinstance(bucket, dict))


def _mention(
    item: object, authors: Mapping[str, Author], fetched_at: datetime, direct: bool
) -> Mention:
    if not isinstance(item, dict):
        raise BadItem("it is not an object")
    number = item_id(item)
    if not number:
        raise BadItem(f"id: {preview(item.get('id'))} is not an id")
    history = _history(item)
    # the first version's id names the post: later ids come and go with its edits
    edited = number != history[0]
    text, context = _text_and_context(item)
    if not text:
        raise BadItem("text: it is empty")
    author = _author(item, authors, history[0])
    references = _references(item)
    return Mention(
        source="x",
        external_id=history[0],
        author=author,
        text=text,
        published_at=time_in_id(history[0]) if edited else _created_at(item, number),
        fetched_at=fetched_at,
        url=web_link(f"{author.url or 'https://x.com/i'}/status/{number}"),
        lang=_language(item.get("lang")),
        reply_to=references.get("replied_to"),
        repost_of=references.get("retweeted"),
        engagement=_engagement(nested(item, "public_metrics")),
        direct=direct,
        context=context,
        edited_at=time_in_id(number) if edited else None,
    )


def _text_and_context(item: Mapping[str, Any]) -> tuple[str, str]:
    """Return the text with readable links, and the targets and titles of its links.

    A long post has its full text in ``note_tweet``; ``text`` then holds the beginning only.
    """
    note = nested(item, "note_tweet")
    post = note if string(note, "text") else item
    # X escapes &, < and >, nothing else
    text = html.unescape(string(post, "text"))
    context: list[str] = []
    for link in objects(nested(post, "entities"), "urls"):
        short, target = string(link, "url"), string(link, "expanded_url")
        if not short.startswith("http"):
            continue
        # a link to the post's own picture says nothing to readers
        attached = "media_key" in link or _ATTACHMENT.search(target)
        readable = "" if attached else string(link, "display_url") or target or short
        text = text.replace(short, readable)
        if not attached:
            parts = (target, string(link, "unwound_url"), string(link, "title"))
            context += [part for part in parts if part]
    return clean(text), clean("\n".join(dict.fromkeys(context)))


def _author(item: Mapping[str, Any], authors: Mapping[str, Author], number: str) -> Author:
    """Return the author. X leaves out hidden accounts, so these are named by their number."""
    identity = item_id(item, "author_id")
    if not identity:
        return anonymous_author("x", number)
    return authors.get(identity) or Author(source="x", external_id=identity, handle=identity)


def _authors_by_id(answer: Mapping[str, Any]) -> dict[str, Author]:
    authors = {}
    for user in objects(nested(answer, "includes"), "users"):
        identity, handle = item_id(user), string(user, "username")
        if not identity or not _HANDLE.fullmatch(handle):
            continue
        followers = nested(user, "public_metrics").get("followers_count")
        authors[identity] = Author(
            source="x",
            external_id=identity,
            handle=handle,
            name=one_line(string(user, "name")) or None,
            followers=None if followers is None else count(followers),
            verified=user.get("verified") is True,
            url=f"https://x.com/{handle}",
        )
    return authors


def _created_at(item: Mapping[str, Any], number: str) -> datetime:
    try:
        return times.parse(item.get("created_at"))
    except BadItem:
        return time_in_id(number)


def _history(item: Mapping[str, Any]) -> list[str]:
    """Return the ids of all versions, oldest first; the post's own id when X lists none."""
    history = item.get("edit_history_tweet_ids")
    ids = [number for number in history if is_id(number)] if isinstance(history, list) else []
    return sorted(ids, key=int) or [item_id(item)]


def _references(item: Mapping[str, Any]) -> dict[str, str]:
    posts = objects(item, "referenced_tweets")
    return {string(post, "type"): item_id(post) for post in posts if item_id(post)}


def _engagement(metrics: Mapping[str, Any]) -> Engagement:
    return Engagement(
        shares=count(metrics.get("retweet_count")) + count(metrics.get("quote_count")),
        likes=count(metrics.get("like_count")),
        replies=count(metrics.get("reply_count")),
    )


def _language(value: object) -> str | None:
    code = language(value)
    if code is None or _NO_LANGUAGE.fullmatch(code):
        return None
    return _LANGUAGES_OF_X.get(code, code)


def _object(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise InvalidAnswer("it is not an object")
    return answer
