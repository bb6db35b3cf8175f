"""A made-up platform that shows the imported posts again: some changed, some gone, some told by
others too, with gaps on the way. It says the same whenever it is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from earful.contracts import SpendMeter
from earful.types import Author, Batch, Engagement, Gap, Gone, Mention, Query, Seen

IMPORTED = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FOLLOWED = IMPORTED + timedelta(days=2)
QUERY = Query(id="x/follow", brand_id="acme-air", source="x", any_of=("awful",))
PARTS = ("one", "two")
_MINUTE = timedelta(minutes=1)
_FORM = "awful: the parcel of my aunt was lost and nobody at the desk has ever answered the phone"


@dataclass(slots=True)
class Platform:
    """A listener of it, and what it answers when it is asked about single posts."""

    file: Path
    meter: SpendMeter
    at_once: int
    name: str = "x"

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Every post once, from ``position`` on; each request is asked of the purse first."""
        rows = self._rows()
        start = int(position or 0)
        for first in range(start, len(rows), self.at_once):
            self.meter.reserve(requests=1, reads=self.at_once)
            some = range(first, min(first + self.at_once, len(rows)))
            mentions = [one for n in some for one in _shown(n, rows[n])]
            yield Batch(
                mentions=tuple(mentions),
                position=str(some.stop),
                gone=tuple(_gone(n) for n in some if n % 17 == 0),
                **_ledger(first // self.at_once),
            )
            self.meter.reconcile(received=1000, reads=-2)

    def recheck(self, query: Query, mentions: Sequence[Mention]) -> Batch:
        """Some are gone since, some were changed."""
        known = [one for one in mentions if one.external_id.isdecimal()]
        changed = [one for one in known if int(one.external_id) % 13 == 0]
        return Batch(
            mentions=tuple(replace(_edited(one, "lovely"), edited_at=FOLLOWED) for one in changed),
            gone=tuple(_gone(int(one.external_id)) for one in known if _vanishes(one.external_id)),
            position=None,
        )

    def _rows(self) -> list[dict[str, Any]]:
        lines = map(json.loads, self.file.read_text(encoding="utf-8").splitlines())
        return [line for line in lines if "id" in line]


def _ledger(turn: int) -> dict[str, Any]:
    """A minute a turn for each part; every fifth is missed at first and seen in the next turn."""
    since = IMPORTED + turn * _MINUTE
    until, before = since + _MINUTE, since - _MINUTE
    seen = [Seen(since=since, until=until, part=PARTS[0])]
    gaps = (
        [Gap(since=since, until=until, reason="too many", part=PARTS[1])] if turn % 5 == 0 else []
    )
    if not gaps:
        closes = before if turn % 5 == 1 and turn % 2 else since
        seen.append(Seen(since=closes, until=until, part=PARTS[1]))
    return {"seen": tuple(seen), "gaps": tuple(gaps)}


def _shown(number: int, row: dict[str, Any]) -> list[Mention]:
    """The post as it is now, with what a stranger and somebody who says the same tell of it."""
    one = _mention(f"{number}", row["author"], row["text"], row)
    shown = [_edited(one, _FORM) if number % 5 == 0 else one]
    if number % 7 == 0:
        shown.append(_mention(f"c{number}", f"q{number % 40}", _FORM + "!", row))
    if number % 19 == 0:
        shown.append(replace(one, author=Author(source="x", external_id="eve", handle="eve")))
    if number % 23 == 0:
        shown.append(_mention(f"n{number}", f"q{number % 40}", "pottery", row))
    return shown


def _mention(external_id: str, who: str, text: str, row: dict[str, Any]) -> Mention:
    return Mention(
        source="x",
        external_id=external_id,
        author=Author(source="x", external_id=who, handle=who),
        text=text,
        published_at=datetime.fromisoformat(row["published_at"]),
        fetched_at=FOLLOWED,
        engagement=Engagement(shares=len(external_id)),
    )


def _edited(one: Mention, text: str) -> Mention:
    return replace(one, text=text, fetched_at=FOLLOWED, edited_at=FOLLOWED - _MINUTE)


def _gone(number: int) -> Gone:
    return Gone(source="x", external_id=f"{number}", reason="deleted")


def _vanishes(external_id: str) -> bool:
    return int(external_id) % 29 == 0
