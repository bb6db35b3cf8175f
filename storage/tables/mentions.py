"""Tables of mentions: brands, authors, texts, attribution, stories, models' answers, tallies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Text, UniqueConstraint, false, text
from sqlmodel import Field, SQLModel

from storage.database.utc import UTCInstant
from storage.tables.columns import (
    GROUPED,
    HANDLED,
    IS_REPOST,
    LATE_BRAND,
    NOT_NOISE,
    OPEN_QUESTION,
    OPEN_WISH,
    UNGROUPED,
    UNREAD,
    id_column,
    instant,
)


def _word() -> Any:
    """Build a column that holds one word, "" when there is none."""
    return Field(default="", sa_column=Column(Text, nullable=False, server_default=text("''")))


class BrandRow(SQLModel, table=True):
    """A brand or competitor as settings last named it."""

    __tablename__ = "brand"
    id: str = Field(primary_key=True)
    name: str
    competitor_of: str | None = None
    timezone: str = "UTC"
    details: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class AuthorRow(SQLModel, table=True):
    """An author on a platform; the newest name and follower count win."""

    __tablename__ = "author"
    __table_args__ = (
        UniqueConstraint("source", "external_id"),
        # a file may know an account by its handle alone, in any case
        # (test_one_account_by_handle_and_by_number)
        Index("ix_author_handle", "source", text("lower(handle)")),
    )
    id: int | None = id_column()
    source: str
    external_id: str
    handle: str
    name: str | None = None
    followers: int | None = Field(default=None, sa_column=Column(BigInteger))
    verified: bool = False
    url: str | None = None


class MentionRow(SQLModel, table=True):
    """A mention, stored once. ``noise``: it is about none of our brands, and no stage reads it.

    ``story_id`` is None until the group stage has compared the text with earlier ones.
    ``edition`` counts the edits of its text since it was first stored. ``fetched_at`` is when the
    platform last showed it, ``checked_at`` when Earful last asked about this mention by its id.
    """

    __tablename__ = "mention"
    __table_args__ = (
        UniqueConstraint("source", "external_id"),
        # docs/decisions/collecting.md, "Noise is marked on the mention, and the classification
        # index leaves it out"
        Index(
            "ix_mention_model", "model_id", "id", sqlite_where=NOT_NOISE, postgresql_where=NOT_NOISE
        ),
        # partial: what is grouped already, nearly all rows, stays out of it
        Index("ix_mention_ungrouped", "id", sqlite_where=UNGROUPED, postgresql_where=UNGROUPED),
        Index(
            "ix_mention_story",
            "story_id",
            "author_id",
            sqlite_where=GROUPED,
            postgresql_where=GROUPED,
        ),
        # a deletion asks whether its author has another post, and which plain reposts go along
        # (test_a_change_or_a_deletion_reads_no_table_whole)
        Index("ix_mention_author", "author_id"),
        Index(
            "ix_mention_repost",
            "repost_of",
            sqlite_where=IS_REPOST,
            postgresql_where=IS_REPOST,
        ),
    )
    id: int | None = id_column()
    source: str
    external_id: str
    author_id: int = Field(foreign_key="author.id", sa_type=BigInteger)
    text: str = Field(sa_column=Column(Text, nullable=False))
    lang: str | None = None
    url: str | None = None
    published_at: datetime = instant(index=True)
    fetched_at: datetime = instant()
    reply_to: str | None = None
    repost_of: str | None = None
    shares: int = Field(default=0, sa_type=BigInteger)
    likes: int = Field(default=0, sa_type=BigInteger)
    replies: int = Field(default=0, sa_type=BigInteger)
    sentiment: str = ""
    model_id: str = ""
    corrected: bool = False
    edition: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    edited_at: datetime | None = instant(nullable=True)
    checked_at: datetime | None = instant(nullable=True)
    rating_kind: str | None = None
    rating_value: int | None = None
    rating_lowest: int | None = None
    rating_highest: int | None = None
    noise: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default=false())
    )
    story_id: int | None = Field(default=None, sa_type=BigInteger)


class RevisionRow(SQLModel, table=True):
    """An earlier text of a mention, with the predictions that models made of it."""

    __tablename__ = "revision"
    id: int | None = id_column()
    mention_id: int = Field(foreign_key="mention.id", index=True, sa_type=BigInteger)
    text: str = Field(sa_column=Column(Text, nullable=False))
    lang: str | None = None
    until: datetime = instant()
    sentiment: str
    predictions: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))


class MentionBrandRow(SQLModel, table=True):
    """Attribute a mention to a brand; ``verdict`` is the rules' decision about it.

    UNREAD until a model has read it, then UNJUDGED until the rules decide. So the rules find their
    work by an index, without stepping over rows that still wait for the model. A brand that was
    found after the model had read the mention is LATE until the model has read it for this brand.

    ``toward``, ``intent`` and ``reason`` are the words of the current reading, "" until there is
    one and where the model gave no answer. ``toward`` is a sentiment, or "unknown".
    ``handled_by`` is the person who answered a question or noted a wish, at ``handled_at``.
    """

    __tablename__ = "mention_brand"
    __table_args__ = (
        Index("ix_mention_brand_time", "brand_id", "published_at"),
        # the rules' two lists of work: missing verdicts, and those that `earful flag --all` judges
        # again (test_what_is_unjudged_is_found_by_its_own_index)
        Index(
            "ix_mention_brand_unjudged",
            "mention_id",
            "brand_id",
            sqlite_where=text("verdict = ''"),
            postgresql_where=text("verdict = ''"),
        ),
        Index(
            "ix_mention_brand_too_old",
            "mention_id",
            "brand_id",
            sqlite_where=text("verdict = 'too_old'"),
            postgresql_where=text("verdict = 'too_old'"),
        ),
        # the model's further work, beside ix_mention_model
        Index(
            "ix_mention_brand_late",
            "mention_id",
            "brand_id",
            sqlite_where=LATE_BRAND,
            postgresql_where=LATE_BRAND,
        ),
        # two lists, newest first, at the cost of the rows that a page shows
        # (test_a_page_of_questions_reads_what_it_shows)
        Index(
            "ix_mention_brand_question",
            *("brand_id", "published_at", "mention_id"),
            sqlite_where=OPEN_QUESTION,
            postgresql_where=OPEN_QUESTION,
        ),
        Index(
            "ix_mention_brand_wish",
            *("brand_id", "published_at", "mention_id"),
            sqlite_where=OPEN_WISH,
            postgresql_where=OPEN_WISH,
        ),
        # the same two lists of what is handled, the last handled one first
        Index(
            "ix_mention_brand_handled",
            *("brand_id", "verdict", "handled_at", "mention_id"),
            sqlite_where=HANDLED,
            postgresql_where=HANDLED,
        ),
    )
    mention_id: int = Field(primary_key=True, foreign_key="mention.id", sa_type=BigInteger)
    brand_id: str = Field(primary_key=True, foreign_key="brand.id")
    published_at: datetime = instant()
    own: bool = False
    verdict: str = UNREAD
    toward: str = _word()
    intent: str = _word()
    reason: str = _word()
    handled_at: datetime | None = instant(nullable=True)
    handled_by: str | None = Field(default=None, sa_column=Column(Text))


class MatchRow(SQLModel, table=True):
    """Record that a query found a mention.

    ``noise_reason``: why the mention is about none of our brands; "" when it is about one.
    """

    __tablename__ = "match"
    query_id: str = Field(primary_key=True)
    # indexed, because deleting a mention looks up every row that refers to it
    mention_id: int = Field(
        primary_key=True, foreign_key="mention.id", index=True, sa_type=BigInteger
    )
    noise_reason: str = Field(
        default="", sa_column=Column(Text, nullable=False, server_default=text("''"))
    )


class StoryRow(SQLModel, table=True):
    """Copies of one text; ``id`` is the id of the first mention.

    ``reach`` estimates how many people its authors and shares put it before.
    """

    __tablename__ = "story"
    id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    mentions: int = Field(sa_type=BigInteger)
    authors: int = Field(sa_type=BigInteger)
    reach: int = Field(sa_type=BigInteger)


class StoryBandRow(SQLModel, table=True):
    """A hash (``band``) of a part of a story's text, by which copies find it.

    Rows are deleted when ``stored_at`` is older than the time in which copies are looked for.
    """

    __tablename__ = "story_band"
    __table_args__ = (
        Index("ix_story_band_stored", "stored_at"),
        Index("ix_story_band_story", "story_id"),
        # the key is the whole row but a time, so a table beside its index would double it
        {"sqlite_with_rowid": False},
    )
    band: int = Field(primary_key=True, sa_type=BigInteger)
    story_id: int = Field(primary_key=True, sa_type=BigInteger)
    stored_at: datetime = instant()


class TallyRow(SQLModel, table=True):
    """Count mentions by brand, quarter of an hour, source and sentiment; without own posts."""

    __tablename__ = "tally"
    brand_id: str = Field(primary_key=True)
    quarter: datetime = Field(sa_column=Column(UTCInstant, primary_key=True))
    source: str = Field(primary_key=True)
    sentiment: str = Field(primary_key=True)
    mentions: int = Field(sa_type=BigInteger)


class PredictionRow(SQLModel, table=True):
    """A model's scores of a mention; a new model adds rows and overwrites none.

    ``language`` is the detected one; ``mention.lang`` is the one that the source gave.
    """

    __tablename__ = "prediction"
    mention_id: int = Field(primary_key=True, foreign_key="mention.id", sa_type=BigInteger)
    model_id: str = Field(primary_key=True)
    negative: float
    neutral: float
    positive: float
    could_not_tell: bool
    language: str | None = None
    at: datetime = instant()


class ReadingRow(SQLModel, table=True):
    """A model's reading of a mention for one brand; a new model adds rows and overwrites none.

    The text's own scores stand in ``prediction``. ``intents`` and ``reasons`` map names to
    probabilities, rounded to 4 places.
    """

    __tablename__ = "reading"
    mention_id: int = Field(primary_key=True, foreign_key="mention.id", sa_type=BigInteger)
    brand_id: str = Field(primary_key=True, foreign_key="brand.id")
    model_id: str = Field(primary_key=True)
    toward_negative: float
    toward_neutral: float
    toward_positive: float
    irony: float
    ironic: bool
    pieces: int
    could_not_tell: bool
    intents: dict[str, float] = Field(sa_column=Column(JSON, nullable=False))
    reasons: dict[str, float] = Field(sa_column=Column(JSON, nullable=False))
    at: datetime = instant()


class CorrectionRow(SQLModel, table=True):
    """A person's correction of a sentiment; the newest counts, older ones stay."""

    __tablename__ = "correction"
    id: int | None = id_column()
    mention_id: int = Field(foreign_key="mention.id", index=True, sa_type=BigInteger)
    sentiment: str
    by: str
    at: datetime = instant()
