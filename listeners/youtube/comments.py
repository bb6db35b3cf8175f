"""Parse answers of the YouTube Data API v3 into Mentions: pure, from decoded JSON.

Fields: https://developers.google.com/youtube/v3/docs/commentThreads, .../comments and .../search.
A thread is a comment and its replies. An answer shows some replies; ``totalReplyCount`` counts all.
``textDisplay`` is plain text if the request asked for it; ``textOriginal`` comes with the account's
own comments only. ``updatedAt`` is later than ``publishedAt`` for an edited comment. Titles in a
search have their special characters escaped as in HTML.
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
from listeners.common.json_fields import nested, objects, string
from listeners.common.plain_text import clean, one_line, web_link
from listeners.common.rejects import preview, reject
from listeners.common.values import count

# YouTube documents no format of ids: these only keep out text that cannot be one
_ID = re.compile(r"[A-Za-z0-9_.-]{12,150}")
_COMMENT = re.compile(r"[Uz][A-Za-z0-9_-]{18,60}(\.[A-Za-z0-9_-]{10,60})?")
_VIDEO = re.compile(r"[A-Za-z0-9_-]{11}")
_CHANNEL = re.compile(r"UC[A-Za-z0-9_-]{22}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A comment with more replies than the answer showed; ``at``: the time of the comment."""

    id: str
    video: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPage:
    """The contents of an answer, newest first.

    ``token``: leads to the next page, None on the last one. ``unfinished``: threads with missing
    replies.
    """

    mentions: tuple[Mention, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    oldest: datetime | None = None
    newest: datetime | None = None
    token: str | None = None
    unfinished: tuple[Thread, ...] = ()


class InvalidAnswer(Exception):
    """The JSON is not in the API's format; the text names the fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Parse comments and videos into Mentions.

    ``direct``: comments are addressed to us. ``matcher``: the comments to keep, None for all.
    """

    fetched_at: datetime
    direct: bool = False
    matcher: Matcher | None = None

    def threads(self, answer: object) -> AnswerPage:
        """Parse a page of threads, with the replies that it shows; raises InvalidAnswer."""
        items, token = _items(answer)
        parsed: list[Mention | Rejected] = []
        unfinished: list[Thread] = []
        publishing_times: list[datetime] = []
        for item in items:
            snippet = nested(item, "snippet")
            top, video = nested(snippet, "topLevelComment"), _video(snippet.get("videoId"))
            published_at = _parse_time(nested(top, "snippet").get("publishedAt"))
            publishing_times += [published_at] if published_at else []
            replies = objects(nested(item, "replies"), "comments")
            parsed += self._parse([top, *replies], video)
            thread = _id(top.get("id"))
            has_more = count(snippet.get("totalReplyCount")) > len(replies)
            if published_at and thread and has_more:
                unfinished.append(Thread(id=thread, video=video, at=published_at))
        return _answer_page(parsed, publishing_times, token, tuple(unfinished))

    def comments(self, answer: object, video: str = "") -> AnswerPage:
        """Parse a page of comments under one video; raises InvalidAnswer."""
        items, token = _items(answer)
        return _answer_page(list(self._parse(items, video)), [], token)

    def videos(self, answer: object) -> AnswerPage:
        """Parse a page of a search for videos; raises InvalidAnswer."""
        items, token = _items(answer)
        parsed: list[Mention | Rejected] = []
        publishing_times: list[datetime] = []
        for item in items:
            published_at = _parse_time(nested(item, "snippet").get("publishedAt"))
            publishing_times += [published_at] if published_at else []
            try:
                parsed.append(self._video_mention(item))
            except BadItem as error:
                parsed.append(_rejected("video", nested(item, "id").get("videoId"), item, error))
        return _answer_page(parsed, publishing_times, token)

    def _parse(self, items: list[Any], video: str) -> Iterator[Mention | Rejected]:
        for item in items:
            try:
                mention = self._comment(item, video)
            except BadItem as error:
                number = item.get("id") if isinstance(item, dict) else None
                yield _rejected("comment", number, item, error)
                continue
            if self.matcher is None or self.matcher.matches(mention.text):
                yield mention

    def _comment(self, item: object, video: str) -> Mention:
        if not isinstance(item, dict):
            raise BadItem("it is not an object")
        number, snippet = _id(item.get("id")), nested(item, "snippet")
        if not number:
            raise BadItem(f"id: {preview(item.get('id'))} is no comment's id")
        published_at = _parse_time(snippet.get("publishedAt"))
        if published_at is None:
            raise BadItem(f"publishedAt: {preview(snippet.get('publishedAt'))} is not a time")
        text = clean(string(snippet, "textOriginal") or string(snippet, "textDisplay"))
        if not text:
            raise BadItem("it has no text")
        # updatedAt equals publishedAt until the first edit
        edited_at = _parse_time(snippet.get("updatedAt"))
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

    def _video_mention(self, item: object) -> Mention:
        if not isinstance(item, dict):
            raise BadItem("it is not an object")
        number, snippet = _video(nested(item, "id").get("videoId")), nested(item, "snippet")
        published_at = _parse_time(snippet.get("publishedAt"))
        if not number or published_at is None:
            raise BadItem("it has no id.videoId, or its publishedAt is not a time")
        title = one_line(html.unescape(string(snippet, "title")), 500)
        description = clean(html.unescape(string(snippet, "description")))
        text = "\n".join(part for part in (title, description) if part)
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


def ids_of(answer: object) -> set[str]:
    """Return the ids of the items in a lookup's answer; raises InvalidAnswer."""
    items, _ = _items(answer)
    return {string(item, "id") for item in items if isinstance(item, dict)}


def gone(number: str) -> Gone:
    """Return the Gone of a comment or video that YouTube no longer shows."""
    return Gone(source="youtube", external_id=number, reason="not shown any more")


def is_comment(number: str) -> bool:
    """Return whether this can be YouTube's id of a comment."""
    return _COMMENT.fullmatch(number) is not None


def is_video(number: str) -> bool:
    """Return whether this can be YouTube's id of a video."""
    return _VIDEO.fullmatch(number) is not None


def _answer_page(
    parsed: list[Mention | Rejected],
    publishing_times: list[datetime],
    token: str | None,
    unfinished: tuple[Thread, ...] = (),
) -> AnswerPage:
    return AnswerPage(
        mentions=tuple(item for item in parsed if isinstance(item, Mention)),
        rejected=tuple(item for item in parsed if isinstance(item, Rejected)),
        # the last one, not the least: a comment pinned to the top may be older
        oldest=publishing_times[-1] if publishing_times else None,
        newest=max(publishing_times, default=None),
        token=token,
        unfinished=unfinished,
    )


def _items(answer: object) -> tuple[list[Any], str | None]:
    if not isinstance(answer, dict):
        raise InvalidAnswer("it is not an object")
    items, token = answer.get("items", []), answer.get("nextPageToken")
    if not isinstance(items, list) or not ("items" in answer or "kind" in answer):
        raise InvalidAnswer("items is not a list")
    if token is not None and not isinstance(token, str):
        raise InvalidAnswer("nextPageToken is not a name")
    return items, token or None


def _author(snippet: Mapping[str, Any], number: str) -> Author:
    """Return the author by the id of the channel; its name, or "@handle", can change."""
    channel = string(nested(snippet, "authorChannelId"), "value")
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


def _rejected(kind: str, number: object, item: object, error: BadItem) -> Rejected:
    return reject(f"{kind} {preview(number, 80)}", error, item)


def _parse_time(value: object) -> datetime | None:
    try:
        return times.parse(value)
    except BadItem:
        return None


def _id(value: object) -> str:
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def _video(value: object) -> str:
    return value if isinstance(value, str) and is_video(value) else ""
