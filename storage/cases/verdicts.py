"""What the rules have yet to judge, and keeping their verdicts, flags and cases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, select, tuple_, update

from earful.case_states import INITIAL, TRANSITIONS, Action, CaseStatus, DueClock
from earful.enums import Sentiment, Verdict
from earful.judgements import ClassifiedMention, Flag, Scores
from earful.types import Engagement
from storage.analysis import ratings
from storage.cases.conditions import IS_OPEN
from storage.database.upsert import chunks, insert_new, table_of
from storage.entities import brands
from storage.tables import (
    AuthorRow,
    CaseEventRow,
    CaseRow,
    FlagRow,
    MentionBrandRow,
    MentionRow,
    PredictionRow,
    row_ids,
)

_MENTION_BRAND, _MENTION, _AUTHOR = (
    table_of(MentionBrandRow),
    table_of(MentionRow),
    table_of(AuthorRow),
)
_PREDICTION, _FLAG, _CASE = table_of(PredictionRow), table_of(FlagRow), table_of(CaseRow)
_EVENT = table_of(CaseEventRow)

REPEAT_WITHIN = timedelta(days=30)
EARFUL = "earful"  # who does what no person did

After = tuple[int, str]  # the last (mention id, brand id) looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRules:
    """What opening or extending a case asks of the rules; pure functions handed in.

    ``priority`` turns the severities of a case's flags (0 to 100) into its priority;
    ``due_at`` says from priority and instant of the flag when an answer is due.
    """

    priority: Callable[[Sequence[int]], int]
    due_at: Callable[[int, datetime], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlaggedCase:
    """What became of one flag: its case, whether that is new, its priority before and now."""

    flag: Flag
    case_id: int
    opened: bool
    priority_before: int
    priority: int


def list_unjudged(
    connection: Connection, limit: int, *, verdict: str = "", after: After = (0, "")
) -> tuple[ClassifiedMention, ...]:
    """Classified mentions with that ``verdict`` ("" = none yet), by mention, behind ``after``.

    Ask inside the transaction that keeps the verdicts: a correction or a newer model's word that
    came between would be overrun. ``earlier_complaints`` counts stored flags only; the caller adds
    those that it decides itself.
    """
    rows = connection.execute(_heard_statement(verdict, after).limit(limit)).all()
    known = brands.read_all(connection) if rows else {}
    times = _flag_times(connection, {row.author_id for row in rows})
    told = _flagged_stories(connection, {row.story_id for row in rows})
    return tuple(_heard(row, known, times, told) for row in rows)


def _heard_statement(verdict: str, after: After) -> Any:
    mention_id, brand_id = after
    return (
        select(
            _MENTION_BRAND.c.mention_id,
            _MENTION_BRAND.c.brand_id,
            _MENTION_BRAND.c.own,
            _MENTION.c.source,
            _MENTION.c.author_id,
            _MENTION.c.published_at,
            _MENTION.c.repost_of,
            _MENTION.c.shares,
            _MENTION.c.likes,
            _MENTION.c.replies,
            _MENTION.c.sentiment,
            _MENTION.c.corrected,
            _MENTION.c.story_id,
            *ratings.COLUMNS,
            _AUTHOR.c.handle,
            _AUTHOR.c.followers,
            _PREDICTION.c.model_id,
            _PREDICTION.c.negative,
            _PREDICTION.c.neutral,
            _PREDICTION.c.positive,
            _PREDICTION.c.could_not_tell,
            _PREDICTION.c.language,
        )
        .join(_MENTION, _MENTION.c.id == _MENTION_BRAND.c.mention_id)
        .join(_AUTHOR, _AUTHOR.c.id == _MENTION.c.author_id)
        .join(
            _PREDICTION,
            and_(
                _PREDICTION.c.mention_id == _MENTION.c.id,
                _PREDICTION.c.model_id == _MENTION.c.model_id,
            ),
        )
        .where(
            # written into the statement: a value bound to it would hide the partial index
            _MENTION_BRAND.c.verdict == bindparam(None, verdict, literal_execute=True),
            # until it is known whether somebody said the same before, it waits
            _MENTION.c.story_id.is_not(None),
            tuple_(_MENTION_BRAND.c.mention_id, _MENTION_BRAND.c.brand_id)
            > tuple_(mention_id, brand_id),
        )
        .order_by(_MENTION_BRAND.c.mention_id, _MENTION_BRAND.c.brand_id)
    )


def _flag_times(
    connection: Connection, author_ids: Iterable[int]
) -> dict[tuple[int, str], list[datetime]]:
    times: dict[tuple[int, str], list[datetime]] = defaultdict(list)
    for some in chunks(sorted(author_ids)):
        for row in connection.execute(
            select(_FLAG.c.author_id, _FLAG.c.brand_id, _FLAG.c.published_at).where(
                _FLAG.c.author_id.in_(some)
            )
        ):
            times[(row.author_id, row.brand_id)].append(row.published_at)
    return times


def _flagged_stories(connection: Connection, story_ids: Iterable[int]) -> set[tuple[int, str]]:
    """Those stories, each with the brand, of which a mention has been flagged."""
    found: set[tuple[int, str]] = set()
    for some in chunks(sorted(story_ids)):
        rows = connection.execute(
            select(_FLAG.c.story_id, _FLAG.c.brand_id).where(_FLAG.c.story_id.in_(some))
        )
        found.update((row.story_id, row.brand_id) for row in rows)
    return found


def _heard(
    row: Any,
    known: Mapping[str, Any],
    times: Mapping[tuple[int, str], list[datetime]],
    told: Collection[tuple[int, str]],
) -> ClassifiedMention:
    before = times.get((row.author_id, row.brand_id), [])
    since = row.published_at - REPEAT_WITHIN
    return ClassifiedMention(
        mention_id=row.mention_id,
        brand=known[row.brand_id],
        author_id=row.author_id,
        handle=row.handle,
        source=row.source,
        followers=row.followers,
        engagement=Engagement(shares=row.shares, likes=row.likes, replies=row.replies),
        published_at=row.published_at,
        repost=row.repost_of is not None,
        own=row.own,
        model_id=row.model_id,
        scores=Scores(
            negative=row.negative,
            neutral=row.neutral,
            positive=row.positive,
            could_not_tell=row.could_not_tell,
            language=row.language,
        ),
        corrected=Sentiment(row.sentiment) if row.corrected else None,
        earlier_complaints=sum(since <= at < row.published_at for at in before),
        rating=ratings.from_row(row),
        story_id=row.story_id,
        copy=(row.story_id, row.brand_id) in told,
    )


def save_verdicts(connection: Connection, verdicts: Iterable[tuple[int, str, Verdict]]) -> None:
    """Write down why mentions were not flagged; a mention flagged meanwhile stays flagged."""
    grouped: dict[tuple[str, Verdict], list[int]] = defaultdict(list)
    for mention_id, brand_id, verdict in verdicts:
        grouped[(brand_id, verdict)].append(mention_id)
    for (brand_id, verdict), ids in grouped.items():
        for some in chunks(ids):
            connection.execute(
                update(_MENTION_BRAND)
                .where(
                    _MENTION_BRAND.c.brand_id == brand_id,
                    _MENTION_BRAND.c.mention_id.in_(some),
                    _MENTION_BRAND.c.verdict != Verdict.FLAGGED.value,
                )
                .values(verdict=verdict.value)
            )


def save_flag(
    connection: Connection, flag: Flag, heard: ClassifiedMention, rules: CaseRules
) -> FlaggedCase | None:
    """Keep one flag, of what was ``heard``, and open or extend its author's case; None when it
    was kept before."""
    mention_id, published_at = flag.mention_ids[0], heard.published_at
    claimed = connection.execute(
        update(_MENTION_BRAND)
        .where(
            _MENTION_BRAND.c.mention_id == mention_id,
            _MENTION_BRAND.c.brand_id == flag.brand_id,
            _MENTION_BRAND.c.verdict != Verdict.FLAGGED.value,
        )
        .values(verdict=Verdict.FLAGGED.value)
    ).rowcount
    if not claimed:
        return None
    case = connection.execute(
        select(
            _CASE.c.id,
            _CASE.c.status,
            _CASE.c.assignee,
            _CASE.c.priority,
            _CASE.c.due_at,
            _CASE.c.complained_at,
            _CASE.c.last_at,
            _CASE.c.first_contact_at,
        ).where(
            _CASE.c.brand_id == flag.brand_id,
            _CASE.c.author_id == flag.author_id,
            IS_OPEN,
        )
    ).one_or_none()
    if case is None:
        kept = _open_case(connection, flag, published_at, rules)
    else:
        kept = _extend_case(connection, flag, published_at, rules, case)
    insert_new(connection, FlagRow, [_flag_row(flag, heard, kept.case_id)])
    return kept


def _open_case(
    connection: Connection, flag: Flag, published_at: datetime, rules: CaseRules
) -> FlaggedCase:
    priority = rules.priority([flag.severity])
    row = {
        "brand_id": flag.brand_id,
        "author_id": flag.author_id,
        "status": INITIAL.value,
        "priority": priority,
        "due_at": rules.due_at(priority, flag.at),
        "complained_at": published_at,
        "opened_at": flag.at,
        "last_at": published_at,
        "complaints": 1,
        "version": 1,
    }
    (row,) = row_ids.with_unused_ids(connection, _CASE, [row])
    case_id: int = connection.execute(_CASE.insert().values(row)).inserted_primary_key[0]  # type: ignore[index]
    _event(connection, case_id, "opened", flag)
    return FlaggedCase(
        flag=flag, case_id=case_id, opened=True, priority_before=0, priority=priority
    )


def _extend_case(
    connection: Connection, flag: Flag, published_at: datetime, rules: CaseRules, case: Any
) -> FlaggedCase:
    severities = connection.execute(
        select(_FLAG.c.severity).where(_FLAG.c.case_id == case.id)
    ).scalars()
    priority = rules.priority([*severities, flag.severity])
    contact_at = case.first_contact_at
    is_earlier = contact_at is not None and published_at <= contact_at
    action = Action.COMPLAIN_EARLIER if is_earlier else Action.COMPLAIN
    change = TRANSITIONS[CaseStatus(case.status), action]
    due_at = rules.due_at(priority, flag.at)
    if change.clock is not DueClock.RESTART:
        due_at = min(case.due_at, due_at)
    connection.execute(
        update(_CASE)
        .where(_CASE.c.id == case.id)
        .values(
            status=change.status_for(is_assigned=bool(case.assignee)).value,
            priority=priority,
            due_at=due_at,
            complained_at=min(case.complained_at, published_at),
            last_at=max(case.last_at, published_at),
            complaints=_CASE.c.complaints + 1,
            version=_CASE.c.version + 1,
        )
    )
    _event(connection, case.id, action.event, flag)
    return FlaggedCase(
        flag=flag,
        case_id=case.id,
        opened=False,
        priority_before=case.priority,
        priority=priority,
    )


def _event(connection: Connection, case_id: int, kind: str, flag: Flag) -> None:
    connection.execute(
        _EVENT.insert().values(case_id=case_id, at=flag.at, by=EARFUL, kind=kind, note=flag.reason)
    )


def _flag_row(flag: Flag, heard: ClassifiedMention, case_id: int) -> dict[str, Any]:
    evidence = asdict(flag.evidence) | {"priority_parts": dict(flag.evidence.priority_parts)}
    return {
        "mention_id": flag.mention_ids[0],
        "brand_id": flag.brand_id,
        "author_id": flag.author_id,
        "case_id": case_id,
        "rule": flag.rule,
        "severity": flag.severity,
        "reason": flag.reason,
        "evidence": evidence,
        "published_at": heard.published_at,
        "at": flag.at,
        "story_id": heard.story_id,
    }
