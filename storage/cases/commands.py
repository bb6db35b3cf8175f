"""What people do to cases. Each is a conditional update: whoever acts on an old view is told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, literal, select, update
from sqlalchemy.exc import IntegrityError

from earful.enums import Sentiment
from storage.analysis import predictions
from storage.database.clean import storable
from storage.database.engine import Database
from storage.database.upsert import table_of
from storage.database.utc import UTCInstant
from storage.tables import CaseEventRow, CaseRow

OUTCOMES: tuple[str, ...] = (
    "won back",
    "answered",
    "no reply",
    "left",
    "not a complaint",
    "duplicate",
)
POST_DELETED = "post deleted"  # the one that no person chooses: no post of the case is left
_CASE, _EVENT = table_of(CaseRow), table_of(CaseEventRow)
_OPEN = _CASE.c.status != "resolved"


class Conflict(Exception):
    """The case or post was changed since it was read, or the step does not fit its status."""


def take(db: Database, case_id: int, *, version: int, by: str, at: datetime) -> int:
    """Put the case into ``by``'s hands; gives the new version. Raises Conflict."""
    who = _named(by)
    # a customer who was contacted before stays contacted when another person takes over
    status = func.replace(_CASE.c.status, "open", "taken")
    return _act(db, case_id, version, "taken", who, at, assignee=who, status=status)


def release(db: Database, case_id: int, *, version: int, by: str, at: datetime) -> int:
    """Put the case back for anybody; gives the new version. Raises Conflict."""
    status = func.replace(_CASE.c.status, "taken", "open")
    return _act(db, case_id, version, "released", _named(by), at, assignee=None, status=status)


def note(db: Database, case_id: int, *, by: str, at: datetime, text: str) -> None:
    """Add a note; needs no version, because notes do not collide. Raises Conflict: no such case."""
    if not text.strip():
        raise ValueError("the note is empty; write what the next person should know")
    with db.write() as connection:
        found = connection.execute(select(_CASE.c.id).where(_CASE.c.id == case_id))
        if found.one_or_none() is None:
            raise Conflict(f"Case {case_id} is not there any more.")
        _event(connection, case_id, at, _named(by), "note", text)


def contacted(
    db: Database, case_id: int, *, version: int, by: str, at: datetime, text: str = ""
) -> int:
    """Record that the customer was contacted; the first time counts as first contact.

    Whoever contacts the customer of a case that nobody has, has it. Raises Conflict.
    """
    who = _named(by)
    return _act(
        db,
        case_id,
        version,
        "contacted",
        who,
        at,
        text,
        status="contacted",
        assignee=func.coalesce(_CASE.c.assignee, who),
        first_contact_at=func.coalesce(_CASE.c.first_contact_at, literal(at, UTCInstant)),
    )


def resolve(
    db: Database,
    case_id: int,
    *,
    version: int,
    by: str,
    at: datetime,
    outcome: str,
    text: str = "",
) -> int:
    """Close the case with one of OUTCOMES; gives the new version. Raises Conflict, ValueError."""
    if outcome not in OUTCOMES:
        raise ValueError(f"outcome {outcome!r}: use one of {', '.join(OUTCOMES)}")
    story = f"{outcome}: {text.strip()}" if text.strip() else outcome
    return _act(
        db,
        case_id,
        version,
        "resolved",
        _named(by),
        at,
        story,
        status="resolved",
        outcome=outcome,
        resolved_at=at,
    )


def reopen(db: Database, case_id: int, *, version: int, by: str, at: datetime) -> int:
    """Open a resolved case again.

    Raises Conflict, also when the author has another open case, and when its posts are deleted.
    """
    try:
        return _act(
            db,
            case_id,
            version,
            "reopened",
            _named(by),
            at,
            which=and_(_CASE.c.status == "resolved", _CASE.c.complaints > 0),
            status="open",
            assignee=None,
            outcome=None,
            resolved_at=None,
        )
    except IntegrityError as error:
        raise Conflict(
            f"Case {case_id} stays resolved: its author has complained again since, "
            "and that newer case is open."
        ) from error


def correct(
    db: Database, mention_id: int, sentiment: Sentiment, *, edition: int, by: str, at: datetime
) -> None:
    """A person says how a mention feels; that counts from now on, whatever a model says.

    ``edition`` is that of the text which they read. Raises Conflict: it was changed or is gone.
    """
    try:
        kept = predictions.correct(db, mention_id, sentiment, edition=edition, by=_named(by), at=at)
    except KeyError as error:
        raise Conflict("This post is not there any more.") from error
    if not kept:
        raise Conflict("This post was changed since you opened it; read what it says now.")


def _named(by: str) -> str:
    """The name of whoever acts; ValueError when it is empty."""
    name = storable(" ".join(by.split()), 80)
    if not name:
        raise ValueError("who does this? give a name")
    return name


def _act(
    db: Database,
    case_id: int,
    version: int,
    kind: str,
    by: str,
    at: datetime,
    text: str = "",
    *,
    which: Any = _OPEN,
    **values: Any,
) -> int:
    with db.write() as connection:
        changed = connection.execute(
            update(_CASE)
            .where(_CASE.c.id == case_id, _CASE.c.version == version, which)
            .values(version=version + 1, **values)
        ).rowcount
        if not changed:
            raise Conflict(_why_not(connection, case_id, version))
        _event(connection, case_id, at, by, kind, text)
    return version + 1


def _why_not(connection: Connection, case_id: int, version: int) -> str:
    row = connection.execute(select(_CASE).where(_CASE.c.id == case_id)).one_or_none()
    if row is None:
        return f"Case {case_id} is not there any more."
    if not row.complaints:
        return f"Case {case_id} stays resolved: all its posts are deleted."
    holder = f", {row.assignee} has it" if row.assignee else ""
    if row.version != version:
        return f"Case {case_id} changed since you opened it: it is now {row.status}{holder}."
    return f"Case {case_id} is {row.status}{holder}; this step does not fit."


def _event(
    connection: Connection, case_id: int, at: datetime, by: str, kind: str, text: str
) -> None:
    connection.execute(
        _EVENT.insert().values(
            case_id=case_id, at=at, by=by, kind=kind, note=storable(text.strip(), 5000)
        )
    )
