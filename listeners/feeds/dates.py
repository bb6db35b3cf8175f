"""Read the date of a feed's entry, strictly: a date that cannot be read makes the entry undated.

feedparser's own reading guesses: it takes "2026/11/20" for 1 November, drops AM and PM, and takes
CEST for UTC (6.0.14). Here the text of the date is read by ``listeners.common.times``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from earful.contracts import BadItem
from earful.folding import fold
from listeners.common import times

# feedparser's names of a date, by what they say of it: pubDate or dc:issued, atom:updated or
# dc:date, dcterms:created
_FIELDS = ("published", "updated", "created")
# Months as feeds of a country write them, where the word is one month in every language.
_MONTHS = {
    1: "januar january janvier enero gennaio janeiro januari ιανουαριου ιανουαριος ιαν января ocak",
    2: "februar février fevrier febrero febbraio fevereiro februari φεβρουαριου φεβρουαριος φεβ"
    " февраля şubat subat lutego",
    3: "märz maerz mars marzo março marco maart μαρτιου μαρτιος μαρ марта mart",
    4: "avril abril aprile απριλιου απριλιος απρ апреля nisan kwietnia",
    5: "mai mayo maggio maio mei maj μαιου μαιος μαι мая mayıs mayis maja",
    6: "juni juin junio giugno junho ιουνιου ιουνιος ιουν июня haziran czerwca",
    7: "juli juillet julio luglio julho ιουλιου ιουλιος ιουλ июля temmuz lipca",
    8: "août aout agosto augustus αυγουστου αυγουστος αυγ августа ağustos agustos sierpnia augusti",
    9: "septembre septiembre settembre setembro σεπτεμβριου σεπτεμβριος σεπ сентября eylül eylul"
    " września",
    10: "oktober octobre octubre ottobre outubro οκτωβριου οκτωβριος οκτ октября ekim października",
    11: "novembre noviembre novembro νοεμβριου νοεμβριος νοε ноября kasım kasim",
    12: "dezember décembre decembre diciembre dicembre dezembro δεκεμβριου δεκεμβριος δεκ декабря"
    " aralık aralik grudnia",
}
_ENGLISH = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NAMES = {
    fold(name): _ENGLISH[number - 1] for number, names in _MONTHS.items() for name in names.split()
}
# "lundi 16 novembre 2026 à 10:00", "Δευ, 16 Νοε 2026": the words in front tell the weekday only
_NAMED_MONTH = re.compile(
    r"(?:[^\W\d]+\.?,? )?(\d{1,2})(?:\.|er|º)? (?:de )?([^\W\d]{3,12})\.? (?:de )?(\d{4})"
    r"(?:,| à| at| um| às| a las| alle| klo| kl\.?| στις| -)?((?: .*)?)",
    re.IGNORECASE,
)
_LONGEST = 120  # characters; no date takes more, and a pattern reads it


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
        return EntryDate(text=text, instant=_read(text, rules))
    except BadItem as error:
        return EntryDate(text=text, fault=error.sentence)


def _read(text: str, rules: DateRules) -> datetime:
    try:
        return times.parse(text, rules.zone, order=rules.order, now=rules.now)
    except BadItem:
        named_month = _NAMED_MONTH.fullmatch(" ".join(text[: _LONGEST + 1].split()))
        if named_month is None or len(text) > _LONGEST:
            raise
        day, month, year, clock = named_month.groups()
        name = _MONTH_NAMES.get(fold(month))
        if name is None:
            raise
        date = f"{day} {name} {year}{clock}"
        return times.parse(date, rules.zone, order=rules.order, now=rules.now)
