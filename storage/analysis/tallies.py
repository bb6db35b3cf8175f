"""Tallies: counts of mentions by brand, quarter of an hour, source and sentiment.

Trends are drawn from them. They move in the transaction that changes a sentiment, so they always
equal the mentions that they count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from storage.database.upsert import chunks, insert_or_update, table_of
from storage.database.utc import EPOCH
from storage.tables import MentionBrandRow, MentionRow, TallyRow

# Every time zone in use begins its days on a quarter of an hour (Nepal is at +5:45).
QUARTER = timedelta(minutes=15)
_MENTION_BRAND, _MENTION = table_of(MentionBrandRow), table_of(MentionRow)
Key = tuple[str, datetime, str, str]  # brand, quarter, source, sentiment


def quarter_of(instant: datetime) -> datetime:
    """Return the start of the quarter of an hour that ``instant`` lies in."""
    return instant - (instant - EPOCH) % QUARTER


def add(connection: Connection, changes: Mapping[Key, int]) -> None:
    """Add each change, which may be negative, to its count."""
    rows: list[dict[str, Any]] = [
        {
            "brand_id": brand,
            "quarter": quarter,
            "source": source,
            "sentiment": sentiment,
            "mentions": change,
        }
        for (brand, quarter, source, sentiment), change in changes.items()
        if change
    ]
    insert_or_update(
        connection,
        TallyRow,
        rows,
        keys=["brand_id", "quarter", "source", "sentiment"],
        change=_add_mentions,
    )


def _add_mentions(new: Any, old: Any) -> dict[str, Any]:
    return {"mentions": old.c.mentions + new.mentions}


def move(connection: Connection, sentiments: Mapping[int, tuple[str, str]]) -> None:
    """Move mentions from one sentiment's count to another's.

    ``sentiments`` maps mention ids to (sentiment before, sentiment now).
    """
    moved = {key: pair for key, pair in sentiments.items() if pair[0] != pair[1]}
    changes: Counter[Key] = Counter()
    for ids in chunks(list(moved)):
        for row in _read_counted(connection, ids):
            before, now = moved[row.mention_id]
            quarter = quarter_of(row.published_at)
            changes[(row.brand_id, quarter, row.source, before)] -= 1
            changes[(row.brand_id, quarter, row.source, now)] += 1
    add(connection, changes)


def subtract(connection: Connection, sentiments: Mapping[int, str]) -> None:
    """Take mentions, by id with their sentiment, off the counts before they are deleted."""
    changes: Counter[Key] = Counter()
    for ids in chunks(list(sentiments)):
        for row in _read_counted(connection, ids):
            quarter = quarter_of(row.published_at)
            changes[(row.brand_id, quarter, row.source, sentiments[row.mention_id])] -= 1
    add(connection, changes)


def _read_counted(connection: Connection, mention_ids: Sequence[int]) -> Sequence[Any]:
    """Return the (mention, brand) pairs that tallies count: posts of own accounts are left out."""
    return connection.execute(
        select(
            _MENTION_BRAND.c.mention_id,
            _MENTION_BRAND.c.brand_id,
            _MENTION_BRAND.c.published_at,
            _MENTION.c.source,
        )
        .join(_MENTION, _MENTION.c.id == _MENTION_BRAND.c.mention_id)
        .where(_MENTION_BRAND.c.mention_id.in_(mention_ids), _MENTION_BRAND.c.own.is_(False))
    ).all()
