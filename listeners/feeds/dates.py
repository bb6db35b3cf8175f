"""Read the date of a feed's entry, strictly: a date that cannot be read makes the entry undated.

feedparser's own reading guesses: it takes "2026/11/20" for 1 November, drops AM and PM, and takes
CEST for UTC (6.0.14). Here the text of the date is read by ``listeners.common.times``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from earful.contracts import BadItem
from listeners.common import times

# feedparser's names of a date, by what they say of it: pubDate or dc:issued, atom:updated or
# dc:date, dcterms:created
_FIELDS = ("published", "updated", "created")


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRules:
    """Decide dates that have two readings: ``order`` of day and month, ``zone`` of those without.

    ``now`` bounds them: later than a day ahead, or before 1990, an entry's date is a wrong one.
    """

    now: datetime | None = None
    order: str | None = None
    zone: tzinfo = UTC

    @classmethod
    def of(cls, now: datetime, dates: str | None, timezone: str | None) -> DateRules:
        """Make the rules from the options ``dates`` and ``timezone``."""
        return cls(now=now, order=dates, zone=ZoneInfo(timezone) if timezone else UTC)

    def read(self, text: str) -> datetime:
        """Return the instant of a date. Raises BadItem for one with two readings or none."""
        return times.parse_mail_date(text, self.zone, order=self.order, now=self.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDate:
    """The date of an entry: ``text`` as the feed has it, "" for none, and the instant.

    ``instant`` is None for a missing date, and with a ``fault`` for one that cannot be read.
    """

    text: str = ""
    instant: datetime | None = None
    fault: str = ""


def entry_date(raw: Any, rules: DateRules) -> EntryDate:
    """Return the date of feedparser's entry: of its publication, or else of its last change.

    A second date never stands in for an unreadable first one: it may be that of a later change.
    """
    # dict.get: feedparser's own get() guesses one date for another
    texts = (dict.get(raw, name) for name in _FIELDS)
    text = next((text for text in texts if isinstance(text, str) and text.strip()), "").strip()
    if not text:
        return EntryDate()
    try:
        return EntryDate(text=text, instant=rules.read(text))
    except BadItem as error:
        return EntryDate(text=text, fault=error.sentence)
