"""Comments and submissions of Reddit, as Pushshift and its successors dump them.

Fields: https://github.com/pushshift/api. The live listener reads the same things by the same ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from listeners.common.plain_text import web_link
from listeners.files.presets.cells import NO_WORDS, joined, objects, text_of, with_fields
from listeners.files.presets.types import LeftOut, Preset, Row

_SITE = "https://www.reddit.com"
_WITHHELD = re.compile(r"\[\s*(deleted|removed)(\s+by\s[^\n]{1,150})?\s*\]", re.IGNORECASE)
_BASE36 = re.compile(r"[0-9a-z]{1,13}")
_FULLNAME = re.compile(r"t[1356]_[0-9a-z]{1,13}")
_DELETED_NAMES = {"[deleted]", "[removed]"}


def _pushshift(row: Row) -> Iterator[Row | LeftOut]:
    if isinstance(row.get("data"), list):
        # an answer of the API
        for item in objects(row["data"]):
            yield from _pushshift(item)
        return
    if isinstance(row.get("data"), dict) and "kind" in row:
        row = row["data"]
    is_comment = "body" in row
    if reason := _withheld(row, is_comment):
        yield LeftOut(reason)
        return
    text = text_of(row.get("body")) if is_comment else _submission_text(row)
    if not text:
        yield NO_WORDS
        return
    handle = text_of(row.get("author"))
    name = _fullname(row, is_comment)
    yield with_fields(
        text=text,
        id=name,
        author=None if handle in _DELETED_NAMES else handle,
        author_id=None if handle in _DELETED_NAMES else row.get("author_fullname"),
        published_at=row.get("created_utc"),
        url=_address(row, name),
        reply_to=_parent(row),
        repost_of=row.get("crosspost_parent"),
        likes=row.get("score"),
        replies=None if is_comment else row.get("num_comments"),
    )


def _submission_text(row: Row) -> str:
    body = text_of(row.get("selftext"))
    return joined(row.get("title"), "" if _WITHHELD.fullmatch(body) else body)


def _withheld(row: Row, is_comment: bool) -> str:
    """Return the reason when nothing of the post is left to read."""
    category = text_of(row.get("removed_by_category"))
    texts = ("body",) if is_comment else ("selftext", "title")
    for name in texts:
        if match := _WITHHELD.fullmatch(text_of(row.get(name))):
            category = category or match[1].lower()
    if not category:
        return ""
    is_author = category in ("deleted", "author")
    return "a post that its author deleted" if is_author else "a post that moderators removed"


def _fullname(row: Row, is_comment: bool) -> str | None:
    """Return Reddit's full name, as t1_oab01; a dump may hold the bare id alone."""
    for value in (row.get("name"), row.get("id")):
        text = text_of(value).lower()
        if _FULLNAME.fullmatch(text):
            return text
        if value is row.get("id") and _BASE36.fullmatch(text):
            return f"{'t1' if is_comment else 't3'}_{text}"
    return None


def _parent(row: Row) -> str | None:
    parent = text_of(row.get("parent_id"))
    return parent if _FULLNAME.fullmatch(parent) else None


def _address(row: Row, name: str | None) -> str | None:
    path = text_of(row.get("permalink"))
    if path.startswith("/"):
        return web_link(f"{_SITE}{path}")
    thread = text_of(row.get("link_id"))
    if name and thread.startswith("t3_"):
        return f"{_SITE}/comments/{thread[3:]}/_/{name[3:]}/"
    full = row.get("full_link")
    return full if isinstance(full, str) else None


_COLUMNS: dict[str, Any] = {
    "text": ("body", "selftext", "title"),
    "title": ("title",),
    "id": ("name", "id"),
    "author": ("author",),
    "author_id": ("author_fullname",),
    "published_at": ("created_utc",),
    "thread": ("link_id", "subreddit", "permalink", "selftext", "subreddit_id"),
    "likes": ("score",),
    "replies": ("num_comments",),
    "reply_to": ("parent_id",),
    "kind": ("kind",),
    "listed": ("data.body", "data.selftext"),
}
PUSHSHIFT = Preset(
    name="pushshift",
    title="Reddit dumps (Pushshift, Arctic Shift), comments and submissions",
    source="reddit",
    columns=_COLUMNS,
    signature=(("text", "id", "author", "published_at", "thread"), ("kind", "listed")),
    assumptions=(
        "Ids are those of the live source reddit, as t1_… for a comment and t3_… for a submission.",
        "Deleted and removed posts are left out.",
    ),
    timezone="UTC",
    adapt=_pushshift,
    reads_record=True,
)
