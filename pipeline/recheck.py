"""Ask platforms about stored posts: edits are judged again, deletions are followed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from earful.clock import Clock, PlannedWait
from earful.contracts import BadItem, Checker, Doubtful, Listener, Permanent, Transient
from earful.types import Batch, Brand, Query
from outreach.words import count
from pipeline.backoff import backoff, requested_wait
from pipeline.brand_attribution import BrandAttribution
from storage.collecting import ingest, rechecks
from storage.collecting.rechecks import DueMention
from storage.database.engine import Database
from storage.database.errors import DatabaseError

log = structlog.get_logger()

# Of one source in one turn: a platform's lookup takes as many in one request.
BATCH_SIZE = 100
_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=6)
# Doubtful replies in a row; with the waits between them nine hours. A platform in trouble may show
# no post for a while, and believing it at once would delete all of them here.
_DOUBTS_TO_BELIEVE = 10

Stop = Callable[[], bool]


@dataclass(slots=True, kw_only=True)
class Rechecked:
    """The result of one turn: posts checked, changed and gone, and queries that failed."""

    checked: int = 0
    changed: int = 0
    gone: int = 0
    failed: int = 0

    @property
    def is_idle(self) -> bool:
        """True when no post was due."""
        return not (self.checked or self.failed)

    def __str__(self) -> str:
        text = f"{self.checked} checked again, {self.changed} changed, {self.gone} gone"
        return text + (f", {count(self.failed, 'query', 'queries')} failed" if self.failed else "")


@dataclass(slots=True)
class Cooldowns:
    """Until when failed queries are skipped, from one turn to the next of one process."""

    _waits: dict[str, PlannedWait] = field(default_factory=dict)
    _failures: dict[str, int] = field(default_factory=dict)
    _logged: dict[str, str] = field(default_factory=dict)
    _doubts: dict[str, int] = field(default_factory=dict)

    def is_ready(self, query_id: str, now: datetime) -> bool:
        """True when the query may be checked."""
        return query_id not in self._waits or self._waits[query_id].is_over(now)

    def clear(self, query_id: str) -> None:
        """Forget the query's failures."""
        for memory in (self._waits, self._failures, self._logged, self._doubts):
            memory.pop(query_id, None)

    def believe(self, query_id: str, error: Exception) -> Batch | None:
        """Return the batch of a Doubtful error once it came ten times in a row, else None."""
        if not isinstance(error, Doubtful):
            return None
        self._doubts[query_id] = self._doubts.get(query_id, 0) + 1
        return error.batch if self._doubts[query_id] >= _DOUBTS_TO_BELIEVE else None

    def start(self, query_id: str, now: datetime, error: Exception) -> None:
        """Skip the query for a while; the same error is logged once."""
        failures = self._failures.get(query_id, 0)
        is_transient = isinstance(error, Transient)
        wait = _wait(failures, error.retry_after) if isinstance(error, Transient) else _LONGEST_WAIT
        self._failures[query_id] = failures + 1
        self._waits[query_id] = PlannedWait(planned_at=now, until=now + wait)
        if self._logged.get(query_id) != str(error):
            self._logged[query_id] = str(error)
            write = log.warning if is_transient else log.error
            write("posts are not checked for now", query=query_id, why=str(error))


def _wait(failures: int, retry_after: float | None) -> timedelta:
    wait = backoff(failures, first=_FIRST_WAIT, longest=_LONGEST_WAIT)
    # "not above 0" holds for NaN too
    if retry_after is None or not retry_after > 0:
        return wait
    return max(wait, requested_wait(retry_after))


@dataclass(slots=True, kw_only=True)
class _Turn:
    """The tools of one turn, and its result."""

    db: Database
    clock: Clock
    listened: Sequence[Brand]
    cooldowns: Cooldowns
    total: Rechecked = field(default_factory=Rechecked)


def recheck(
    db: Database,
    queries: Iterable[Query],
    *,
    clock: Clock,
    listener_for: Callable[[Query], Listener],
    every: timedelta,
    within: timedelta,
    is_billed: Callable[[Query], bool] = lambda _query: False,
    listened: Sequence[Brand] = (),
    cooldowns: Cooldowns | None = None,
    stop: Stop = lambda: False,
) -> Rechecked:
    """Check the posts seen longest ago with each source that can, at most 100 of each.

    Only posts published ``within`` that time are checked, each at most once in ``every``. Where
    every read of the query's account ``is_billed``, each is checked once, and noise never.

    A failed query does not hold up the others: a transient error skips it for a while, a permanent
    one for longer. A Doubtful reply is believed when it came ten times. Any other exception is a
    bug, raised after the other queries.
    """
    turn = _Turn(db=db, clock=clock, listened=listened, cooldowns=cooldowns or Cooldowns())
    now, bugs = clock(), []
    # docs/decisions/collecting.md, "Paid posts are rechecked once": so they are read apart
    for (source, is_billed_once), checkers in _checkers(
        turn, queries, listener_for, is_billed
    ).items():
        due = rechecks.due_mentions(
            db,
            source,
            checkers,
            since=now - within,
            seen_before=now - every,
            now=now,
            limit=BATCH_SIZE,
            at_most_once=is_billed_once,
        )
        for query_id, posts in _by_query(due).items():
            if stop():
                return turn.total
            try:
                _check(turn, *checkers[query_id], posts)
            # of the database, not of the listener
            except DatabaseError:
                raise
            except Exception as bug:  # noqa: BLE001  (raised again below)
                turn.cooldowns.start(query_id, clock(), bug)
                bugs.append(bug)
    if bugs:
        raise ExceptionGroup("listeners failed in ways that they must not", bugs)
    return turn.total


def _checkers(
    turn: _Turn,
    queries: Iterable[Query],
    listener_for: Callable[[Query], Listener],
    is_billed: Callable[[Query], bool],
) -> Mapping[tuple[str, bool], dict[str, tuple[Query, Checker]]]:
    """Return the queries that can be checked now, by id, for each (source, is billed)."""
    now = turn.clock()
    checkers: dict[tuple[str, bool], dict[str, tuple[Query, Checker]]] = defaultdict(dict)
    for query in queries:
        if query.enabled and turn.cooldowns.is_ready(query.id, now):
            listener = listener_for(query)
            if isinstance(listener, Checker):
                checkers[query.source, is_billed(query)][query.id] = (query, listener)
    return checkers


def _by_query(due: Iterable[DueMention]) -> Mapping[str, list[DueMention]]:
    grouped: dict[str, list[DueMention]] = defaultdict(list)
    for post in due:
        grouped[post.query_id].append(post)
    return grouped


def _check(turn: _Turn, query: Query, checker: Checker, posts: Sequence[DueMention]) -> None:
    try:
        batch = checker.recheck(query, [post.mention for post in posts])
    except (Transient, Permanent) as error:
        believed = turn.cooldowns.believe(query.id, error)
        if believed is None:
            turn.total.failed += 1
            turn.cooldowns.start(query.id, turn.clock(), error)
            return
        batch = believed
    except BadItem as error:
        # the bad post is unknown, so all of them wait for their next turn: none blocks the others
        log.warning("an answer could not be read", query=query.id, why=str(error))
        batch = Batch(mentions=(), position=None)
    _store(turn, query, batch, posts)
    turn.total.checked += len(posts)
    turn.cooldowns.clear(query.id)


def _store(turn: _Turn, query: Query, batch: Batch, posts: Sequence[DueMention]) -> None:
    """Store the reply about ``posts``, and that they were checked, in one transaction.

    Other posts in the reply are ignored.
    """
    # a reply about another post would store a mention that no query found
    external_ids = {post.mention.external_id for post in posts}
    batch = replace(
        batch,
        mentions=tuple(
            mention for mention in batch.mentions if mention.external_id in external_ids
        ),
        gone=tuple(post for post in batch.gone if post.external_id in external_ids),
    )
    attribution = BrandAttribution(turn.db, query, turn.listened)
    attribution.add_named_brands(batch)
    mention_ids = [post.mention_id for post in posts]
    stored = ingest.store(turn.db, query, batch, attribution, turn.clock(), checked_ids=mention_ids)
    turn.total.changed += stored.changed
    turn.total.gone += stored.gone
