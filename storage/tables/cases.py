"""Tables of the work on cases: flags, events, the outbox, exports, digests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.tables.columns import OPEN_CASE, UNSENT, id_column, instant


class CaseRow(SQLModel, table=True):
    """A conversation with an unhappy customer; one open case per brand and author."""

    __tablename__ = "case"
    __table_args__ = (
        # the database itself refuses a second open case of one author
        Index(
            "ux_case_open",
            "brand_id",
            "author_id",
            unique=True,
            sqlite_where=OPEN_CASE,
            postgresql_where=OPEN_CASE,
        ),
        # in the queue's order, so that a page sorts nothing
        # (test_the_queue_reads_its_index_in_order)
        Index(
            "ix_case_queue",
            "brand_id",
            "priority",
            "last_at",
            sqlite_where=OPEN_CASE,
            postgresql_where=OPEN_CASE,
        ),
        # pages compare periods by the first complaint, digests by the opening of the case
        # (docs/decisions/unhappy.md, "A case remembers when its first complaint was published")
        Index("ix_case_complained", "brand_id", "complained_at"),
        Index("ix_case_opened", "opened_at"),
        Index("ix_case_author", "author_id"),
    )
    id: int | None = id_column()
    brand_id: str = Field(foreign_key="brand.id")
    author_id: int = Field(foreign_key="author.id", sa_type=BigInteger)
    status: str = "open"
    priority: int
    assignee: str | None = None
    due_at: datetime = instant()
    complained_at: datetime = instant()
    opened_at: datetime = instant()
    last_at: datetime = instant()
    first_contact_at: datetime | None = instant(nullable=True)
    resolved_at: datetime | None = instant(nullable=True)
    outcome: str | None = None
    complaints: int = 0
    version: int = 1


class FlagRow(SQLModel, table=True):
    """Why a mention opened or extended a case: the rule, its sentence, and the evidence."""

    __tablename__ = "flag"
    __table_args__ = (
        UniqueConstraint("mention_id", "brand_id"),
        Index("ix_flag_at", "brand_id", "at"),
        Index("ix_flag_story", "story_id"),
        # a stranger decides how many flags a case holds, so nothing reads all of them
        # (test_a_long_case_costs_no_more_than_a_short_one): the newest come in order, the highest
        # severity is the last entry, and the times of complaints are read without their rows
        Index("ix_flag_case", "case_id", "published_at", "id"),
        Index("ix_flag_severity", "case_id", "severity"),
        Index("ix_flag_author", "author_id", "brand_id", "published_at"),
    )
    id: int | None = id_column()
    mention_id: int = Field(foreign_key="mention.id", sa_type=BigInteger)
    brand_id: str = Field(foreign_key="brand.id")
    author_id: int = Field(foreign_key="author.id", sa_type=BigInteger)
    case_id: int = Field(foreign_key="case.id", sa_type=BigInteger)
    rule: str
    severity: int
    reason: str = Field(sa_column=Column(Text, nullable=False))
    evidence: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    published_at: datetime = instant()
    at: datetime = instant()
    story_id: int | None = Field(default=None, sa_type=BigInteger)


class CaseEventRow(SQLModel, table=True):
    """An event in a case, with the person or part of Earful that caused it."""

    __tablename__ = "case_event"
    __table_args__ = (Index("ix_case_event_case", "case_id", "id"),)
    id: int | None = id_column()
    case_id: int = Field(foreign_key="case.id", sa_type=BigInteger)
    at: datetime = instant()
    by: str
    kind: str
    note: str = Field(default="", sa_column=Column(Text, nullable=False))


class DeliveryRow(SQLModel, table=True):
    """A message in the outbox; its unique ``key`` keeps a message from being queued twice.

    ``planned_at`` is when ``due_at`` was decided.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        # the outbox grows for years, and only its unsent rows are ever looked for
        Index(
            "ix_delivery_due",
            "due_at",
            sqlite_where=UNSENT,
            postgresql_where=UNSENT,
        ),
    )
    id: int | None = id_column()
    key: str = Field(unique=True)
    channel: str
    subject: str
    text: str = Field(sa_column=Column(Text, nullable=False))
    html: str | None = Field(default=None, sa_column=Column(Text))
    due_at: datetime = instant()
    planned_at: datetime | None = instant(nullable=True)
    leased_until: datetime | None = instant(nullable=True)
    attempts: int = 0
    state: str = "queued"
    error: str | None = Field(default=None, sa_column=Column(Text))
    sent_at: datetime | None = instant(nullable=True)


class DeliveryCaseRow(SQLModel, table=True):
    """Link a message to each case that it is about."""

    __tablename__ = "delivery_case"
    case_id: int = Field(primary_key=True, foreign_key="case.id", sa_type=BigInteger)
    delivery_id: int = Field(
        primary_key=True, foreign_key="delivery.id", index=True, sa_type=BigInteger
    )


class ExportRow(SQLModel, table=True):
    """Log an export: the file, its rows, the person, and the filter as text."""

    __tablename__ = "export_log"
    id: int | None = id_column()
    at: datetime = instant(index=True)
    by: str
    path: str = Field(sa_column=Column(Text, nullable=False))
    format: str
    rows: int = Field(sa_type=BigInteger)
    filter: str = Field(sa_column=Column(Text, nullable=False))


class DigestCursorRow(SQLModel, table=True):
    """Store until when a channel's digests have reported, and the newest case in them."""

    __tablename__ = "digest_cursor"
    channel: str = Field(primary_key=True)
    until: datetime = instant()
    case_id: int | None = Field(default=None, sa_type=BigInteger)
