"""Play a platform that shows the imported posts again, with edits, deletions, copies and gaps.

It gives the same replies at every run.
"""

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
    """Play its listener, which polls and also re-checks single posts."""

    file: Path
    meter: SpendMeter
    at_once: int
    name: str = "x"

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Yield every post once, from ``position`` on; the meter reserves each request first."""
        rows = self._rows()
        start = int(position or 0)
        for first in range(start, len(rows), self.at_once):
            self.meter.reserve(requests=1, reads=self.at_once)
            page = range(first, min(first + self.at_once, len(rows)))
            mentions = [mention for n in page for mention in _states(n, rows[n])]
            yield Batch(
                mentions=tuple(mentions),
                position=str(page.stop),
                gone=tuple(_gone(n) for n in page if n % 17 == 0),
                **_ledger(first // self.at_once),
            )
            self.meter.reconcile(received=1000, reads=-2)

    def recheck(self, query: Query, mentions: Sequence[Mention]) -> Batch:
        """Report some posts as gone, and some as edited."""
        posts = [mention for mention in mentions if mention.external_id.isdecimal()]
        changed = [mention for mention in posts if int(mention.external_id) % 13 == 0]
        return Batch(
            mentions=tuple(
                replace(_edited(mention, "lovely"), edited_at=FOLLOWED) for mention in changed
            ),
            gone=tuple(
                _gone(int(post.external_id)) for post in posts if _vanishes(post.external_id)
            ),
            position=None,
        )

    def _rows(self) -> list[dict[str, Any]]:
        lines = map(json.loads, self.file.read_text(encoding="utf-8").splitlines())
        return [line for line in lines if "id" in line]


def _ledger(turn: int) -> dict[str, Any]:
    """Claim a minute a turn for each part; the second misses every fifth until the next turn."""
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


def _states(number: int, row: dict[str, Any]) -> list[Mention]:
    """List the post as it is now, with copies, a stranger who claims its id, and noise."""
    post = _mention(f"{number}", row["author"], row["text"], row)
    states = [_edited(post, _FORM) if number % 5 == 0 else post]
    if number % 7 == 0:
        states.append(_mention(f"c{number}", f"q{number % 40}", _FORM + "!", row))
    if number % 19 == 0:
        states.append(replace(post, author=Author(source="x", external_id="eve", handle="eve")))
    if number % 23 == 0:
        states.append(_mention(f"n{number}", f"q{number % 40}", "pottery", row))
    return states


def _mention(external_id: str, author: str, text: str, row: dict[str, Any]) -> Mention:
    return Mention(
        source="x",
        external_id=external_id,
        author=Author(source="x", external_id=author, handle=author),
        text=text,
        published_at=datetime.fromisoformat(row["published_at"]),
        fetched_at=FOLLOWED,
        engagement=Engagement(shares=len(external_id)),
    )


def _edited(mention: Mention, text: str) -> Mention:
    return replace(mention, text=text, fetched_at=FOLLOWED, edited_at=FOLLOWED - _MINUTE)


def _gone(number: int) -> Gone:
    return Gone(source="x", external_id=f"{number}", reason="deleted")


def _vanishes(external_id: str) -> bool:
    return int(external_id) % 29 == 0
