"""Write the demo's fourteen days, shifted so that they end now."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

PARTS = ("mentions_a.tsv", "mentions_b.tsv")
# The story's last minute, from its day 0 00:00.
_END = timedelta(days=13, hours=12)
# From here on posts arrive while a person watches the page.
_LIVE = timedelta(days=13, hours=11, minutes=20)
_FIRST_LIVE = timedelta(seconds=8)
_LIVE_STEP = timedelta(seconds=7)
_NUMBERS = ("followers", "shares", "likes")


def rows() -> list[dict[str, Any]]:
    """Return every row of the story by time, ``at`` as a timedelta since its beginning."""
    story = [row for part in PARTS for row in _read(part)]
    return sorted(story, key=lambda row: (row["at"], row["id"]))


def _read(part: str) -> Iterator[dict[str, Any]]:
    with files("commands.demo").joinpath(part).open(encoding="utf-8") as file:
        # Posts hold quotation marks that quote nothing.
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            day, _, clock = row["at"].partition(" ")
            hours, _, minutes = clock.partition(":")
            at = timedelta(days=int(day), hours=int(hours), minutes=int(minutes))
            numbers = {name: int(row[name] or 0) for name in _NUMBERS}
            yield {**row, **numbers, "at": at}


def write(path: Path, now: datetime, *, live: bool) -> int:
    """Write the story as JSON Lines that end at ``now``; returns the number of rows.

    With ``live`` its last part is spread over the minutes after ``now`` instead, one post after
    another, for a listener that holds back posts of the future.
    """
    story = rows()
    coming = 0
    with path.open("w", encoding="utf-8") as file:
        for row in story:
            published = now - _END + row["at"]
            if live and row["at"] >= _LIVE:
                published = now + _FIRST_LIVE + coming * _LIVE_STEP
                coming += 1
            print(json.dumps(_mention(row, published), ensure_ascii=False), file=file)
    return len(story)


def _mention(row: dict[str, Any], published: datetime) -> dict[str, Any]:
    return {
        "id": row["id"],
        "source": row["source"],
        "author": row["handle"],
        "name": row["name"] or None,
        "followers": None if row["source"] in ("reviews", "rss") else row["followers"],
        "text": row["text"],
        "lang": row["lang"],
        "published_at": published.isoformat(),
        "url": f"https://{row['source']}.example/{row['handle']}/{row['id']}",
        "shares": row["shares"],
        "likes": row["likes"],
        "reply_to": row["reply_to"] or None,
        "repost_of": row["repost_of"] or None,
        # found by the word, though about something else
        "brands": row["brands"] or "kestrova",
    }
