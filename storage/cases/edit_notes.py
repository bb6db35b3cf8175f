"""Notes in the history of cases that a flagged post was edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from storage.cases.verdicts import EARFUL
from storage.database.upsert import chunks, insert_new, table_of
from storage.tables import CaseEventRow, FlagRow

_FLAG, _EVENT = table_of(FlagRow), table_of(CaseEventRow)


def note_edits(connection: Connection, edited: Sequence[int], at: datetime) -> None:
    """Note in each case that one of its flagged posts was edited."""
    events: list[dict[str, Any]] = []
    for ids in chunks(edited):
        rows = connection.execute(
            select(_FLAG.c.case_id, _FLAG.c.published_at)
            .where(_FLAG.c.mention_id.in_(ids))
            .order_by(_FLAG.c.id)
        )
        events += [
            {
                "case_id": row.case_id,
                "at": at,
                "by": EARFUL,
                "kind": "edited",
                "note": f"The post of {row.published_at:%Y-%m-%d %H:%M} UTC was flagged, and its "
                "words were changed since. It stays flagged; its earlier words are beside it.",
            }
            for row in rows
        ]
    # note it once until another event follows: a page may be edited all day long
    new_events = [event for event in events if not _is_last_event(connection, event)]
    insert_new(connection, CaseEventRow, new_events)


def _is_last_event(connection: Connection, event: Mapping[str, Any]) -> bool:
    """True when the case's last event says the same."""
    last = connection.execute(
        select(_EVENT.c.kind, _EVENT.c.note)
        .where(_EVENT.c.case_id == event["case_id"])
        .order_by(_EVENT.c.id.desc())
        .limit(1)
    ).one_or_none()
    return last is not None and (last.kind, last.note) == (event["kind"], event["note"])
