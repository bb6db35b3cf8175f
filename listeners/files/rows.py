"""Read a row of a file as a Mention, by a map of its columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from earful.clock import UNDATED
from earful.contracts import BadItem
from earful.settings.load import slug
from earful.types import Author, Engagement, Mention, Rating
from listeners.common import times
from listeners.common.authors import anonymous_author, is_nobody
from listeners.common.json_fields import value_at
from listeners.common.mojibake import repaired
from listeners.common.plain_text import clean, one_line, web_link
from listeners.common.rejects import preview
from listeners.common.values import count, language, local_count
from listeners.files import platforms
from listeners.files.columns import ColumnMap, column_parts
from listeners.files.ids import (
    AS_WRITTEN,
    content_id,
    exact_id,
    is_eaten,
    read_id,
    shortened,
    unwrapped,
)
from listeners.files.pieces import join_columns, join_pieces
from listeners.files.ratings import read_rating, scale_of
from listeners.files.repeats import RepeatCounter

__all__ = ["ColumnMap", "Reading", "RowReader"]

_NO_COUNTS = Engagement()
_UNDATED_CELL = "1970-01-01T00:00:00Z"  # in Earful's own export
_OWN_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
# a column may say that a post is a repost, and not of which one
_YES = frozenset({"true", "yes", "1", "1.0"})
_NO = frozenset({"false", "no", "0", "0.0"})
# authors and brand cells kept at once: memory stays constant for files of any size
_CACHE_SIZE = 10_000
# an apostrophe before another letter is part of the name, as in 't Hart
_GUARDED = ("'@", "'=", "'+", "'-", '="')
_REPAIRED = "texts and names that had been read in a wrong encoding were put right"
_EATEN = "ids that a spreadsheet had rounded were not used"
_OFF_SCALE = "ratings were left out: they are not on the scale {}-{}"
_NO_SCALE = 'ratings were left out: say their scale, as in the option rating_scale = "1-5"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The choices for values that have more than one reading.

    ``zone``: of times that name none. ``order``: of local dates, as in ``times.parse``.
    ``rating_scale``: "1-5". ``is_exact``: the rows are Earful's own export, whose words are stored
    as they are.
    """

    zone: tzinfo | None = None
    order: str | None = None
    rating_scale: str | None = None
    is_exact: bool = False


class RowReader:
    """Read rows as Mentions. Each poll needs its own, because all rows share ``fetched_at``.

    ``is_bounded``: refuse times before 1990 and after tomorrow. ``repeats``: rows without id and
    author that say the same are several people, as in one file of answers, and are numbered by it.
    """

    def __init__(
        self,
        columns: ColumnMap,
        *,
        source: str,
        fetched_at: datetime,
        reading: Reading | None = None,
        is_bounded: bool = True,
        repeats: RepeatCounter | None = None,
    ) -> None:
        self._columns = columns
        self._source = source
        self._fetched_at = fetched_at
        self._reading = reading or Reading()
        self._read_id = exact_id if self._reading.is_exact else read_id
        self._zone = times.AssumedZone(self._reading.zone)
        self._now = fetched_at if is_bounded else None
        self._repeats = repeats
        self._authors: dict[tuple[object, ...], Author | None] = {}
        self._brands: dict[object, tuple[str, ...]] = {}
        self._assumed: Counter[str] = Counter()
        self._row_assumed: list[str] = []
        self._text_parts = column_parts("text", columns.text)
        self._time_parts = column_parts("published_at", columns.published_at)
        named = [getattr(columns, field) for field in type(columns).model_fields]
        named += self._text_parts + self._time_parts
        self._dotted = [column for column in named if column and "." in column]

    def take_assumed(self) -> dict[str, int]:
        """Return the assumptions since the last call, with the number of rows of each."""
        assumed = dict(self._assumed)
        self._assumed.clear()
        return assumed

    def read(self, row: dict[str, Any]) -> Mention:
        """Return the row as a Mention; BadItem names the field, its value and the fix."""
        for column in self._dotted:
            row.setdefault(column, value_at(row, column))
        if self._row_assumed:
            self._row_assumed.clear()
        columns, get = self._columns, row.get
        source = self._source if columns.source is None else self._source_of(row)
        stars = get(columns.rating)
        rating = None if stars is None else self._rating(stars, source)
        text = self._text(row, source, may_be_empty=self._reading.is_exact and rating is not None)
        published_at = self._published_at(self._time_cell(row))
        external_id = self._post_id(row, source)
        author = self._author(row, source)
        if external_id is None:
            external_id = content_id(get(columns.author), published_at, text)
            if self._repeats is not None and author is None:
                external_id = self._repeats.numbered(external_id)
        mention = Mention(
            source=source,
            external_id=external_id,
            # each one for itself: two people without a name are not one customer
            author=author or anonymous_author(source, external_id),
            text=text,
            published_at=published_at,
            fetched_at=self._fetched_at,
            url=web_link(unwrapped(get(columns.url))),
            lang=language(get(columns.lang)),
            reply_to=self._read_id(get(columns.reply_to)),
            repost_of=_repost(get(columns.repost_of), text, self._read_id),
            engagement=_engagement(get(columns.shares), get(columns.likes), get(columns.replies)),
            brands=self._brand_names(row) if columns.brands else None,
            # the user chose these rows: the query's terms do not filter them
            direct=True,
            rating=rating,
        )
        if self._row_assumed:
            self._assumed.update(self._row_assumed)
        return mention

    def _source_of(self, row: Mapping[str, Any]) -> str:
        column = self._columns.source
        value = row.get(column) if column else None
        return slug(value)[:40] if isinstance(value, str) and value.strip() else self._source

    def _time_cell(self, row: Mapping[str, Any]) -> object:
        """Return the value of the time's column, or "2026-03-14 17:07" of two columns."""
        column = self._columns.published_at
        if len(self._time_parts) == 1 or column in row:
            return row.get(column)
        cells = [str(row[part]).strip() for part in self._time_parts if row.get(part) is not None]
        return " ".join(filter(None, cells)) or None

    def _published_at(self, value: object) -> datetime:
        # the bounds of dates are for strangers' files, and would refuse our own undated posts
        if self._reading.is_exact:
            if value == _UNDATED_CELL:
                return UNDATED
            if not _OWN_TIME.fullmatch(str(value)):
                name = self._columns.published_at
                raise BadItem(f"{name}: {value!r} is no time that Earful wrote", hint=AS_WRITTEN)
        self._zone.times = 0
        try:
            instant = times.parse(
                unwrapped(value), self._zone, order=self._reading.order, now=self._now
            )
        except BadItem as error:
            name = self._columns.published_at
            raise BadItem(f"{name}: {error.sentence}", hint=error.hint) from None
        if self._zone.times:
            self._row_assumed.append(f"times without a zone were read as {self._zone.zone}")
        return instant

    def _text(self, row: Mapping[str, Any], source: str, *, may_be_empty: bool) -> str:
        column = self._columns.text
        try:
            if column in row or len(self._text_parts) == 1:
                text = self._plain(join_pieces(row.get(column)), source)
            else:
                cells = [join_pieces(row.get(part)) for part in self._text_parts]
                text = join_columns([self._plain(cell, source) for cell in cells])
        except BadItem as error:
            raise BadItem(f"text: {error.sentence}", hint=error.hint) from None
        if not text and not may_be_empty:
            raise BadItem("text: it is empty")
        return text

    def _plain(self, cell: str | None, source: str) -> str:
        """Return the words of a cell; "" for a cell without any."""
        if not cell:
            return ""
        if self._reading.is_exact:
            return clean(cell)
        if not cell.isascii():
            cell = self._repaired(cell)
        text = clean(platforms.plain_text(source, cell))
        if platforms.is_withheld(text):
            # Reddit's listener does not store a removed post's title either
            if text[:1] == "[":
                raise BadItem(f"it is gone: {preview(text)} is all that its platform shows")
            return ""
        return text

    def _repaired(self, text: str) -> str:
        fixed = repaired(text)
        if fixed is not text and fixed != text:
            self._row_assumed.append(_REPAIRED)
        return fixed

    def _post_id(self, row: Mapping[str, Any], source: str) -> str | None:
        cell = row.get(self._columns.id)
        identity = self._read_id(cell)
        is_usual = source == "x" and identity is not None and identity.isdecimal()
        if self._reading.is_exact or is_usual:
            return identity
        if identity is None:
            if cell is not None and is_eaten(str(cell).strip("=\"' ")):
                self._row_assumed.append(_EATEN)
        elif source not in platforms.SOURCES_WITH_IDS:
            return identity
        url = row.get(self._columns.url)
        fields = row if url is None or "url" in row else {**row, "url": url}
        identity = platforms.post_id(source, identity, fields, text_column=self._columns.text)
        return identity and shortened(identity)

    def _author(self, row: Mapping[str, Any], source: str) -> Author | None:
        """Return the row's author; None when the row names none."""
        columns, get = self._columns, row.get
        cells = get(columns.author), get(columns.author_id), get(columns.name)
        key = (source, *cells, get(columns.followers))
        try:
            if key in self._authors:
                return self._authors[key]
        except TypeError:  # a list or an object where a name should be
            raise BadItem(f"{columns.author}: it is not a name but a list or an object") from None
        handle = platforms.handle_of(source, self._name(cells[0])).lstrip("@")
        number = self._read_id(cells[1]) or shortened(handle)
        author = None
        if number:
            author = Author(
                source=source,
                external_id=number,
                handle=handle or number,
                name=self._name(cells[2]) or None,
                followers=local_count(unwrapped(get(columns.followers))),
            )
        if len(self._authors) >= _CACHE_SIZE:
            self._authors.clear()
        self._authors[key] = author
        return author

    def _name(self, cell: object) -> str:
        """Return a name on one line; "" for a word that stands for no person."""
        if cell is None or cell != cell:  # NaN differs from itself
            return ""
        text = cell if isinstance(cell, str) else read_id(cell) or str(cell)
        if self._reading.is_exact:
            return one_line(text)
        if text.startswith(_GUARDED):
            text = unwrapped(text)
        name = one_line(text if text.isascii() else self._repaired(text))
        return "" if is_nobody(name) else name

    def _rating(self, value: object, source: str) -> Rating | None:
        if value is None or value == "":
            return None
        scale = scale_of(self._reading.rating_scale, self._columns.rating, source)
        try:
            return read_rating(unwrapped(value), scale)
        except ValueError:
            self._row_assumed.append(_OFF_SCALE.format(*scale) if scale else _NO_SCALE)
            return None

    def _brand_names(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        value = row.get(self._columns.brands or "")
        if self._reading.is_exact and value:
            # an export has a row for each brand, and a brand's name may hold a comma
            return (one_line(str(value), 120),)
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
    return Engagement(
        shares=count(unwrapped(shares)),
        likes=count(unwrapped(likes)),
        replies=count(unwrapped(replies)),
    )


def _repost(value: object, text: str, read: Callable[[object], str | None]) -> str | None:
    """Return the original's id by ``read``; "" for a bare yes, None when this is no repost.

    Older exports of X have no column for it; there a repost begins with "RT @handle".
    """
    word = str(value).strip().lower()
    if word in _YES:
        return ""
    if value is None and text.startswith("RT @"):
        return ""
    return None if word in _NO else read(value)
