"""Answers of X's API v2 as Mentions: pure, from decoded JSON.

Fields: X API documentation, "Data dictionary" and OpenAPI 2.166. Ids are snowflakes
(https://docs.x.com/resources/fundamentals/x-ids): their upper bits are the millisecond in which a
post, or a version of it, was written. X pages by id, so a walk goes by the ids' times; a post whose
``created_at`` cannot be read has its time from there too. Each edit has an id of its own, and
``edit_history_tweet_ids`` lists them all, oldest first ("Edit Posts").
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from earful.contracts import BadItem
from earful.types import Author, Engagement, Gone, Mention, Rejected
from listeners.common import times
from listeners.common.json_fields import inner, objects, string
from listeners.common.plain_text import clean, one_line, web_link
from listeners.common.rejects import glimpse
from listeners.common.rejects import rejected as unread
from listeners.common.values import count, language

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

_ID = re.compile(r"[0-9]{1,19}")
_HANDLE = re.compile(r"[A-Za-z0-9_]{1,15}")
_SNOWFLAKES_FROM = times.from_epoch(1288834974.657)
_OWN_LANGUAGES = {"iw": "he", "in": "id"}
_NO_LANGUAGE = re.compile(r"q[a-z]{2}|art")  # X's marks for posts of links, names or pictures only
_ATTACHED = re.compile(r"/(photo|video)/\d+$")
_GONE = {
    "resource-not-found": "deleted",
    "not-authorized-for-resource": "protected",
    "resource-unavailable": "not available",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Posts:
    """What an answer holds. ``count`` is how many posts X gave, readable or not; ``oldest`` and
    ``newest`` are times of ids; ``newer`` names, for a post's first id, its latest version's id
    where the answer gave an earlier one."""

    mentions: tuple[Mention, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    oldest: datetime | None = None
    newest: datetime | None = None
    token: str | None = None
    count: int = 0
    newer: Mapping[str, str]


class NoAnswer(Exception):
    """The JSON is not what the endpoint answers with; the text says what is wrong."""


def read(answer: object, *, fetched_at: datetime, direct: bool = False) -> Posts:
    """The posts of an answer. One that cannot be read is told as Rejected and the rest is kept,
    and so is what X itself reports in ``errors``. Raises NoAnswer when there is no list of posts.
    """
    found = _object(answer)
    data = found.get("data")
    if data is None:
        data = []
    if not isinstance(data, list):
        raise NoAnswer("data is not a list")
    people = _people(found)
    mentions, newer = [], {}
    rejected = [_told(problem) for problem in problems(found)]
    for item in data:
        try:
            mention = _mention(item, people, fetched_at, direct)
        except BadItem as error:
            rejected.append(unread(f"post {_id(item) or '?'}", error, item))
            continue
        mentions.append(mention)
        if (latest := _history(item)[-1]) != _id(item):
            newer[mention.external_id] = latest
    moments = [_moment(number) for item in data if (number := _id(item))]
    return Posts(
        mentions=tuple(mentions),
        rejected=tuple(rejected),
        oldest=min(moments, default=None),
        newest=max(moments, default=None),
        token=string(inner(found, "meta"), "next_token") or None,
        count=len(data),
        newer=newer,
    )


def has_page(answer: object) -> bool:
    """True when the answer is a page of results: X gives one its ``meta``, be it empty."""
    return isinstance(answer, dict) and isinstance(answer.get("meta"), dict)


def problems(answer: object) -> list[dict[str, Any]]:
    """What X reports beside, or instead of, its data."""
    listed = answer.get("errors") if isinstance(answer, dict) else None
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def vanished(answer: object) -> dict[str, Gone]:
    """For a lookup: the posts that X does not show any more, by id."""
    gone = {}
    for one in problems(answer):
        number = string(one, "resource_id") or string(one, "value")
        reason = _GONE.get(problem_type(one))
        if reason is None or one.get("resource_type") != "tweet" or not _ID.fullmatch(number):
            continue
        if "suspended" in string(one, "detail"):
            reason = "suspended"
        gone[number] = Gone(source="x", external_id=number, reason=reason)
    return gone


def problem_type(problem: Mapping[str, Any]) -> str:
    """The last word of a problem's type: "resource-not-found"."""
    return string(problem, "type").rpartition("/")[2]


def posts_counted(answer: object) -> int:
    """How many posts a counts answer has in all. Raises NoAnswer when it is none."""
    data = _object(answer).get("data")
    if not isinstance(data, list):
        raise NoAnswer("data is not a list")
    return sum(count(one.get("tweet_count")) for one in data if isinstance(one, dict))


def written_at(number: str) -> datetime | None:
    """The instant that an id holds; None for what is no id."""
    return _moment(number) if _ID.fullmatch(number) else None


def _mention(
    item: object, people: Mapping[str, Author], fetched_at: datetime, direct: bool
) -> Mention:
    if not isinstance(item, dict):
        raise BadItem("it is not an object")
    number = _id(item)
    if not number:
        raise BadItem(f"id: {glimpse(item.get('id'))} is not an id")
    history = _history(item)
    edited = number != history[0]
    text, context = _words(item)
    if not text:
        raise BadItem("text: it is empty")
    author = _author(item, people, history[0])
    references = _references(item)
    return Mention(
        source="x",
        external_id=history[0],
        author=author,
        text=text,
        published_at=_moment(history[0]) if edited else _created_at(item, number),
        fetched_at=fetched_at,
        url=web_link(f"{author.url or 'https://x.com/i'}/status/{number}"),
        lang=_language(item.get("lang")),
        reply_to=references.get("replied_to"),
        repost_of=references.get("retweeted"),
        engagement=_engagement(inner(item, "public_metrics")),
        direct=direct,
        context=context,
        edited_at=_moment(number) if edited else None,
    )


def _words(item: Mapping[str, Any]) -> tuple[str, str]:
    """The text with readable links, and what stands behind the links. A long post's whole text is
    in ``note_tweet``; ``text`` then holds its beginning."""
    note = inner(item, "note_tweet")
    whole = note if string(note, "text") else item
    text = html.unescape(string(whole, "text"))  # X escapes &, < and >, nothing else
    behind: list[str] = []
    for link in objects(inner(whole, "entities"), "urls"):
        short, target = string(link, "url"), string(link, "expanded_url")
        if not short.startswith("http"):
            continue
        attached = "media_key" in link or _ATTACHED.search(target)
        shown = "" if attached else string(link, "display_url") or target or short
        text = text.replace(short, shown)
        if not attached:
            parts = (target, string(link, "unwound_url"), string(link, "title"))
            behind += [part for part in parts if part]
    return clean(text), clean("\n".join(dict.fromkeys(behind)))


def _author(item: Mapping[str, Any], people: Mapping[str, Author], number: str) -> Author:
    """Who wrote it. X leaves out the authors whose accounts it hides: they go by their number."""
    identity = _id(item, "author_id")
    if not identity:
        return Author(source="x", external_id=f"anonymous-{number}", handle="anonymous")
    return people.get(identity) or Author(source="x", external_id=identity, handle=identity)


def _people(answer: Mapping[str, Any]) -> dict[str, Author]:
    found = {}
    for user in objects(inner(answer, "includes"), "users"):
        identity, handle = _id(user), string(user, "username")
        if not identity or not _HANDLE.fullmatch(handle):
            continue
        followers = inner(user, "public_metrics").get("followers_count")
        found[identity] = Author(
            source="x",
            external_id=identity,
            handle=handle,
            name=one_line(string(user, "name")) or None,
            followers=None if followers is None else count(followers),
            verified=user.get("verified") is True,
            url=f"https://x.com/{handle}",
        )
    return found


def _created_at(item: Mapping[str, Any], number: str) -> datetime:
    try:
        return times.parse(item.get("created_at"))
    except BadItem:
        return _moment(number)


def _moment(number: str) -> datetime:
    return _SNOWFLAKES_FROM + timedelta(milliseconds=int(number) >> 22)


def _history(item: Mapping[str, Any]) -> list[str]:
    """The ids of all versions, oldest first; the post's own when X tells none."""
    listed = item.get("edit_history_tweet_ids")
    ids = [one for one in listed if _is_id(one)] if isinstance(listed, list) else []
    return sorted(ids, key=int) or [_id(item)]


def _references(item: Mapping[str, Any]) -> dict[str, str]:
    return {string(one, "type"): _id(one) for one in objects(item, "referenced_tweets") if _id(one)}


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
    return _OWN_LANGUAGES.get(code, code)


def _told(problem: Mapping[str, Any]) -> Rejected:
    what = f"{string(problem, 'resource_type')} {string(problem, 'resource_id')}".strip()
    reason = f"{string(problem, 'title')}: {string(problem, 'detail')}".strip(": ")
    return Rejected(
        where=one_line(what, 80) or "answer",
        reason=f"X says: {one_line(reason, 300) or 'an error without a name'}",
    )


def _object(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise NoAnswer("it is not an object")
    return answer


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _id(item: object, key: str = "id") -> str:
    value = item.get(key) if isinstance(item, dict) else None
    return value if isinstance(value, str) and _is_id(value) else ""
