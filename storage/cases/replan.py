"""Plan again until when customers are due an answer, after a clock that was ahead."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, type_coerce, update

from earful.clock import latest_trusted
from storage.cases.conditions import IS_OPEN
from storage.database.engine import Database
from storage.database.upsert import table_of
from storage.database.utc import UTCInstant, to_micros
from storage.tables import CaseRow

_CASE = table_of(CaseRow)


def replan_due(db: Database, now: datetime) -> int:
    """Count the time to answer from now in open cases that were opened in the future.

    Returns how many changed. Repeating it never makes an answer due later.
    """
    due, opened = (type_coerce(_CASE.c[name], BigInteger) for name in ("due_at", "opened_at"))
    replanned = type_coerce(due - opened + to_micros(now), UTCInstant)
    with db.write() as connection:
        return connection.execute(
            update(_CASE)
            .where(IS_OPEN, _CASE.c.opened_at > latest_trusted(now), due > opened)
            .values(due_at=replanned)
        ).rowcount
