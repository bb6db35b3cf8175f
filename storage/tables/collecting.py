"""Tables of collection: queries, coverage, spending, rejects, and removed or erased posts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.database.utc import UTCInstant
from storage.tables.columns import UNFILLED_GAP, id_column, instant


class QueryRow(SQLModel, table=True):
    """A query's position, its schedule, its errors, and its counts.

    ``planned_at`` is when ``due_at`` was decided.
    """

    __tablename__ = "query"
    id: str = Field(primary_key=True)
    brand_id: str | None = None
    source: str
    position: str | None = Field(default=None, sa_column=Column(Text))
    due_at: datetime | None = instant(nullable=True)
    planned_at: datetime | None = instant(nullable=True)
    polled_at: datetime | None = instant(nullable=True)
    complete_since: datetime | None = instant(nullable=True)
    complete_until: datetime | None = instant(nullable=True)
    failures: int = 0
    error: str | None = Field(default=None, sa_column=Column(Text))
    paused: bool = False
    fingerprint: str = ""
    seen: int = Field(default=0, sa_type=BigInteger)
    stored: int = Field(default=0, sa_type=BigInteger)
    rejected: int = Field(default=0, sa_type=BigInteger)


class CoverageRow(SQLModel, table=True):
    """A covered interval: a part of a query has everything that the platform showed in it."""

    __tablename__ = "coverage"
    query_id: str = Field(primary_key=True)
    part: str = Field(primary_key=True)
    since: datetime = Field(sa_column=Column(UTCInstant, primary_key=True))
    until: datetime = instant()


class PartRow(SQLModel, table=True):
    """A part (a search) of a query, with the query's fingerprint when it was last reported."""

    __tablename__ = "part"
    query_id: str = Field(primary_key=True)
    part: str = Field(primary_key=True)
    fingerprint: str = ""


class GapRow(SQLModel, table=True):
    """An interval that a source did not show us: open, filled since, or lost.

    Unfilled gaps of one part never overlap.
    """

    __tablename__ = "gap"
    __table_args__ = (
        # filled gaps stay as history and are never looked up by a poll
        Index(
            "ix_gap_unfilled",
            "query_id",
            "part",
            "since",
            sqlite_where=UNFILLED_GAP,
            postgresql_where=UNFILLED_GAP,
        ),
        Index("ix_gap_query", "query_id", "until"),
    )
    id: int | None = id_column()
    query_id: str
    part: str = ""
    since: datetime = instant()
    until: datetime = instant()
    kind: str = "limit"
    reason: str
    state: str = "open"
    noted_at: datetime = instant()
    closed_at: datetime | None = instant(nullable=True)


class SpendingRow(SQLModel, table=True):
    """Count an account's spending on a query in an hour, and the mentions that it brought.

    ``money`` is in millionths of the account's currency. ``new`` counts mentions stored for the
    first time, ``already_stored`` the others. ``noise``: new mentions about none of our brands.
    """

    __tablename__ = "spending"
    __table_args__ = (Index("ix_spending_hour", "account", "hour"),)
    account: str = Field(primary_key=True)
    query_id: str = Field(primary_key=True)
    brand_id: str = Field(primary_key=True)
    hour: datetime = Field(sa_column=Column(UTCInstant, primary_key=True))
    requests: int = Field(default=0, sa_type=BigInteger)
    received: int = Field(default=0, sa_type=BigInteger)
    reads: int = Field(default=0, sa_type=BigInteger)
    units: int = Field(default=0, sa_type=BigInteger)
    money: int = Field(default=0, sa_type=BigInteger)
    new: int = Field(default=0, sa_type=BigInteger)
    already_stored: int = Field(default=0, sa_type=BigInteger)
    noise: int = Field(default=0, sa_type=BigInteger)


class RejectedRow(SQLModel, table=True):
    """An item that could not be read, with its location and reason; repeats are stored once."""

    __tablename__ = "rejected"
    __table_args__ = (UniqueConstraint("query_id", "location", "reason"),)
    id: int | None = id_column()
    query_id: str
    location: str
    reason: str
    raw: str = Field(default="", sa_column=Column(Text, nullable=False))
    noted_at: datetime = instant()


class TombstoneRow(SQLModel, table=True):
    """A post that must not be stored again; an erased post's ``external_id`` is a fingerprint."""

    __tablename__ = "tombstone"
    source: str = Field(primary_key=True)
    external_id: str = Field(primary_key=True)
    reason: str
    at: datetime = instant()


class ErasedAuthorRow(SQLModel, table=True):
    """An erased author, known only by a fingerprint of the id: no post of theirs is stored."""

    __tablename__ = "erased_author"
    source: str = Field(primary_key=True)
    fingerprint: str = Field(primary_key=True)
    at: datetime = instant()


class RetiredIdRow(SQLModel, table=True):
    """The highest id of a table that a deleted row had; it is never given to another row."""

    __tablename__ = "retired_id"
    table_name: str = Field(primary_key=True)
    highest_id: int = Field(sa_type=BigInteger)


class StageRow(SQLModel, table=True):
    """A stage's last run, with a summary of its work or its error."""

    __tablename__ = "stage"
    name: str = Field(primary_key=True)
    started_at: datetime = instant()
    finished_at: datetime | None = instant(nullable=True)
    summary: str = ""
    error: str | None = Field(default=None, sa_column=Column(Text))
