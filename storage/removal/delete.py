"""Taking mentions out of every table that speaks of them, so that counts still equal rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, exists, func, or_, select, update

from earful.case_states import Action
from earful.enums import Verdict
from earful.scoring import case_priority
from storage.analysis import stories, tallies
from storage.cases import deliveries
from storage.cases.commands import POST_DELETED
from storage.cases.conditions import allows, status_after
from storage.cases.verdicts import EARFUL
from storage.database.clean import names_one
from storage.database.upsert import chunks, insert_new, table_of
from storage.entities.lookup import ExternalKey, group_by_source
from storage.removal import tombstones
from storage.tables import (
    IS_REPOST,
    UNJUDGED,
    AuthorRow,
    CaseEventRow,
    CaseRow,
    CorrectionRow,
    DeliveryCaseRow,
    FlagRow,
    MatchRow,
    MentionBrandRow,
    MentionRow,
    PredictionRow,
    RejectedRow,
    RevisionRow,
    row_ids,
)

_MENTION, _AUTHOR, _FLAG = table_of(MentionRow), table_of(AuthorRow), table_of(FlagRow)
_CASE, _EVENT, _REVISION = table_of(CaseRow), table_of(CaseEventRow), table_of(RevisionRow)
_DELIVERY_CASE, _REJECTED, _MENTION_BRAND = (
    table_of(DeliveryCaseRow),
    table_of(RejectedRow),
    table_of(MentionBrandRow),
)
_OF_A_MENTION = tuple(
    table_of(one) for one in (MentionBrandRow, MatchRow, RevisionRow, PredictionRow, CorrectionRow)
)

NOBODY = "(deleted author)"
_SAID = _REJECTED.c.location + "\n" + _REJECTED.c.reason + "\n" + _REJECTED.c.raw


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalCounts:
    """What was removed: mentions, earlier texts of them, messages that told of them."""

    mentions: int = 0
    revisions: int = 0
    messages: int = 0


def find_with_reposts(connection: Connection, posts: Sequence[ExternalKey]) -> list[Any]:
    """The stored rows of these posts and of plain reposts of them, which carry the same words."""
    found: dict[int, Any] = {}
    for source, some in group_by_source(posts):
        # two statements: each has an index of its own
        for which in (
            _MENTION.c.external_id.in_(some),
            and_(_MENTION.c.repost_of.in_(some), IS_REPOST),
        ):
            rows = connection.execute(
                select(
                    *(_MENTION.c[name] for name in ("id", "source", "external_id")),
                    *(_MENTION.c[name] for name in ("author_id", "sentiment")),
                ).where(_MENTION.c.source == source, which)
            )
            found.update({row.id: row for row in rows})
    return list(found.values())


def remove_mentions(
    connection: Connection, rows: Sequence[Any], *, reason: str, at: datetime
) -> RemovalCounts:
    """Delete these mentions (rows of `with_reposts`) with all that was made of them.

    Each leaves a tombstone with the reason. A case that loses a post is told so, and resolved when
    it was the last. Of an author who has nothing else here it is only known that there was one.
    """
    ids = [row.id for row in rows]
    tombstones.add_tombstones(connection, _keys(rows), reason=reason, at=at)
    tallies.subtract(connection, {row.id: row.sentiment for row in rows})
    cases, names, told = _delete_flags(connection, ids)
    _let_copies_speak(connection, told)  # while their stories still have those numbers
    stories.ungroup_erased(connection, ids)
    _shrink_cases(connection, cases, reason, at)
    messages = deliveries.redact_cases(connection, cases, names) if cases else 0
    revisions = _count(connection, _REVISION, ids)
    for table in _OF_A_MENTION:
        _delete(connection, table.c.mention_id, ids)
    _delete(connection, _MENTION.c.id, ids)
    row_ids.retire(connection, _MENTION, ids)
    _let_authors_go(connection, {row.author_id for row in rows})
    return RemovalCounts(mentions=len(ids), revisions=revisions, messages=messages)


def _keys(rows: Iterable[Any]) -> list[ExternalKey]:
    return [(row.source, row.external_id) for row in rows]


def _delete(connection: Connection, column: Any, values: Sequence[int]) -> None:
    for some in chunks(values):
        connection.execute(delete(column.table).where(column.in_(some)))


def _count(connection: Connection, table: Any, ids: Sequence[int]) -> int:
    return sum(
        connection.execute(
            select(func.count()).select_from(table).where(table.c.mention_id.in_(some))
        ).scalar_one()
        for some in chunks(ids)
    )


def _delete_flags(
    connection: Connection, ids: Sequence[int]
) -> tuple[list[int], set[str], set[int]]:
    """Gives the cases that lost one, how their authors are called, and which stories they told."""
    cases: set[int] = set()
    names: set[str] = set()
    told: set[int] = set()
    for some in chunks(ids):
        rows = connection.execute(
            select(_FLAG.c.case_id, _FLAG.c.story_id, _AUTHOR.c.handle, _AUTHOR.c.name)
            .join(_AUTHOR, _AUTHOR.c.id == _FLAG.c.author_id)
            .where(_FLAG.c.mention_id.in_(some))
        )
        for row in rows:
            cases.add(row.case_id)
            names |= {row.handle, row.name or ""}
            told |= set() if row.story_id is None else {row.story_id}
        connection.execute(delete(_FLAG).where(_FLAG.c.mention_id.in_(some)))
    return sorted(cases), names - {""}, told


def _shrink_cases(connection: Connection, cases: Sequence[int], reason: str, at: datetime) -> None:
    """Bring each case up to the flags that it has left."""
    events: list[dict[str, Any]] = []
    for case_id in cases:
        left = connection.execute(
            select(
                func.count().label("complaints"),
                func.min(_FLAG.c.published_at).label("first"),
                func.max(_FLAG.c.published_at).label("last"),
            ).where(_FLAG.c.case_id == case_id)
        ).one()
        values: dict[str, Any] = {"complaints": left.complaints, "version": _CASE.c.version + 1}
        if left.complaints:
            values |= {"complained_at": left.first, "last_at": left.last}
            values["priority"] = _priority(connection, case_id)
        connection.execute(update(_CASE).where(_CASE.c.id == case_id).values(**values))
        events.append(_event(case_id, at, "deleted", f"A post is gone and was removed: {reason}."))
        if not left.complaints and _resolve(connection, case_id, at):
            events.append(_event(case_id, at, Action.LOSE_LAST_POST.event, POST_DELETED))
    insert_new(connection, CaseEventRow, events)


def _priority(connection: Connection, case_id: int) -> int:
    severities = select(_FLAG.c.severity).where(_FLAG.c.case_id == case_id)
    return case_priority(connection.execute(severities).scalars().all())


def _event(case_id: int, at: datetime, kind: str, note: str) -> dict[str, Any]:
    return {"case_id": case_id, "at": at, "by": EARFUL, "kind": kind, "note": note}


def _resolve(connection: Connection, case_id: int, at: datetime) -> bool:
    values = {"outcome": POST_DELETED, "resolved_at": at}
    resolved_rows = connection.execute(
        update(_CASE)
        .where(_CASE.c.id == case_id, allows(Action.LOSE_LAST_POST))
        .values(status=status_after(Action.LOSE_LAST_POST), **values)
    ).rowcount
    return resolved_rows == 1


def _let_copies_speak(connection: Connection, story_ids: set[int]) -> None:
    """The one post of a story that was flagged is gone: the rules look at the others again."""
    for some in chunks(sorted(story_ids)):
        others = select(_MENTION.c.id).where(_MENTION.c.story_id.in_(some))
        connection.execute(
            update(_MENTION_BRAND)
            .where(
                _MENTION_BRAND.c.mention_id.in_(others),
                _MENTION_BRAND.c.verdict == Verdict.COPY.value,
            )
            .values(verdict=UNJUDGED)
        )


def _let_authors_go(connection: Connection, author_ids: set[int]) -> None:
    """Delete authors without a mention; where a case is left of one, only their name goes."""
    for some in chunks(sorted(author_ids)):
        silent = and_(_AUTHOR.c.id.in_(some), ~exists().where(_MENTION.c.author_id == _AUTHOR.c.id))
        has_case = exists().where(_CASE.c.author_id == _AUTHOR.c.id)
        connection.execute(delete(_AUTHOR).where(silent, ~has_case))
        rows = connection.execute(select(_AUTHOR.c.id).where(silent, has_case)).scalars().all()
        for number in rows:
            connection.execute(
                update(_AUTHOR)
                .where(_AUTHOR.c.id == number)
                .values(
                    # unlike what any platform calls anybody, and unique
                    external_id=f"{NOBODY} {number}",
                    handle=NOBODY,
                    name=None,
                    followers=None,
                    verified=False,
                    url=None,
                )
            )


def delete_cases_of_author(connection: Connection, author_id: int) -> tuple[int, int, int]:
    """Delete an author's cases with their flags, what was noted in them, and their messages' words.

    Gives how many cases, entries and messages that were.
    """
    entries = 0
    case_ids = case_ids_of_author(connection, author_id)
    who = connection.execute(
        select(_AUTHOR.c.handle, _AUTHOR.c.name).where(_AUTHOR.c.id == author_id)
    ).one()
    told: set[int] = set()
    for some in chunks(case_ids):
        flagged = _FLAG.c.case_id.in_(some) & _FLAG.c.story_id.is_not(None)
        told |= set(connection.execute(select(_FLAG.c.story_id).where(flagged)).scalars())
    _delete(connection, _FLAG.c.case_id, case_ids)
    _let_copies_speak(connection, told)
    for some in chunks(case_ids):
        connection.execute(update(_CASE).where(_CASE.c.id.in_(some)).values(complaints=0))
        entries += connection.execute(delete(_EVENT).where(_EVENT.c.case_id.in_(some))).rowcount
    messages = deliveries.redact_cases(connection, case_ids, (who.handle, who.name or ""))
    for some in chunks(case_ids):
        connection.execute(delete(_DELIVERY_CASE).where(_DELIVERY_CASE.c.case_id.in_(some)))
        connection.execute(delete(_CASE).where(_CASE.c.id.in_(some)))
    row_ids.retire(connection, _CASE, case_ids)
    return len(case_ids), entries, messages


def case_ids_of_author(connection: Connection, author_id: int) -> list[int]:
    """The numbers of all cases of an author."""
    found = connection.execute(select(_CASE.c.id).where(_CASE.c.author_id == author_id))
    return list(found.scalars())


def scrub_rejects(connection: Connection, words: Iterable[str]) -> None:
    """Take the raw text out of unreadable items that hold one of these words, and those away whose
    name or reason does."""
    known = {word for word in words if word}
    known |= {json.dumps(word)[1:-1] for word in known}  # as a file may have written it
    for some in chunks(sorted(known), 100):
        holds = or_(*(_SAID.contains(word, autoescape=True) for word in some))
        found = select(_REJECTED).where(holds).execution_options(yield_per=1000)
        named: list[int] = []
        shown: list[int] = []
        for row in connection.execute(found):
            if names_one(f"{row.location}\n{row.reason}", some):
                named.append(row.id)
            elif names_one(row.raw, some):
                shown.append(row.id)
        _delete(connection, _REJECTED.c.id, named)
        for few in chunks(shown):
            connection.execute(update(_REJECTED).where(_REJECTED.c.id.in_(few)).values(raw=""))


def clear_reply_references(connection: Connection, posts: Iterable[ExternalKey]) -> None:
    """Other people's replies to these posts do not say any more what they answered."""
    for source, some in group_by_source(posts):
        answers = and_(_MENTION.c.source == source, _MENTION.c.reply_to.in_(some))
        connection.execute(update(_MENTION).where(answers).values(reply_to=None))


def delete_author(connection: Connection, author_id: int) -> None:
    """Delete an author of whom nothing else is left."""
    connection.execute(delete(_AUTHOR).where(_AUTHOR.c.id == author_id))
