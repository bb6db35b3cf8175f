"""Kinds of columns, marks, and the conditions of partial indexes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Integer, text
from sqlmodel import Field

from storage.database.utc import UTCInstant

UNREAD, UNJUDGED = "unread", ""
# conditions of partial indexes; a query must say the very same words to be given the index
OPEN_CASE = text("status <> 'resolved'")
UNSENT = text("state IN ('queued', 'sending')")
NOT_NOISE = text("NOT noise")
UNGROUPED = text("story_id IS NULL AND NOT noise")
GROUPED = text("story_id IS NOT NULL")
UNFILLED_GAP = text("state <> 'filled'")
IS_REPOST = text("repost_of <> ''")


def id_column() -> Any:
    """A growing integer key; SQLite only numbers a plain INTEGER by itself."""
    kind = BigInteger().with_variant(Integer, "sqlite")
    return Field(default=None, sa_column=Column(kind, primary_key=True, autoincrement=True))


def instant(*, nullable: bool = False, index: bool = False) -> Any:
    return Field(sa_column=Column(UTCInstant, nullable=nullable, index=index))
