"""Tables of the desk: tags, drafts, who looks at a case, lists, joined people, and the audit."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, Index, Text
from sqlmodel import Field, SQLModel

from storage.tables.columns import UNHANDLED, id_column, instant


class CaseTagRow(SQLModel, table=True):
    """A word that an agent or a rule put on a case."""

    __tablename__ = "case_tag"
    case_id: int = Field(primary_key=True, foreign_key="case.id", sa_type=BigInteger)
    tag: str = Field(primary_key=True, index=True)


class CaseDraftRow(SQLModel, table=True):
    """What an agent has written in a case and not stored yet; it survives a reload."""

    __tablename__ = "case_draft"
    case_id: int = Field(primary_key=True, foreign_key="case.id", sa_type=BigInteger)
    agent: str = Field(primary_key=True)
    text: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = instant()


class CaseViewerRow(SQLModel, table=True):
    """When an agent last looked at a case."""

    __tablename__ = "case_viewer"
    case_id: int = Field(primary_key=True, foreign_key="case.id", sa_type=BigInteger)
    agent: str = Field(primary_key=True)
    at: datetime = instant()


class ListedMentionRow(SQLModel, table=True):
    """A mention that a rule put on a list, with the rule, and who has handled it."""

    __tablename__ = "listed_mention"
    __table_args__ = (
        Index(
            "ix_listed_mention_list",
            "brand_id",
            "list",
            "published_at",
            "mention_id",
            sqlite_where=UNHANDLED,
            postgresql_where=UNHANDLED,
        ),
    )
    mention_id: int = Field(primary_key=True, foreign_key="mention.id", sa_type=BigInteger)
    brand_id: str = Field(primary_key=True, foreign_key="brand.id")
    list: str = Field(primary_key=True)
    rule: str
    published_at: datetime = instant()
    at: datetime = instant()
    handled_at: datetime | None = instant(nullable=True)
    handled_by: str | None = None


class SamePersonRow(SQLModel, table=True):
    """An author whom an agent joined to the other authors with this ``person_id``."""

    __tablename__ = "same_person"
    author_id: int = Field(primary_key=True, foreign_key="author.id", sa_type=BigInteger)
    person_id: int = Field(sa_type=BigInteger, index=True)
    by: str
    at: datetime = instant()


class AuditRow(SQLModel, table=True):
    """One action, chained to the one before by its hash; rows are only ever added.

    ``subject`` names what was acted on ("case 12"). ``words`` and ``salt`` are removed when a
    person is erased; ``words_hash`` stays, so that the chain can still be checked.
    """

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_subject", "subject", "id"),)
    id: int | None = id_column()
    at: datetime = instant()
    by: str
    action: str
    subject: str
    words: str | None = Field(default=None, sa_column=Column(Text))
    salt: str | None = None
    words_hash: str
    previous_hash: str
    hash: str = Field(unique=True)
