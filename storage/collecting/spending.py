"""Count each account's requests, reads and money by query and hour, and the mentions found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from earful.clock import Window
from earful.types import Query
from storage.database.engine import Database
from storage.database.upsert import insert_or_update, table_of
from storage.database.utc import EPOCH
from storage.tables import SpendingRow

_SPENDING = table_of(SpendingRow)
_HOUR = timedelta(hours=1)
_KEYS = ("account", "query_id", "brand_id", "hour")
# every column that is added up; the keys above say whose and when
_COUNTS = ("requests", "received", "reads", "units", "money", "new", "already_stored", "noise")


def account_of(query: Query) -> str:
    """Return the account that pays for a query: its own, else the one named like its source."""
    return query.account or query.source


def hour_of(instant: datetime) -> datetime:
    """Return the start of the hour that ``instant`` lies in."""
    return instant - (instant - EPOCH) % _HOUR


def add(connection: Connection, query: Query, at: datetime, **amounts: int) -> None:
    """Add to the spending of the query's account in this hour; amounts may be negative.

    ``amounts`` by column: requests, received, reads, units, money, new, already_stored, noise.
    """
    keys = {"account": account_of(query), "query_id": query.id, "brand_id": query.brand_id}
    insert_or_update(
        connection,
        SpendingRow,
        [{**keys, "hour": hour_of(at), **dict.fromkeys(_COUNTS, 0), **amounts}],
        keys=_KEYS,
        change=_sums,
    )


def _sums(new: Any, old: Any) -> dict[str, Any]:
    return {name: old.c[name] + new[name] for name in _COUNTS}


def count_mentions(
    connection: Connection, query: Query, at: datetime, *, new: int, already_stored: int, noise: int
) -> None:
    """Count a batch's mentions; a batch without any writes no row."""
    if new or already_stored:
        add(connection, query, at, new=new, already_stored=already_stored, noise=noise)


def by_brand(
    connection: Connection, account: str, window: Window, column: str
) -> Mapping[str, int]:
    """Sum one column ("money", "units") by brand, for an account in a window."""
    rows = connection.execute(
        select(_SPENDING.c.brand_id, func.sum(_SPENDING.c[column]))
        .where(
            _SPENDING.c.account == account,
            _SPENDING.c.hour >= window.since,
            _SPENDING.c.hour < window.until,
        )
        .group_by(_SPENDING.c.brand_id)
    )
    return {brand_id: int(used) for brand_id, used in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """An account's spending on a query in a window, and the mentions that it brought.

    ``received`` is in bytes, ``money`` in millionths of the account's currency.
    """

    account: str
    query_id: str
    brand_id: str
    requests: int = 0
    received: int = 0
    reads: int = 0
    units: int = 0
    money: int = 0
    new: int = 0
    already_stored: int = 0
    noise: int = 0

    @property
    def requests_per_thousand(self) -> float | None:
        """Return the requests for every 1,000 new mentions; None without new mentions."""
        return 1000 * self.requests / self.new if self.new else None


def by_query(db: Database, window: Window) -> tuple[Spending, ...]:
    """Sum spending in a window (whole hours) by account and query."""
    keys = (_SPENDING.c.account, _SPENDING.c.query_id, _SPENDING.c.brand_id)
    with db.read() as connection:
        rows = connection.execute(
            select(*keys, *(func.sum(_SPENDING.c[name]).label(name) for name in _COUNTS))
            .where(_SPENDING.c.hour >= hour_of(window.since), _SPENDING.c.hour < window.until)
            .group_by(*keys)
            .order_by(*keys)
        ).all()
    return tuple(
        Spending(
            account=row.account,
            query_id=row.query_id,
            brand_id=row.brand_id,
            **{name: int(getattr(row, name)) for name in _COUNTS},
        )
        for row in rows
    )


def total(db: Database, account: str, window: Window, column: str) -> int:
    """Sum one column ("money", "units") of an account in a window."""
    with db.read() as connection:
        return sum(by_brand(connection, account, window, column).values())


def first_hour(db: Database, account: str) -> datetime | None:
    """Return the first hour with spending of an account; None without any."""
    with db.read() as connection:
        return connection.execute(
            select(_SPENDING.c.hour)
            .where(_SPENDING.c.account == account)
            .order_by(_SPENDING.c.hour)
            .limit(1)
        ).scalar_one_or_none()
