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
# a flagged mention is in the queue, and our own accounts ask no question of us
OPEN_QUESTION = text("intent = 'question' AND NOT own AND verdict <> 'flagged'")
OPEN_WISH = text("intent = 'suggestion' AND NOT own AND verdict <> 'flagged'")


def id_column() -> Any:
    """Build a growing integer key; SQLite numbers only a plain INTEGER by itself."""
    integer = BigInteger().with_variant(Integer, "sqlite")
    return Field(default=None, sa_column=Column(integer, primary_key=True, autoincrement=True))


def instant(*, nullable: bool = False, index: bool = False) -> Any:
    """Build a column of aware UTC instants."""
    return Field(sa_column=Column(UTCInstant, nullable=nullable, index=index))
