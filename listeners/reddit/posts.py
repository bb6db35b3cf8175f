"""Parse Reddit's listings into Mentions: pure, from decoded JSON.

Fields: https://www.reddit.com/dev/api#listings and https://github.com/reddit-archive/reddit/wiki/JSON.
A listing holds things: ``kind`` t1 is a comment, t3 a submission; ``name`` is the thing's fullname.
A thing that its author deleted stays in listings as "[deleted]", one that moderators removed as
"[removed]", one that Reddit removed as "[ Removed by Reddit ]", sometimes with a reason; in a
submission the title can hold these words. A deleted account is shown as the author "[deleted]"
beside the text. A submission that moderators hold back has a ``removed_by_category``; they may
release it later, so only an author's own deletion becomes Gone here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from earful.contracts import BadItem
from earful.matching import Matcher
from earful.spellings import search_spellings
from earful.types import Author, Engagement, Gone, Mention, Rejected
from listeners.common import times
from listeners.common.authors import anonymous_author
from listeners.common.json_fields import string
from listeners.common.plain_text import clean, one_line, web_link
from listeners.common.rejects import preview, reject
from listeners.common.values import count

COMMENT, SUBMISSION = "t1", "t3"
# An inbox holds private messages too, often more than mentions. They are no public talk.
_PRIVATE_MESSAGE = "t4"
SITE = "https://www.reddit.com"

_FULLNAME = re.compile(r"t[13]_[0-9a-z]{1,13}")
_AUTHOR_ID = re.compile(r"t2_[0-9a-z]{1,13}")
_HANDLE = re.compile(r"[A-Za-z0-9_-]{1,30}")
_DELETED = "[deleted]"
_WITHHELD = re.compile(r"\[\s*(deleted|removed)(\s+by\s[^\n]{1,150})?\s*\]", re.IGNORECASE)
_BY_AUTHOR = {"deleted", "author"}
# characters of a search: https://www.reddit.com/dev/api#GET_search
_MAX_QUERY = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingPage:
    """The contents of a listing's page, newest first.

    ``count``: the number of things in it, readable or not. ``after``: the fullname that the next
    page begins behind, None on the last page. ``withheld``: the reason by fullname for things
    without content. ``orphans``: things with content and a deleted account.
    """

    mentions: tuple[Mention, ...]
    rejected: tuple[Rejected, ...]
    gone: tuple[Gone, ...]
    withheld: Mapping[str, str]
    orphans: frozenset[str]
    oldest: datetime | None
    newest: datetime | None
    after: str | None
    count: int


class InvalidListing(Exception):
    """The JSON is no listing; the text names the fault."""


def parse_listing(
    answer: object, *, fetched_at: datetime, direct: bool = False, matcher: Matcher | None = None
) -> ListingPage:
    """Parse a listing's posts that ``matcher`` matches, or all posts without one.

    An unreadable thing becomes a Rejected, and the other things are kept. Private messages are left
    out, with one Rejected for all of them. Raises InvalidListing.
    """
    children, after = _listing(answer)
    mentions: list[Mention] = []
    unreadable: list[Rejected] = []
    withheld: dict[str, str] = {}
    orphans: set[str] = set()
    private_messages = 0
    for child in children:
        if isinstance(child, dict) and child.get("kind") == _PRIVATE_MESSAGE:
            private_messages += 1
            continue
        data = _data(child)
        reason = _withheld_reason(data)
        if reason and (name := _fullname(data.get("name"))):
            withheld[name] = reason
            continue
        try:
            mention = _mention(child, data, fetched_at, direct)
        except BadItem as error:
            place = f"thing {one_line(string(data, 'name'), 40) or '?'}"
            unreadable.append(reject(place, error, child))
            continue
        # a re-check removes these: Reddit's terms want every trace of a deleted account removed
        if string(data, "author") == _DELETED:
            orphans.add(mention.external_id)
        if matcher is None or matcher.matches(mention.text):
            mentions.append(mention)
    if private_messages:
        number = (
            "a private message is"
            if private_messages == 1
            else (f"{private_messages:,} private messages are")
        )
        reason = f"{number} left out: Earful reads public posts only"
        unreadable.append(Rejected(where="inbox", reason=reason))
    creation_times = _creation_times(children)
    return ListingPage(
        mentions=tuple(mentions),
        rejected=tuple(unreadable),
        gone=tuple(gone(name, reason) for name, reason in withheld.items() if reason == "deleted"),
        withheld=withheld,
        orphans=frozenset(orphans),
        oldest=creation_times[-1] if creation_times else None,
        newest=max(creation_times, default=None),
        after=after,
        count=len(children),
    )


def gone(fullname: str, reason: str) -> Gone:
    """Return the Gone of a post that Reddit no longer shows."""
    return Gone(source="reddit", external_id=fullname, reason=reason)


def is_fullname(value: str) -> bool:
    """Return whether this can be Reddit's id of a comment or submission."""
    return _FULLNAME.fullmatch(value) is not None


def searches(any_of: tuple[str, ...]) -> list[str]:
    """Return searches for the terms: each in quotes, joined by OR up to Reddit's length.

    Handles lose their sign, because Reddit searches the word alone.
    """
    spellings = [spelling for term in any_of for spelling in search_spellings(term)]
    bare = [" ".join(term.replace('"', " ").split()).lstrip("@#") for term in spellings]
    terms = dict.fromkeys(term[: _MAX_QUERY - 2] for term in bare if term)
    joined: list[str] = []
    for term in terms:
        quoted = f'"{term}"'
        longer = f"{joined[-1]} OR {quoted}" if joined else ""
        if longer and len(longer) <= _MAX_QUERY:
            joined[-1] = longer
        else:
            joined.append(quoted)
    return joined


def _listing(answer: object) -> tuple[list[Any], str | None]:
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        raise InvalidListing("it has no data")
    children, after = data.get("children"), data.get("after")
    if not isinstance(children, list):
        raise InvalidListing("data.children is not a list")
    if after is not None and not isinstance(after, str):
        raise InvalidListing("data.after is not a name")
    return children, after or None


def _data(child: object) -> Mapping[str, Any]:
    data = child.get("data") if isinstance(child, dict) else None
    return data if isinstance(data, dict) else {}


def _creation_times(children: list[Any]) -> list[datetime]:
    """Return the readable times of all things, in the order of the listing."""
    instants = [_parse_time(_data(child).get("created_utc")) for child in children]
    return [instant for instant in instants if instant is not None]


def _withheld_reason(data: Mapping[str, Any]) -> str:
    """Return "deleted" for a thing its author deleted, "removed" for others, "" with content."""
    category = data.get("removed_by_category")
    if isinstance(category, str) and category:
        return "deleted" if category in _BY_AUTHOR else "removed"
    for text in (string(data, "body") or string(data, "selftext"), string(data, "title")):
        if match := _WITHHELD.fullmatch(text.strip()):
            return match[1].lower()
    return ""


def _mention(child: object, data: Mapping[str, Any], fetched_at: datetime, direct: bool) -> Mention:
    kind = child.get("kind") if isinstance(child, dict) else None
    if kind not in (COMMENT, SUBMISSION):
        raise BadItem(f"kind: {preview(kind)} is neither a comment (t1) nor a submission (t3)")
    name = _fullname(data.get("name"))
    if not name:
        raise BadItem(f"name: {preview(data.get('name'))} is no fullname")
    published_at = _parse_time(data.get("created_utc"))
    if published_at is None:
        raise BadItem(f"created_utc: {preview(data.get('created_utc'))} is not a time")
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
            # on a comment, num_comments counts the whole thread
            replies=0 if comment else count(data.get("num_comments")),
        ),
        direct=direct,
        context=link,
        edited_at=_parse_time(data.get("edited")),
    )


def _author(data: Mapping[str, Any], name: str) -> Author:
    handle, number = string(data, "author"), string(data, "author_fullname")
    if not _HANDLE.fullmatch(handle):  # Reddit shows "[deleted]" for a deleted account
        return anonymous_author("reddit", name)
    return Author(
        source="reddit",
        external_id=number if _AUTHOR_ID.fullmatch(number) else handle,
        handle=handle,
        url=f"{SITE}/user/{handle}",
    )


def _url(data: Mapping[str, Any], name: str) -> str | None:
    """Return the address at which people read a post, or None.

    Mentions in the inbox have a ``context`` instead of a permalink, and comments in older answers
    have their thread only.
    """
    path = string(data, "permalink") or string(data, "context").partition("?")[0]
    if path.startswith("/"):
        return web_link(f"{SITE}{path}")
    thread = _fullname(data.get("link_id"))
    return f"{SITE}/comments/{thread[3:]}/_/{name[3:]}/" if thread else None


def _parse_time(value: object) -> datetime | None:
    """Read seconds since 1970; ``edited`` is False for a post that was never edited."""
    if isinstance(value, bool):
        return None
    try:
        return times.parse(value)
    except BadItem:
        return None


def _fullname(value: object) -> str:
    return value if isinstance(value, str) and is_fullname(value) else ""
