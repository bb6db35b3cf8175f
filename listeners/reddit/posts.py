"""Reddit's listings as Mentions: pure, from decoded JSON.

Fields: https://www.reddit.com/dev/api#listings and https://github.com/reddit-archive/reddit/wiki/JSON.
A listing holds things: ``kind`` t1 is a comment, t3 a submission, and ``name`` the fullname of it.
What an author deleted stays in listings as "[deleted]", what moderators took away as "[removed]",
what Reddit itself did as "[ Removed by Reddit ]", sometimes with why; of a submission it can be the
title that says so. Who deleted the account is shown as "[deleted]" beside the text. A submission
that moderators hold back has a ``removed_by_category``; it may be let through later, so only an
author's own deletion is told as Gone here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from earful.contracts import BadItem
from earful.matching import Matcher
from earful.types import Author, Engagement, Gone, Mention, Rejected
from listeners.common import times
from listeners.common.json_fields import string
from listeners.common.plain_text import clean, one_line, web_link
from listeners.common.rejects import glimpse, rejected
from listeners.common.values import count

COMMENT, SUBMISSION = "t1", "t3"
SITE = "https://www.reddit.com"

_FULLNAME = re.compile(r"t[13]_[0-9a-z]{1,13}")
_AUTHOR_ID = re.compile(r"t2_[0-9a-z]{1,13}")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,30}")
_DELETED = "[deleted]"
_AWAY = re.compile(r"\[\s*(deleted|removed)(\s+by\s[^\n]{1,150})?\s*\]", re.IGNORECASE)
_BY_AUTHOR = {"deleted", "author"}
_LONGEST_QUERY = 512  # characters of a search; reddit.com/dev/api#GET_search


@dataclass(frozen=True, slots=True, kw_only=True)
class Posts:
    """What a listing holds, newest first. ``count`` is how many things Reddit gave, readable or
    not; ``after`` names the place where the next page begins, None behind the last one; ``away``
    says of things without content why they have none, ``orphans`` are those with content whose
    author's account is deleted."""

    mentions: tuple[Mention, ...]
    rejected: tuple[Rejected, ...]
    gone: tuple[Gone, ...]
    away: Mapping[str, str]
    orphans: frozenset[str]
    oldest: datetime | None
    newest: datetime | None
    after: str | None
    count: int


class NoListing(Exception):
    """The JSON is no listing; the text says what is wrong."""


def read(
    answer: object, *, fetched_at: datetime, direct: bool = False, wanted: Matcher | None = None
) -> Posts:
    """The posts of a listing, those alone that ``wanted`` matches where it is given.

    What cannot be read is told as Rejected and the rest is kept. Raises NoListing.
    """
    things, after = _listing(answer)
    mentions: list[Mention] = []
    bad: list[Rejected] = []
    away: dict[str, str] = {}
    orphans: set[str] = set()
    moments: list[datetime] = []
    for thing in things:
        data = thing.get("data") if isinstance(thing, dict) else None
        data = data if isinstance(data, dict) else {}
        at = _moment(data.get("created_utc"))
        moments += [at] if at else []
        why = _away(data)
        if why and (name := _fullname(data.get("name"))):
            away[name] = why
            continue
        try:
            mention = _mention(thing, data, fetched_at, direct)
        except BadItem as error:
            where = f"thing {one_line(string(data, 'name'), 40) or '?'}"
            bad.append(rejected(where, error, thing))
            continue
        if string(data, "author") == _DELETED:
            orphans.add(mention.external_id)
        if wanted is None or wanted.matches(mention.text):
            mentions.append(mention)
    return Posts(
        mentions=tuple(mentions),
        rejected=tuple(bad),
        gone=tuple(gone(name, why) for name, why in away.items() if why == "deleted"),
        away=away,
        orphans=frozenset(orphans),
        oldest=moments[-1] if moments else None,
        newest=max(moments, default=None),
        after=after,
        count=len(things),
    )


def gone(fullname: str, reason: str) -> Gone:
    """That a post is not to be seen any more."""
    return Gone(source="reddit", external_id=fullname, reason=reason)


def is_fullname(value: str) -> bool:
    """True for an id that Reddit can have given to a comment or submission."""
    return _FULLNAME.fullmatch(value) is not None


def searches(any_of: tuple[str, ...]) -> list[str]:
    """Terms as searches that Reddit takes: each in quotes, joined by OR as far as one search may
    be long. Handles go without their sign: the words stand alone in what Reddit searches."""
    found = [" ".join(one.replace('"', " ").split()).lstrip("@#") for one in any_of]
    terms = dict.fromkeys(one[: _LONGEST_QUERY - 2] for one in found if one)
    joined: list[str] = []
    for term in terms:
        quoted = f'"{term}"'
        longer = f"{joined[-1]} OR {quoted}" if joined else ""
        if longer and len(longer) <= _LONGEST_QUERY:
            joined[-1] = longer
        else:
            joined.append(quoted)
    return joined


def _listing(answer: object) -> tuple[list[Any], str | None]:
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        raise NoListing("it has no data")
    things, after = data.get("children"), data.get("after")
    if not isinstance(things, list):
        raise NoListing("data.children is not a list")
    if after is not None and not isinstance(after, str):
        raise NoListing("data.after is not a name")
    return things, after or None


def _away(data: Mapping[str, Any]) -> str:
    """Why there is nothing to read: "deleted" by its author, "removed" by others; "" else."""
    by = data.get("removed_by_category")
    if isinstance(by, str) and by:
        return "deleted" if by in _BY_AUTHOR else "removed"
    for words in (string(data, "body") or string(data, "selftext"), string(data, "title")):
        if found := _AWAY.fullmatch(words.strip()):
            return found[1].lower()
    return ""


def _mention(thing: object, data: Mapping[str, Any], fetched_at: datetime, direct: bool) -> Mention:
    kind = thing.get("kind") if isinstance(thing, dict) else None
    if kind not in (COMMENT, SUBMISSION):
        raise BadItem(f"kind: {glimpse(kind)} is neither a comment (t1) nor a submission (t3)")
    name = _fullname(data.get("name"))
    if not name:
        raise BadItem(f"name: {glimpse(data.get('name'))} is no fullname")
    published_at = _moment(data.get("created_utc"))
    if published_at is None:
        raise BadItem(f"created_utc: {glimpse(data.get('created_utc'))} is not a time")
    comment = kind == COMMENT
    title = "" if comment else one_line(string(data, "title"), 500)
    body = clean(string(data, "body" if comment else "selftext"))
    text = "\n".join(part for part in (title, body) if part)
    if not text:
        raise BadItem("it has no text")
    link = "" if comment or data.get("is_self") is True else web_link(data.get("url")) or ""
    return Mention(
        source="reddit",
        external_id=name,
        author=_author(data, name),
        text=text,
        published_at=published_at,
        fetched_at=fetched_at,
        url=_url(data, name),
        reply_to=_fullname(data.get("parent_id")) or None,
        repost_of=_fullname(data.get("crosspost_parent")) or None,
        engagement=Engagement(
            likes=count(data.get("score")),
            # on a comment it counts the whole thread's
            replies=0 if comment else count(data.get("num_comments")),
        ),
        direct=direct,
        context=link,
        edited_at=_moment(data.get("edited")),
    )


def _author(data: Mapping[str, Any], name: str) -> Author:
    handle, number = string(data, "author"), string(data, "author_fullname")
    if not _NAME.fullmatch(handle):  # Reddit shows "[deleted]" where the account is
        # each one for itself: two people without a name are not one customer
        return Author(source="reddit", external_id=f"anonymous-{name}", handle="anonymous")
    return Author(
        source="reddit",
        external_id=number if _AUTHOR_ID.fullmatch(number) else handle,
        handle=handle,
        url=f"{SITE}/user/{handle}",
    )


def _url(data: Mapping[str, Any], name: str) -> str | None:
    """Where people read it. Mentions in the inbox have a ``context`` instead of a permalink, and
    older answers nothing of a comment but its thread."""
    path = string(data, "permalink") or string(data, "context").partition("?")[0]
    if path.startswith("/"):
        return web_link(f"{SITE}{path}")
    thread = _fullname(data.get("link_id"))
    return f"{SITE}/comments/{thread[3:]}/_/{name[3:]}/" if thread else None


def _moment(value: object) -> datetime | None:
    """Seconds since 1970; ``edited`` is False where nothing was edited."""
    if isinstance(value, bool):
        return None
    try:
        return times.parse(value)
    except BadItem:
        return None


def _fullname(value: object) -> str:
    return value if isinstance(value, str) and is_fullname(value) else ""
