"""Delete mentions, cases and authors from every table that refers to them.

Counts stay equal to rows: tallies, stories and cases change in the same transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, exists, func, select, update

from earful.case_states import Action
from earful.enums import Verdict
from earful.scoring import priority_of
from storage.analysis import stories, tallies
from storage.cases import deliveries
from storage.cases.commands import POST_DELETED
from storage.cases.conditions import allows, status_after
from storage.cases.verdicts import EARFUL, highest_severity
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
    ReadingRow,
    RevisionRow,
    row_ids,
)

_MENTION, _AUTHOR, _FLAG = table_of(MentionRow), table_of(AuthorRow), table_of(FlagRow)
_CASE, _EVENT, _REVISION = table_of(CaseRow), table_of(CaseEventRow), table_of(RevisionRow)
_DELIVERY_CASE = table_of(DeliveryCaseRow)
_MENTION_BRAND = table_of(MentionBrandRow)
_TABLES_WITH_MENTION_ID = tuple(
    table_of(model)
    for model in (
        *(MentionBrandRow, MatchRow, RevisionRow, PredictionRow, ReadingRow, CorrectionRow),
    )
)

DELETED_AUTHOR = "(deleted author)"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalCounts:
    """Count removed mentions, their earlier texts, and redacted messages about them."""

    mentions: int = 0
    revisions: int = 0
    messages: int = 0


def find_with_reposts(connection: Connection, posts: Sequence[ExternalKey]) -> list[Any]:
    """Find the rows of these posts and of their plain reposts, which carry the same text."""
    rows_by_id: dict[int, Any] = {}
    for source, external_ids in group_by_source(posts):
        # two statements, because each has an index of its own
        for condition in (
            _MENTION.c.external_id.in_(external_ids),
            and_(_MENTION.c.repost_of.in_(external_ids), IS_REPOST),
        ):
            rows = connection.execute(
                select(
                    *(_MENTION.c[name] for name in ("id", "source", "external_id")),
                    *(_MENTION.c[name] for name in ("author_id", "sentiment")),
                ).where(_MENTION.c.source == source, condition)
            )
            rows_by_id.update({row.id: row for row in rows})
    return list(rows_by_id.values())


def remove_mentions(
    connection: Connection, rows: Sequence[Any], *, reason: str, at: datetime
) -> RemovalCounts:
    """Delete mentions (rows of `find_with_reposts`) with everything derived from them.

    1. Leave a tombstone with the reason for each, so that no poll stores it again.
    2. Take them out of the tallies.
    3. Delete their flags, and let the rules judge the copies of a flagged post.
    4. Take them out of their stories.
    5. Update the cases that lost a flag; resolve a case that lost its last one.
    6. Redact messages about those cases.
    7. Delete the rows that refer to the mentions, then the mentions. Never reuse their ids.
    8. Delete authors without any mention or case; anonymise those with a case.
    """
    ids = [row.id for row in rows]
    keys = [(row.source, row.external_id) for row in rows]
    # 1. First, so that no later failure leaves a post that can come back.
    tombstones.add_tombstones(connection, keys, reason=reason, at=at)
    # 2. While the links to brands still say what was counted.
    tallies.subtract(connection, {row.id: row.sentiment for row in rows})
    # 3. Before step 4 gives the stories other ids.
    removed_flags, names, story_ids = _delete_flags(connection, ids)
    case_ids = sorted(removed_flags)
    _requeue_copies(connection, story_ids)
    # 4. While the mentions still name their stories.
    stories.ungroup_erased(connection, ids)
    # 5 and 6. After step 3: a case, and a message about it, follow the flags that remain.
    _update_cases(connection, removed_flags, reason, at)
    messages = deliveries.redact_cases(connection, case_ids, names) if case_ids else 0
    revisions = _count_rows(connection, _REVISION, ids)
    # 7. Foreign keys: the rows that refer to a mention go before it.
    for table in _TABLES_WITH_MENTION_ID:
        _delete_rows(connection, table.c.mention_id, ids)
    _delete_rows(connection, _MENTION.c.id, ids)
    row_ids.retire(connection, _MENTION, ids)
    # 8. Last: an author is silent only once the mentions are deleted.
    _remove_silent_authors(connection, {row.author_id for row in rows})
    return RemovalCounts(mentions=len(ids), revisions=revisions, messages=messages)


def _delete_rows(connection: Connection, column: Any, values: Sequence[int]) -> None:
    for chunk in chunks(values):
        connection.execute(delete(column.table).where(column.in_(chunk)))


def _count_rows(connection: Connection, table: Any, mention_ids: Sequence[int]) -> int:
    return sum(
        connection.execute(
            select(func.count()).select_from(table).where(table.c.mention_id.in_(ids))
        ).scalar_one()
        for ids in chunks(mention_ids)
    )


def _delete_flags(
    connection: Connection, mention_ids: Sequence[int]
) -> tuple[Counter[int], set[str], set[int]]:
    """Delete the flags of mentions.

    Returns how many flags each case lost, the names of their authors, and the ids of the flagged
    stories.
    """
    removed_flags: Counter[int] = Counter()
    names: set[str] = set()
    story_ids: set[int] = set()
    for ids in chunks(mention_ids):
        rows = connection.execute(
            select(_FLAG.c.case_id, _FLAG.c.story_id, _AUTHOR.c.handle, _AUTHOR.c.name)
            .join(_AUTHOR, _AUTHOR.c.id == _FLAG.c.author_id)
            .where(_FLAG.c.mention_id.in_(ids))
        )
        for row in rows:
            removed_flags[row.case_id] += 1
            names |= {row.handle, row.name or ""}
            story_ids |= set() if row.story_id is None else {row.story_id}
        connection.execute(delete(_FLAG).where(_FLAG.c.mention_id.in_(ids)))
    return removed_flags, names - {""}, story_ids


def _update_cases(
    connection: Connection, removed_flags: Mapping[int, int], reason: str, at: datetime
) -> None:
    """Bring each case in line with its remaining flags; a case without any is resolved.

    ``removed_flags`` maps the id of a case to the number of flags that it lost.
    """
    events: list[dict[str, Any]] = []
    for case_id, removed in sorted(removed_flags.items()):
        sums = _read_sums(connection, case_id)
        complaints = sums.complaints - removed
        # a new version: a person who looks at the old case gets a conflict instead of a surprise
        values: dict[str, Any] = {"complaints": complaints, "version": _CASE.c.version + 1}
        if complaints:
            values |= {"complained_at": sums.first, "last_at": sums.last}
            values["priority"] = priority_of(highest_severity(connection, case_id), complaints)
        connection.execute(update(_CASE).where(_CASE.c.id == case_id).values(**values))
        events.append(_event(case_id, at, "deleted", f"A post is gone and was removed: {reason}."))
        if not complaints and _resolve(connection, case_id, at):
            events.append(_event(case_id, at, Action.LOSE_LAST_POST.event, POST_DELETED))
    insert_new(connection, CaseEventRow, events)


def _read_sums(connection: Connection, case_id: int) -> Any:
    """Read a case's stored number of complaints, and the times of its first and last flag."""
    # a subquery for each end of the index: together they would read every flag of the case
    first, last = (
        select(end(_FLAG.c.published_at)).where(_FLAG.c.case_id == case_id).scalar_subquery()
        for end in (func.min, func.max)
    )
    return connection.execute(
        select(_CASE.c.complaints, first.label("first"), last.label("last")).where(
            _CASE.c.id == case_id
        )
    ).one()


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


def _requeue_copies(connection: Connection, story_ids: set[int]) -> None:
    """Let the rules judge the copies of a deleted, flagged post again."""
    for ids in chunks(sorted(story_ids)):
        members = select(_MENTION.c.id).where(_MENTION.c.story_id.in_(ids))
        connection.execute(
            update(_MENTION_BRAND)
            .where(
                _MENTION_BRAND.c.mention_id.in_(members),
                _MENTION_BRAND.c.verdict == Verdict.COPY.value,
            )
            .values(verdict=UNJUDGED)
        )


def _remove_silent_authors(connection: Connection, author_ids: set[int]) -> None:
    """Delete authors without a mention; one who still has a case loses only the profile."""
    for ids in chunks(sorted(author_ids)):
        is_silent = and_(
            _AUTHOR.c.id.in_(ids), ~exists().where(_MENTION.c.author_id == _AUTHOR.c.id)
        )
        has_case = exists().where(_CASE.c.author_id == _AUTHOR.c.id)
        # docs/decisions/removal.md, 'A deleted author with a case becomes "(deleted author)"'
        connection.execute(delete(_AUTHOR).where(is_silent, ~has_case))
        rows = connection.execute(select(_AUTHOR.c.id).where(is_silent, has_case))
        for author_id in rows.scalars().all():
            connection.execute(
                update(_AUTHOR)
                .where(_AUTHOR.c.id == author_id)
                .values(
                    # no platform has such an id, and the row id makes it unique
                    external_id=f"{DELETED_AUTHOR} {author_id}",
                    handle=DELETED_AUTHOR,
                    name=None,
                    followers=None,
                    verified=False,
                    url=None,
                )
            )


def delete_cases_of_author(connection: Connection, author_id: int) -> tuple[int, int, int]:
    """Delete an author's cases with flags and events, and redact messages about them.

    Returns the numbers of cases, case events and messages.
    """
    events = 0
    case_ids = case_ids_of_author(connection, author_id)
    author = connection.execute(
        select(_AUTHOR.c.handle, _AUTHOR.c.name).where(_AUTHOR.c.id == author_id)
    ).one()
    story_ids: set[int] = set()
    for ids in chunks(case_ids):
        is_flagged = _FLAG.c.case_id.in_(ids) & _FLAG.c.story_id.is_not(None)
        story_ids |= set(connection.execute(select(_FLAG.c.story_id).where(is_flagged)).scalars())
    _delete_rows(connection, _FLAG.c.case_id, case_ids)
    _requeue_copies(connection, story_ids)
    for ids in chunks(case_ids):
        connection.execute(update(_CASE).where(_CASE.c.id.in_(ids)).values(complaints=0))
        events += connection.execute(delete(_EVENT).where(_EVENT.c.case_id.in_(ids))).rowcount
    # while the cases still stand: a message lists the other cases that it is about
    messages = deliveries.redact_cases(connection, case_ids, (author.handle, author.name or ""))
    _delete_rows(connection, _DELIVERY_CASE.c.case_id, case_ids)
    _delete_rows(connection, _CASE.c.id, case_ids)
    row_ids.retire(connection, _CASE, case_ids)
    return len(case_ids), events, messages


def case_ids_of_author(connection: Connection, author_id: int) -> list[int]:
    """Return the ids of all cases of an author."""
    rows = connection.execute(select(_CASE.c.id).where(_CASE.c.author_id == author_id))
    return list(rows.scalars())


def delete_author(connection: Connection, author_id: int) -> None:
    """Delete an author without mentions and cases."""
    connection.execute(delete(_AUTHOR).where(_AUTHOR.c.id == author_id))
