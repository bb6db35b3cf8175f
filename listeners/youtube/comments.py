"""Answers of the YouTube Data API v3 as Mentions: pure, from decoded JSON.

Fields: https://developers.google.com/youtube/v3/docs/commentThreads, .../comments and .../search.
A thread is a comment and its replies, of which an answer shows some; ``totalReplyCount`` says how
many there are. ``textDisplay`` is plain text where that was asked for; ``textOriginal`` is given
only of one's own comments. ``updatedAt`` is later than ``publishedAt`` once it was edited. Titles
that a search gives have their special characters escaped as in HTML.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from earful.contracts import BadItem
from earful.matching import Matcher
from earful.types import Author, Engagement, Gone, Mention, Rejected
from listeners.common import times
from listeners.common.authors import anonymous_author
from listeners.common.json_fields import inner, objects, string
from listeners.common.plain_text import clean, one_line, web_link
from listeners.common.rejects import glimpse, reject
from listeners.common.values import count

_ID = re.compile(r"[A-Za-z0-9_.-]{12,150}")
_COMMENT = re.compile(r"[Uz][A-Za-z0-9_-]{18,60}(\.[A-Za-z0-9_-]{10,60})?")
_VIDEO = re.compile(r"[A-Za-z0-9_-]{11}")
_CHANNEL = re.compile(r"UC[A-Za-z0-9_-]{22}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A comment whose replies an answer did not show in full."""

    id: str
    video: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What an answer holds, newest first. ``token`` names the next page, None behind the last."""

    mentions: tuple[Mention, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    oldest: datetime | None = None
    newest: datetime | None = None
    token: str | None = None
    unfinished: tuple[Thread, ...] = ()


class NoAnswer(Exception):
    """The JSON is not what the API answers with; the text says what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Makes Mentions of comments: ``direct`` ones, or those alone that ``wanted`` matches."""

    fetched_at: datetime
    direct: bool = False
    wanted: Matcher | None = None

    def threads(self, answer: object) -> Found:
        """The comments of a page of threads, with the replies that are shown. Raises NoAnswer."""
        items, token = _items(answer)
        read: list[Mention | Rejected] = []
        unfinished: list[Thread] = []
        moments: list[datetime] = []
        for item in items:
            snippet = inner(item, "snippet")
            top, video = inner(snippet, "topLevelComment"), _video(snippet.get("videoId"))
            at = _moment(inner(top, "snippet").get("publishedAt"))
            moments += [at] if at else []
            replies = objects(inner(item, "replies"), "comments")
            read += self._read([top, *replies], video)
            thread = _id(top.get("id"))
            if at and thread and count(snippet.get("totalReplyCount")) > len(replies):
                unfinished.append(Thread(id=thread, video=video, at=at))
        return _found(read, moments, token, tuple(unfinished))

    def comments(self, answer: object, video: str = "") -> Found:
        """A page of comments under one video. Raises NoAnswer."""
        items, token = _items(answer)
        return _found(list(self._read(items, video)), [], token)

    def videos(self, answer: object) -> Found:
        """A page of a search for videos. Raises NoAnswer."""
        items, token = _items(answer)
        read: list[Mention | Rejected] = []
        moments: list[datetime] = []
        for item in items:
            at = _moment(inner(item, "snippet").get("publishedAt"))
            moments += [at] if at else []
            try:
                read.append(self._titled(item))
            except BadItem as error:
                read.append(_told("video", inner(item, "id").get("videoId"), item, error))
        return _found(read, moments, token)

    def _read(self, items: list[Any], video: str) -> Iterator[Mention | Rejected]:
        for item in items:
            try:
                mention = self._comment(item, video)
            except BadItem as error:
                number = item.get("id") if isinstance(item, dict) else None
                yield _told("comment", number, item, error)
                continue
            if self.wanted is None or self.wanted.matches(mention.text):
                yield mention

    def _comment(self, item: object, video: str) -> Mention:
        if not isinstance(item, dict):
            raise BadItem("it is not an object")
        number, snippet = _id(item.get("id")), inner(item, "snippet")
        if not number:
            raise BadItem(f"id: {glimpse(item.get('id'))} is no comment's id")
        published_at = _moment(snippet.get("publishedAt"))
        if published_at is None:
            raise BadItem(f"publishedAt: {glimpse(snippet.get('publishedAt'))} is not a time")
        text = clean(string(snippet, "textOriginal") or string(snippet, "textDisplay"))
        if not text:
            raise BadItem("it has no text")
        edited_at = _moment(snippet.get("updatedAt"))
        video = _video(snippet.get("videoId")) or video
        return Mention(
            source="youtube",
            external_id=number,
            author=_author(snippet, number),
            text=text,
            published_at=published_at,
            fetched_at=self.fetched_at,
            url=f"https://www.youtube.com/watch?v={video}&lc={number}" if video else None,
            reply_to=_id(snippet.get("parentId")) or None,
            engagement=Engagement(likes=count(snippet.get("likeCount"))),
            direct=self.direct,
            edited_at=edited_at if edited_at and edited_at > published_at else None,
        )

    def _titled(self, item: object) -> Mention:
        if not isinstance(item, dict):
            raise BadItem("it is not an object")
        number, snippet = _video(inner(item, "id").get("videoId")), inner(item, "snippet")
        published_at = _moment(snippet.get("publishedAt"))
        if not number or published_at is None:
            raise BadItem("it has no id.videoId, or its publishedAt is not a time")
        title = one_line(html.unescape(string(snippet, "title")), 500)
        about = clean(html.unescape(string(snippet, "description")))
        text = "\n".join(part for part in (title, about) if part)
        if not text:
            raise BadItem("it has no title")
        channel, name = string(snippet, "channelId"), one_line(string(snippet, "channelTitle"))
        if _CHANNEL.fullmatch(channel):
            author = Author(
                source="youtube",
                external_id=channel,
                handle=name or "anonymous",
                url=f"https://www.youtube.com/channel/{channel}",
            )
        else:
            author = anonymous_author("youtube", number, handle=name)
        return Mention(
            source="youtube",
            external_id=number,
            author=author,
            text=text,
            published_at=published_at,
            fetched_at=self.fetched_at,
            url=f"https://www.youtube.com/watch?v={number}",
        )


def shown(answer: object) -> set[str]:
    """The ids of what a lookup found. Raises NoAnswer."""
    items, _ = _items(answer)
    return {string(item, "id") for item in items if isinstance(item, dict)}


def gone(number: str) -> Gone:
    """That a comment or video is not shown any more."""
    return Gone(source="youtube", external_id=number, reason="not shown any more")


def is_comment(number: str) -> bool:
    """True for an id that YouTube can have given to a comment."""
    return _COMMENT.fullmatch(number) is not None


def is_video(number: str) -> bool:
    """True for an id that YouTube can have given to a video."""
    return _VIDEO.fullmatch(number) is not None


def _found(
    read: list[Mention | Rejected],
    moments: list[datetime],
    token: str | None,
    unfinished: tuple[Thread, ...] = (),
) -> Found:
    return Found(
        mentions=tuple(one for one in read if isinstance(one, Mention)),
        rejected=tuple(one for one in read if isinstance(one, Rejected)),
        oldest=moments[-1] if moments else None,  # a comment pinned to the top may be older
        newest=max(moments, default=None),
        token=token,
        unfinished=unfinished,
    )


def _items(answer: object) -> tuple[list[Any], str | None]:
    if not isinstance(answer, dict):
        raise NoAnswer("it is not an object")
    items, token = answer.get("items", []), answer.get("nextPageToken")
    if not isinstance(items, list) or not ("items" in answer or "kind" in answer):
        raise NoAnswer("items is not a list")
    if token is not None and not isinstance(token, str):
        raise NoAnswer("nextPageToken is not a name")
    return items, token or None


def _author(snippet: Mapping[str, Any], number: str) -> Author:
    """Channels go by their id; their name, which may be "@handle", can change."""
    channel = string(inner(snippet, "authorChannelId"), "value")
    name = one_line(string(snippet, "authorDisplayName"))
    if not _CHANNEL.fullmatch(channel):
        return anonymous_author("youtube", number, handle=name.lstrip("@"))
    return Author(
        source="youtube",
        external_id=channel,
        handle=name.lstrip("@") or channel,
        url=web_link(snippet.get("authorChannelUrl"))
        or f"https://www.youtube.com/channel/{channel}",
    )


def _told(what: str, number: object, item: object, error: BadItem) -> Rejected:
    return reject(f"{what} {glimpse(number, 80)}", error, item)


def _moment(value: object) -> datetime | None:
    try:
        return times.parse(value)
    except BadItem:
        return None


def _id(value: object) -> str:
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def _video(value: object) -> str:
    return value if isinstance(value, str) and is_video(value) else ""
