"""The commands on a case, a question or a wish.

Each is a conditional update, so an outdated view raises Conflict.

A view is outdated once a colleague acted, a post was deleted, or a complaint changed the status. A
complaint that only joins the case conflicts with nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from earful.case_states import Action
from earful.enums import Sentiment
from storage.analysis import predictions
from storage.cases.conditions import allows, status_after
from storage.database.clean import storable
from storage.database.engine import Database
from storage.database.upsert import table_of
from storage.database.utc import UTCInstant
from storage.tables import (
    OPEN_QUESTION,
    OPEN_WISH,
    CaseEventRow,
    CaseRow,
    MentionBrandRow,
    MentionRow,
)

OUTCOMES: tuple[str, ...] = (
    "won back",
    "answered",
    "no reply",
    "left",
    "not a complaint",
    "duplicate",
)
POST_DELETED = "post deleted"  # no person chooses this one: the platform deleted every post
_CASE, _EVENT = table_of(CaseRow), table_of(CaseEventRow)
_MENTION, _MENTION_BRAND = table_of(MentionRow), table_of(MentionBrandRow)
# In characters. Names stand in every row of the queue; notes hold pasted conversations.
_MAX_NAME = 80
_MAX_NOTE = 5000


class Conflict(Exception):
    """The case or post changed since it was read, or its status refuses the action."""


def take(db: Database, case_id: int, *, version: int, by: str, at: datetime) -> int:
    """Assign the case to ``by`` and return its new version. Raises Conflict."""
    agent = _clean_name(by)
    return _act(db, case_id, version, Action.TAKE, agent, at, assignee=agent)


def release(db: Database, case_id: int, *, version: int, by: str, at: datetime) -> int:
    """Remove the case's assignee and return its new version. Raises Conflict."""
    return _act(db, case_id, version, Action.RELEASE, _clean_name(by), at, assignee=None)


def add_note(db: Database, case_id: int, *, by: str, at: datetime, text: str) -> None:
    """Add a note to the case's history.

    It needs no version, because two notes do not collide. Raises Conflict without such a case.
    """
    if not text.strip():
        raise ValueError("the note is empty; write what the next person should know")
    with db.write() as connection:
        row = connection.execute(select(_CASE.c.id).where(_CASE.c.id == case_id)).one_or_none()
        if row is None:
            raise Conflict(f"Case {case_id} is not there any more.")
        _add_event(connection, case_id, at, _clean_name(by), Action.NOTE, text)


def record_contact(
    db: Database, case_id: int, *, version: int, by: str, at: datetime, text: str = ""
) -> int:
    """Record that ``by`` contacted the customer, and return the case's new version.

    The first call sets the time of first contact. Contacting an unassigned customer assigns the
    case to ``by``. Raises Conflict.
    """
    agent = _clean_name(by)
    return _act(
        db,
        case_id,
        version,
        Action.CONTACT,
        agent,
        at,
        text,
        assignee=func.coalesce(_CASE.c.assignee, agent),
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
    """Close the case with one of OUTCOMES and return its new version.

    Raises Conflict, and ValueError for another outcome.
    """
    if outcome not in OUTCOMES:
        raise ValueError(f"outcome {outcome!r}: use one of {', '.join(OUTCOMES)}")
    summary = f"{outcome}: {text.strip()}" if text.strip() else outcome
    return _act(
        db,
        case_id,
        version,
        Action.RESOLVE,
        _clean_name(by),
        at,
        summary,
        outcome=outcome,
        resolved_at=at,
    )


def reopen(
    db: Database, case_id: int, *, version: int, by: str, at: datetime, due_at: datetime
) -> int:
    """Open a resolved case again, without an assignee, and return its new version.

    ``due_at`` is the instant by which the rules want an answer, counted from now. Raises Conflict,
    also when the author has another open case, and when its posts are deleted.
    """
    try:
        return _act(
            db,
            case_id,
            version,
            Action.REOPEN,
            _clean_name(by),
            at,
            condition=_CASE.c.complaints > 0,
            due_at=due_at,
            assignee=None,
            outcome=None,
            resolved_at=None,
        )
    except IntegrityError as error:
        # the unique index allows one open case for each author and brand
        raise Conflict(
            f"Case {case_id} stays resolved: its author has complained again since, "
            "and that newer case is open."
        ) from error


def correct_sentiment(
    db: Database, mention_id: int, sentiment: Sentiment, *, edition: int, by: str, at: datetime
) -> None:
    """Record a person's sentiment for a mention; it counts from now on, before any model's.

    ``edition`` is that of the text which the person read. Raises Conflict when the mention changed
    or was deleted since.
    """
    agent = _clean_name(by)
    try:
        is_recorded = predictions.save_correction(
            db, mention_id, sentiment, edition=edition, by=agent, at=at
        )
    except KeyError as error:
        raise Conflict("This post is not there any more.") from error
    if not is_recorded:
        raise Conflict("This post was changed since you opened it; read what it says now.")


def mark_handled(
    db: Database, mention_id: int, brand_id: str, *, edition: int, by: str, at: datetime
) -> None:
    """Take a mention off the list of open questions or wishes: ``by`` answered or noted it.

    ``edition`` is that of the text which the person read. Raises Conflict when the mention is not
    on a list any more, or says something else by now.
    """
    agent = _clean_name(by)
    is_current = exists().where(_MENTION.c.id == mention_id, _MENTION.c.edition == edition)
    with db.write() as connection:
        changed_rows = connection.execute(
            update(_MENTION_BRAND)
            .where(_is_link(mention_id, brand_id), or_(OPEN_QUESTION, OPEN_WISH), is_current)
            .values(handled_at=at, handled_by=agent)
        ).rowcount
        if not changed_rows:
            raise Conflict(_explain_unhandled(connection, mention_id, brand_id, edition))


def undo_handled(db: Database, mention_id: int, brand_id: str) -> None:
    """Put a mention back on its list. Raises Conflict when nobody has handled it."""
    with db.write() as connection:
        changed_rows = connection.execute(
            update(_MENTION_BRAND)
            .where(_is_link(mention_id, brand_id), _MENTION_BRAND.c.handled_at.is_not(None))
            .values(handled_at=None, handled_by=None)
        ).rowcount
    if not changed_rows:
        raise Conflict("This post is on its list already, or not there any more.")


def _is_link(mention_id: int, brand_id: str) -> ColumnElement[bool]:
    return and_(_MENTION_BRAND.c.mention_id == mention_id, _MENTION_BRAND.c.brand_id == brand_id)


def _explain_unhandled(connection: Connection, mention_id: int, brand_id: str, edition: int) -> str:
    row = connection.execute(
        select(_MENTION.c.edition, _MENTION_BRAND.c.handled_by)
        .join(_MENTION_BRAND, _MENTION_BRAND.c.mention_id == _MENTION.c.id)
        .where(_is_link(mention_id, brand_id))
    ).one_or_none()
    if row is None:
        return "This post is not there any more."
    if row.edition != edition:
        return "This post was changed since you opened it; read what it says now."
    if row.handled_by is not None:
        return f"{row.handled_by} has handled this post already."
    return "This post is on no list any more: it was read or judged again."


def _clean_name(by: str) -> str:
    """Return the acting person's name, cleaned and cut; ValueError when it is empty."""
    name = storable(" ".join(by.split()), _MAX_NAME)
    if not name:
        raise ValueError("who does this? give a name")
    return name


def _act(
    db: Database,
    case_id: int,
    version: int,
    action: Action,
    by: str,
    at: datetime,
    text: str = "",
    *,
    condition: ColumnElement[bool] | None = None,
    **values: Any,
) -> int:
    """Update the case if its version, status and ``condition`` allow it; keep the event."""
    conditions = [allows(action)] if condition is None else [allows(action), condition]
    # One conditional update decides who of two agents wins: see
    # test_of_ten_who_take_it_at_once_one_has_it.
    with db.write() as connection:
        changed_rows = connection.execute(
            update(_CASE)
            .where(_CASE.c.id == case_id, _CASE.c.version == version, *conditions)
            .values(version=version + 1, status=status_after(action), **values)
        ).rowcount
        if not changed_rows:
            raise Conflict(_explain_refusal(connection, case_id, version))
        _add_event(connection, case_id, at, by, action, text)
    return version + 1


def _explain_refusal(connection: Connection, case_id: int, version: int) -> str:
    row = connection.execute(select(_CASE).where(_CASE.c.id == case_id)).one_or_none()
    if row is None:
        return f"Case {case_id} is not there any more."
    # before the version: a deletion changes both, and explains more
    if not row.complaints:
        return f"Case {case_id} stays resolved: all its posts are deleted."
    holder = f", {row.assignee} has it" if row.assignee else ""
    if row.version != version:
        return f"Case {case_id} changed since you opened it: it is now {row.status}{holder}."
    return f"Case {case_id} is {row.status}{holder}; this step does not fit."


def _add_event(
    connection: Connection, case_id: int, at: datetime, by: str, action: Action, text: str
) -> None:
    note = storable(text.strip(), _MAX_NOTE)
    connection.execute(
        _EVENT.insert().values(case_id=case_id, at=at, by=by, kind=action.event, note=note)
    )
