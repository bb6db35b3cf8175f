"""Ask platforms what became of posts that are stored: edits are judged anew, deletions followed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast

import structlog

from earful.clock import Clock
from earful.contracts import BadItem, Checker, Doubtful, Listener, Permanent, Transient
from earful.types import Batch, Brand, Query
from outreach.words import count
from pipeline.backoff import as_said, backoff
from pipeline.brand_attribution import Aboutness
from storage.collecting import ingest, rechecks
from storage.collecting.rechecks import DueMention
from storage.database.engine import Database

log = structlog.get_logger()

AT_ONCE = 100  # of one source in one turn: what a platform's lookup takes in one request
_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=6)
_BELIEVED = 10  # doubtful answers in a row: with the waits between them nine hours

Stop = Callable[[], bool]


@dataclass(slots=True, kw_only=True)
class Rechecked:
    """What a turn of asking again came to."""

    asked: int = 0
    changed: int = 0
    gone: int = 0
    failed: int = 0

    def __str__(self) -> str:
        text = f"{self.asked} asked about again, {self.changed} changed, {self.gone} gone"
        return text + (f", {count(self.failed, 'query', 'queries')} failed" if self.failed else "")


@dataclass(slots=True)
class Waits:
    """Until when queries are not asked again, from one turn to the next of one process."""

    _until: dict[str, datetime] = field(default_factory=dict)
    _failures: dict[str, int] = field(default_factory=dict)
    _said: dict[str, str] = field(default_factory=dict)
    _doubts: dict[str, int] = field(default_factory=dict)

    def ready(self, query_id: str, now: datetime) -> bool:
        """True when the query may be asked."""
        return query_id not in self._until or self._until[query_id] <= now

    def worked(self, query_id: str) -> None:
        """Forget what went wrong with it."""
        for one in (self._until, self._failures, self._said, self._doubts):
            one.pop(query_id, None)

    def believed(self, query_id: str, error: Exception) -> Batch | None:
        """What a doubtful answer would mean, when it came so often that it is to be believed."""
        if not isinstance(error, Doubtful):
            return None
        self._doubts[query_id] = self._doubts.get(query_id, 0) + 1
        return error.batch if self._doubts[query_id] >= _BELIEVED else None

    def put_off(self, query_id: str, now: datetime, error: Exception) -> None:
        """Ask again later; the same trouble is said once."""
        failures = self._failures.get(query_id, 0)
        permanent = not isinstance(error, Transient)
        wait = _LONGEST_WAIT if permanent else _wait(failures, cast(Transient, error).retry_after)
        self._failures[query_id] = failures + 1
        self._until[query_id] = now + wait
        if self._said.get(query_id) != str(error):
            self._said[query_id] = str(error)
            say = log.error if permanent else log.warning
            say("not asked again about its posts for now", query=query_id, why=str(error))


def _wait(failures: int, said: float | None) -> timedelta:
    wait = backoff(failures, first=_FIRST_WAIT, most=_LONGEST_WAIT)
    return max(wait, as_said(said)) if said is not None and said > 0 else wait


@dataclass(slots=True, kw_only=True)
class _Turn:
    """One turn's tools and what it came to."""

    db: Database
    clock: Clock
    listened: Sequence[Brand]
    waits: Waits
    total: Rechecked = field(default_factory=Rechecked)


def recheck(
    db: Database,
    queries: Iterable[Query],
    *,
    clock: Clock,
    listener_for: Callable[[Query], Listener],
    every: timedelta,
    within: timedelta,
    billed: Callable[[Query], bool] = lambda _query: False,
    listened: Sequence[Brand] = (),
    waits: Waits | None = None,
    stop: Stop = lambda: False,
) -> Rechecked:
    """Ask each source that can tell about the posts seen longest ago, at most 100 of each.

    Only posts published ``within`` that time, each at most once in ``every``; where a platform
    has the query's account ``billed`` for every read, each once and no noise. A query's trouble is
    its own: transient trouble puts it off, permanent trouble too and longer, and what is Doubtful
    is believed when it was said ten times. What no listener may
    raise is a bug and is raised again, after the rest was asked.
    """
    turn = _Turn(db=db, clock=clock, listened=listened, waits=waits or Waits())
    now, bugs = clock(), []
    checkers: dict[tuple[str, bool], dict[str, tuple[Query, Checker]]] = defaultdict(dict)
    for query in queries:
        if query.enabled and turn.waits.ready(query.id, now):
            listener = listener_for(query)
            if isinstance(listener, Checker):
                place = query.source, billed(query)
                checkers[place][query.id] = (query, listener)
    for (source, once), asked in checkers.items():
        found = rechecks.due_mentions(
            db,
            source,
            asked,
            since=now - within,
            seen_before=now - every,
            limit=AT_ONCE,
            once=once,
        )
        for query_id, some in _by_query(found).items():
            if stop():
                return turn.total
            try:
                _ask(turn, *asked[query_id], some)
            except Exception as bug:  # noqa: BLE001  (raised again below)
                turn.waits.put_off(query_id, clock(), bug)
                bugs.append(bug)
    if bugs:
        raise ExceptionGroup("listeners failed in ways that they must not", bugs)
    return turn.total


def _by_query(found: Iterable[DueMention]) -> Mapping[str, list[DueMention]]:
    grouped: dict[str, list[DueMention]] = defaultdict(list)
    for one in found:
        grouped[one.query_id].append(one)
    return grouped


def _ask(turn: _Turn, query: Query, checker: Checker, asked: Sequence[DueMention]) -> None:
    try:
        batch = checker.recheck(query, [one.mention for one in asked])
    except (Transient, Permanent) as error:
        believed = turn.waits.believed(query.id, error)
        if believed is None:
            turn.total.failed += 1
            turn.waits.put_off(query.id, turn.clock(), error)
            return
        batch = believed
    except BadItem as error:
        # which one it was is not known: all of them wait their turn, so that none blocks the rest
        log.warning("an answer could not be read", query=query.id, why=str(error))
        batch = Batch(mentions=(), position=None)
    _keep(turn, query, batch, asked)
    turn.total.asked += len(asked)
    turn.waits.worked(query.id)


def _keep(turn: _Turn, query: Query, batch: Batch, asked: Sequence[DueMention]) -> None:
    """Store what was said of the posts that were asked about, and of no others; with it, in one
    transaction, that they were asked about."""
    known = {one.mention.external_id for one in asked}
    batch = replace(
        batch,
        mentions=tuple(one for one in batch.mentions if one.external_id in known),
        gone=tuple(one for one in batch.gone if one.external_id in known),
    )
    about = Aboutness(turn.db, query, turn.listened)
    about.learn(batch)
    numbers = [one.mention_id for one in asked]
    stored = ingest.store(turn.db, query, batch, about, turn.clock(), checked_ids=numbers)
    turn.total.changed += stored.changed
    turn.total.gone += stored.gone
