"""Read a row of a file as a Mention, by a map of its columns."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from earful.contracts import BadItem
from earful.settings.load import slug
from earful.types import Author, Engagement, Mention
from listeners.common import times
from listeners.common.authors import anonymous_author
from listeners.common.options import ListenerOptions
from listeners.common.plain_text import clean, one_line, web_link
from listeners.common.values import count, language

# above it a float has lost digits; no count of people comes near
_EXACT_FLOATS_BELOW = 2**53
_MAX_ID = 200
_LOST_DIGITS = re.compile(r"\d\.\d+[eE]\+\d+$")  # a spreadsheet's 5.67588E+17
_NO_COUNTS = Engagement()
# authors and brand cells kept at once: memory stays constant for files of any size
_CACHE_SIZE = 10_000


class ColumnMap(ListenerOptions):
    """The option ``map``: the column for each field; a dot reads an object, as in user.name."""

    text: str = "text"
    author: str = "author"
    author_id: str = "author_id"
    id: str = "id"
    published_at: str = "published_at"
    url: str = "url"
    lang: str = "lang"
    shares: str = "shares"
    likes: str = "likes"
    replies: str = "replies"
    followers: str = "followers"
    name: str = "name"
    reply_to: str = "reply_to"
    repost_of: str = "repost_of"
    # no default: in exports of X the column `source` holds the app that wrote the post
    source: str | None = None
    brands: str | None = None

    def required(self) -> dict[str, str]:
        """Return the columns that must exist: those of the settings, text and time."""
        chosen = {field: getattr(self, field) for field in self.model_fields_set}
        always = {"text": self.text, "published_at": self.published_at}
        return {field: column for field, column in (chosen | always).items() if column}


class RowReader:
    """Read rows as Mentions. Each poll needs its own, because all rows share ``fetched_at``."""

    def __init__(
        self, columns: ColumnMap, *, source: str, fetched_at: datetime, zone: tzinfo | None = None
    ) -> None:
        self._columns = columns
        self._source = source
        self._fetched_at = fetched_at
        self._zone = zone
        self._authors: dict[tuple[object, ...], Author] = {}
        self._brands: dict[object, tuple[str, ...]] = {}
        named = [getattr(columns, field) for field in type(columns).model_fields]
        self._dotted = [column for column in named if column and "." in column]

    def read(self, row: dict[str, Any]) -> Mention:
        """Return the row as a Mention; BadItem names the field, its value and the fix."""
        for column in self._dotted:
            row.setdefault(column, _nested_value(row, column))
        columns, get = self._columns, row.get
        text = _text(get(columns.text))
        try:
            published_at = times.parse(get(columns.published_at), self._zone)
        except BadItem as error:
            raise BadItem(f"{columns.published_at}: {error}") from None
        source = self._source_of(row)
        external_id = _identity(get(columns.id)) or _row_id(get(columns.author), published_at, text)
        return Mention(
            source=source,
            external_id=external_id,
            author=self._author(row, source, external_id),
            text=text,
            published_at=published_at,
            fetched_at=self._fetched_at,
            url=web_link(get(columns.url)),
            lang=language(get(columns.lang)),
            reply_to=_identity(get(columns.reply_to)),
            repost_of=_repost(get(columns.repost_of), text),
            engagement=_engagement(get(columns.shares), get(columns.likes), get(columns.replies)),
            brands=self._brand_names(row) if columns.brands else None,
            # the user chose these rows: the query's terms do not filter them
            direct=True,
        )

    def _source_of(self, row: Mapping[str, Any]) -> str:
        column = self._columns.source
        value = row.get(column) if column else None
        return slug(value)[:40] if isinstance(value, str) and value.strip() else self._source

    def _author(self, row: Mapping[str, Any], source: str, external_id: str) -> Author:
        columns, get = self._columns, row.get
        cells = get(columns.author), get(columns.author_id), get(columns.name)
        try:
            key = (source, *cells, get(columns.followers))
            cached = self._authors.get(key)
        except TypeError:  # a list or an object where a name should be
            raise BadItem(f"{columns.author}: it is not a name but a list or an object") from None
        if cached is not None:
            return cached
        handle = one_line(_as_text(cells[0])).lstrip("@")
        number = _identity(cells[1]) or _shortened(handle)
        if not number:
            # each one for itself: two people without a name are not one customer
            return anonymous_author(source, external_id)
        author = Author(
            source=source,
            external_id=number,
            handle=handle or number,
            name=one_line(_as_text(cells[2])) or None,
            followers=None if get(columns.followers) in (None, "") else count(key[-1]),
        )
        if len(self._authors) >= _CACHE_SIZE:
            self._authors.clear()
        self._authors[key] = author
        return author

    def _brand_names(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        value = row.get(self._columns.brands or "")
        names = value if isinstance(value, list) else str(value or "").split(",")
        cell = ",".join(str(name) for name in names)
        brands = self._brands.get(cell)
        if brands is None:
            brands = tuple(
                dict.fromkeys(name for part in cell.split(",") if (name := one_line(part, 120)))
            )
            if not brands:
                raise BadItem(f"{self._columns.brands}: it is empty; the row is about no brand")
            if len(self._brands) >= _CACHE_SIZE:
                self._brands.clear()
            self._brands[cell] = brands
        return brands


def _engagement(shares: object, likes: object, replies: object) -> Engagement:
    if not shares and not likes and not replies:
        return _NO_COUNTS
    return Engagement(shares=count(shares), likes=count(likes), replies=count(replies))


def _text(value: object) -> str:
    if isinstance(value, (dict, list)):
        raise BadItem("text: it is not text but a list or an object")
    text = clean(_as_text(value))
    if not text:
        raise BadItem("text: it is empty")
    return text


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _identity(value: object) -> str | None:
    """Return an id as text; None without one, or when a spreadsheet has cut its digits."""
    if value is None:
        return None
    if isinstance(value, float):
        value = int(value) if value.is_integer() and abs(value) < _EXACT_FLOATS_BELOW else None
    if value is None or value is False or isinstance(value, (dict, list)):
        return None  # a float without all of its digits, a "no", or no id at all
    text = value if isinstance(value, str) else str(value)
    return None if _LOST_DIGITS.match(text) else _shortened(clean(text, 4096)) or None


def _shortened(identity: str) -> str:
    """Return an id that storage can hold: the hash of a long one."""
    if len(identity) <= _MAX_ID:
        return identity
    return hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()


def _row_id(author: object, published_at: datetime, text: str) -> str:
    """Return an id for a row without one, the same for the same author, time and text."""
    parts = "\0".join((_as_text(author), published_at.isoformat(), text))
    return "row-" + hashlib.sha256(parts.encode("utf-8", "replace")).hexdigest()[:24]


def _repost(value: object, text: str) -> str | None:
    """Return the original's id; "" for a bare yes, None when this is no repost.

    Older exports of X have no column for it; there a repost begins with "RT @handle".
    """
    if isinstance(value, str) and value.strip().lower() in {"true", "false", "yes", "no"}:
        value = value.strip().lower() in {"true", "yes"}
    if value is None and text.startswith("RT @"):
        return ""
    return "" if value is True else _identity(value)


def _nested_value(row: Mapping[str, Any], path: str) -> object:
    value: object = row
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value
