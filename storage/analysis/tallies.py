"""Moving the counts that trends are drawn from, in the transaction that changes a sentiment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from storage.database.upsert import chunks, insert_or_update, table_of
from storage.database.utc import EPOCH
from storage.tables import MentionBrandRow, MentionRow, TallyRow

QUARTER = timedelta(minutes=15)
_MENTION_BRAND, _MENTION = table_of(MentionBrandRow), table_of(MentionRow)
Key = tuple[str, datetime, str, str]  # brand, quarter, source, sentiment


def quarter_of(instant: datetime) -> datetime:
    """The quarter of an hour that ``instant`` lies in."""
    return instant - (instant - EPOCH) % QUARTER


def add(connection: Connection, changes: Mapping[Key, int]) -> None:
    """Add each (possibly negative) change to its count."""
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
        change=_added,
    )


def _added(new: Any, old: Any) -> dict[str, Any]:
    return {"mentions": old.c.mentions + new.mentions}


def move(connection: Connection, changed: Mapping[int, tuple[str, str]]) -> None:
    """``changed`` maps mention ids to (sentiment before, sentiment now); the counts follow."""
    moved = {key: pair for key, pair in changed.items() if pair[0] != pair[1]}
    changes: Counter[Key] = Counter()
    for ids in chunks(list(moved)):
        for about in _abouts(connection, ids):
            before, now = moved[about.mention_id]
            quarter = quarter_of(about.published_at)
            changes[(about.brand_id, quarter, about.source, before)] -= 1
            changes[(about.brand_id, quarter, about.source, now)] += 1
    add(connection, changes)


def subtract(connection: Connection, gone: Mapping[int, str]) -> None:
    """Mentions by id with their sentiment: they are about to be deleted and count no more."""
    changes: Counter[Key] = Counter()
    for ids in chunks(list(gone)):
        for about in _abouts(connection, ids):
            quarter = quarter_of(about.published_at)
            changes[(about.brand_id, quarter, about.source, gone[about.mention_id])] -= 1
    add(connection, changes)


def _abouts(connection: Connection, mention_ids: Sequence[int]) -> Sequence[Any]:
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
