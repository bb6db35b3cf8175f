"""The tables. Rows of these classes never leave storage: outside are the facts of earful.types.

``mention.feeling`` is the word that counts now: a person's correction, else the newest model's
label, "unknown" when it could not tell, "" until classified. ``tally`` counts mentions by brand,
quarter of an hour, source and feeling; whoever changes a feeling moves the count in the same
transaction. A quarter, because every time zone's day begins on one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from storage.utc import UTCInstant

UNREAD, UNJUDGED = "unread", ""
# conditions of partial indexes; a query must say the very same words to be given the index
OPEN_CASE = text("status <> 'resolved'")
ON_ITS_WAY = text("state IN ('queued', 'sending')")


def _id() -> Any:
    """A growing integer key; SQLite only numbers a plain INTEGER by itself."""
    kind = BigInteger().with_variant(Integer, "sqlite")
    return Field(default=None, sa_column=Column(kind, primary_key=True, autoincrement=True))


def _instant(*, nullable: bool = False, index: bool = False) -> Any:
    return Field(sa_column=Column(UTCInstant, nullable=nullable, index=index))


class BrandRow(SQLModel, table=True):
    """A brand or competitor as settings last named it."""

    __tablename__ = "brand"
    id: str = Field(primary_key=True)
    name: str
    competitor_of: str | None = None
    timezone: str = "UTC"
    details: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class AuthorRow(SQLModel, table=True):
    """Who wrote; the newest name and follower count win."""

    __tablename__ = "author"
    __table_args__ = (UniqueConstraint("source", "external_id"),)
    id: int | None = _id()
    source: str
    external_id: str
    handle: str
    name: str | None = None
    followers: int | None = Field(default=None, sa_column=Column(BigInteger))
    verified: bool = False
    url: str | None = None


class MentionRow(SQLModel, table=True):
    """What was written, once."""

    __tablename__ = "mention"
    __table_args__ = (
        UniqueConstraint("source", "external_id"),
        Index("ix_mention_model", "model_id", "id"),
        Index("ix_mention_author", "author_id"),
    )
    id: int | None = _id()
    source: str
    external_id: str
    author_id: int = Field(foreign_key="author.id", sa_type=BigInteger)
    text: str = Field(sa_column=Column(Text, nullable=False))
    lang: str | None = None
    url: str | None = None
    published_at: datetime = _instant(index=True)
    fetched_at: datetime = _instant()
    reply_to: str | None = None
    repost_of: str | None = None
    shares: int = Field(default=0, sa_type=BigInteger)
    likes: int = Field(default=0, sa_type=BigInteger)
    replies: int = Field(default=0, sa_type=BigInteger)
    feeling: str = ""
    model_id: str = ""
    corrected: bool = False


class AboutRow(SQLModel, table=True):
    """A mention is about a brand. ``verdict`` is what the rules said of it.

    UNREAD until a model has read it, UNJUDGED until the rules have spoken: so the rules find what
    awaits them without stepping over what awaits the model.
    """

    __tablename__ = "about"
    __table_args__ = (
        Index("ix_about_time", "brand_id", "published_at"),
        Index(
            "ix_about_unjudged",
            "mention_id",
            "brand_id",
            sqlite_where=text("verdict = ''"),
            postgresql_where=text("verdict = ''"),
        ),
        Index(
            "ix_about_too_old",
            "mention_id",
            "brand_id",
            sqlite_where=text("verdict = 'too_old'"),
            postgresql_where=text("verdict = 'too_old'"),
        ),
    )
    mention_id: int = Field(primary_key=True, foreign_key="mention.id", sa_type=BigInteger)
    brand_id: str = Field(primary_key=True, foreign_key="brand.id")
    published_at: datetime = _instant()
    own: bool = False
    verdict: str = UNREAD


class MatchRow(SQLModel, table=True):
    """A query found a mention."""

    __tablename__ = "match"
    query_id: str = Field(primary_key=True)
    mention_id: int = Field(primary_key=True, foreign_key="mention.id", sa_type=BigInteger)


class TallyRow(SQLModel, table=True):
    """How many mentions by brand, quarter of an hour, source and feeling; own posts left out."""

    __tablename__ = "tally"
    brand_id: str = Field(primary_key=True)
    quarter: datetime = Field(sa_column=Column(UTCInstant, primary_key=True))
    source: str = Field(primary_key=True)
    feeling: str = Field(primary_key=True)
    mentions: int = Field(sa_type=BigInteger)


class QueryRow(SQLModel, table=True):
    """How far a query has come, and how it fares."""

    __tablename__ = "query"
    id: str = Field(primary_key=True)
    brand_id: str | None = None
    source: str
    position: str | None = Field(default=None, sa_column=Column(Text))
    due_at: datetime | None = _instant(nullable=True)
    polled_at: datetime | None = _instant(nullable=True)
    complete_since: datetime | None = _instant(nullable=True)
    complete_until: datetime | None = _instant(nullable=True)
    failures: int = 0
    error: str | None = Field(default=None, sa_column=Column(Text))
    paused: bool = False
    fingerprint: str = ""
    seen: int = Field(default=0, sa_type=BigInteger)
    stored: int = Field(default=0, sa_type=BigInteger)
    rejected: int = Field(default=0, sa_type=BigInteger)


class GapRow(SQLModel, table=True):
    """A stretch of time that a source did not show us."""

    __tablename__ = "gap"
    __table_args__ = (UniqueConstraint("query_id", "since", "until"),)
    id: int | None = _id()
    query_id: str
    since: datetime = _instant()
    until: datetime = _instant()
    reason: str
    noted_at: datetime = _instant()


class RejectedRow(SQLModel, table=True):
    """An item that could not be read, with its reason; the same one is kept once."""

    __tablename__ = "rejected"
    __table_args__ = (UniqueConstraint("query_id", "item", "reason"),)
    id: int | None = _id()
    query_id: str
    item: str
    reason: str
    raw: str = Field(default="", sa_column=Column(Text, nullable=False))
    noted_at: datetime = _instant()


class PredictionRow(SQLModel, table=True):
    """A model's answer; a new model adds rows and overwrites none.

    ``language`` is what the text was found to be written in; ``mention.lang`` is what its source
    said.
    """

    __tablename__ = "prediction"
    mention_id: int = Field(primary_key=True, foreign_key="mention.id", sa_type=BigInteger)
    model_id: str = Field(primary_key=True)
    negative: float
    neutral: float
    positive: float
    could_not_tell: bool
    language: str | None = None
    at: datetime = _instant()


class CorrectionRow(SQLModel, table=True):
    """A person's word on a mention; the newest one counts, the older ones stay."""

    __tablename__ = "correction"
    id: int | None = _id()
    mention_id: int = Field(foreign_key="mention.id", index=True, sa_type=BigInteger)
    label: str
    by: str
    at: datetime = _instant()


class CaseRow(SQLModel, table=True):
    """A conversation with an unhappy customer; one open case per brand and author."""

    __tablename__ = "case"
    __table_args__ = (
        Index(
            "ux_case_open",
            "brand_id",
            "author_id",
            unique=True,
            sqlite_where=OPEN_CASE,
            postgresql_where=OPEN_CASE,
        ),
        Index(
            "ix_case_queue",
            "brand_id",
            "priority",
            "last_at",
            sqlite_where=OPEN_CASE,
            postgresql_where=OPEN_CASE,
        ),
        Index("ix_case_complained", "brand_id", "complained_at"),
        Index("ix_case_opened", "opened_at"),
        Index("ix_case_author", "author_id"),
    )
    id: int | None = _id()
    brand_id: str = Field(foreign_key="brand.id")
    author_id: int = Field(foreign_key="author.id", sa_type=BigInteger)
    status: str = "open"
    priority: int
    assignee: str | None = None
    due_at: datetime = _instant()
    complained_at: datetime = _instant()
    opened_at: datetime = _instant()
    last_at: datetime = _instant()
    first_contact_at: datetime | None = _instant(nullable=True)
    resolved_at: datetime | None = _instant(nullable=True)
    outcome: str | None = None
    complaints: int = 0
    version: int = 1


class FlagRow(SQLModel, table=True):
    """Why a case is there: a rule, a sentence, and the numbers it rested on."""

    __tablename__ = "flag"
    __table_args__ = (
        UniqueConstraint("mention_id", "brand_id"),
        Index("ix_flag_at", "brand_id", "at"),
    )
    id: int | None = _id()
    mention_id: int = Field(foreign_key="mention.id", sa_type=BigInteger)
    brand_id: str = Field(foreign_key="brand.id")
    author_id: int = Field(foreign_key="author.id", sa_type=BigInteger, index=True)
    case_id: int = Field(foreign_key="case.id", sa_type=BigInteger, index=True)
    rule: str
    severity: int
    reason: str = Field(sa_column=Column(Text, nullable=False))
    evidence: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    published_at: datetime = _instant()
    at: datetime = _instant()


class CaseEventRow(SQLModel, table=True):
    """What happened in a case, and who did it."""

    __tablename__ = "case_event"
    id: int | None = _id()
    case_id: int = Field(foreign_key="case.id", sa_type=BigInteger, index=True)
    at: datetime = _instant()
    by: str
    kind: str
    note: str = Field(default="", sa_column=Column(Text, nullable=False))


class DeliveryRow(SQLModel, table=True):
    """A message on its way out; ``key`` is made once, so nothing is queued twice."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index(
            "ix_delivery_due",
            "due_at",
            sqlite_where=ON_ITS_WAY,
            postgresql_where=ON_ITS_WAY,
        ),
    )
    id: int | None = _id()
    key: str = Field(unique=True)
    channel: str
    subject: str
    text: str = Field(sa_column=Column(Text, nullable=False))
    html: str | None = Field(default=None, sa_column=Column(Text))
    due_at: datetime = _instant()
    leased_until: datetime | None = _instant(nullable=True)
    attempts: int = 0
    state: str = "queued"
    error: str | None = Field(default=None, sa_column=Column(Text))
    sent_at: datetime | None = _instant(nullable=True)


class DigestRow(SQLModel, table=True):
    """Up to where a channel's digests have told the story."""

    __tablename__ = "digest"
    channel: str = Field(primary_key=True)
    until: datetime = _instant()


class StageRow(SQLModel, table=True):
    """When a stage last ran and what it said."""

    __tablename__ = "stage"
    name: str = Field(primary_key=True)
    started_at: datetime = _instant()
    finished_at: datetime | None = _instant(nullable=True)
    did: str = ""
    error: str | None = Field(default=None, sa_column=Column(Text))
