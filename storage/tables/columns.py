"""Build columns, and name the conditions of partial indexes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Integer, text
from sqlmodel import Field

from storage.database.utc import UTCInstant

UNREAD, LATE, UNJUDGED = "unread", "late", ""
# Conditions of partial indexes. A planner uses such an index only for a query that repeats its
# condition (https://sqlite.org/partialindex.html), so every query takes them from here.
OPEN_CASE = text("status <> 'resolved'")
UNSENT = text("state IN ('queued', 'sending')")
NOT_NOISE = text("NOT noise")
UNGROUPED = text("story_id IS NULL AND NOT noise")
GROUPED = text("story_id IS NOT NULL")
UNFILLED_GAP = text("state <> 'filled'")
IS_REPOST = text("repost_of <> ''")
LATE_BRAND = text("verdict = 'late'")
OPEN_QUESTION = text("verdict = 'question' AND handled_at IS NULL")
OPEN_WISH = text("verdict = 'wish' AND handled_at IS NULL")
HANDLED = text("handled_at IS NOT NULL")


def id_column() -> Any:
    """Build a growing integer key; SQLite numbers only a plain INTEGER by itself."""
    integer = BigInteger().with_variant(Integer, "sqlite")
    return Field(default=None, sa_column=Column(integer, primary_key=True, autoincrement=True))


def instant(*, nullable: bool = False, index: bool = False) -> Any:
    """Build a column of aware UTC instants."""
    return Field(sa_column=Column(UTCInstant, nullable=nullable, index=index))
