"""Ask every due query's source for what is new, and keep it batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta

import structlog

from earful.clock import Clock
from earful.contracts import BadItem, Listener, Permanent, Spent, Transient
from earful.enums import GapKind
from earful.types import Batch, Brand, Query, Rejected
from outreach.words import count
from pipeline.account_locks import AccountLocks, Stop, run
from pipeline.backoff import as_said, backoff
from pipeline.brand_attribution import Aboutness
from pipeline.budget_notice import queue_notice
from pipeline.flag import AlertPolicy
from storage.collecting import ingest, polling
from storage.collecting.spending import account_of
from storage.database.engine import Database

log = structlog.get_logger()

_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=6)
_SOON = timedelta(seconds=30)  # a poll that was cut short goes on after this

Progress = Callable[[ingest.IngestCounts], None]


@dataclass(slots=True, kw_only=True)
class Polled:
    """What a round of polling brought, added up over its queries."""

    queries: int = 0
    seen: int = 0
    new: int = 0
    noise: int = 0
    rejected: int = 0
    changed: int = 0
    gone: int = 0
    failed: int = 0
    waiting: int = 0
    overtaken: int = 0

    def add(self, stored: ingest.IngestCounts) -> None:
        """Count one stored batch."""
        self.seen += stored.seen
        self.new += stored.new
        self.noise += stored.noise
        self.rejected += stored.rejected
        self.changed += stored.changed
        self.gone += stored.gone

    def merge(self, other: Polled) -> None:
        """Add what another account brought."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    def __str__(self) -> str:
        text = f"{self.new:,} new of {count(self.seen, 'mention')}"
        text += f" from {count(self.queries, 'query', 'queries')}"
        text += f", {self.noise} of them noise" if self.noise else ""
        text += f", {self.rejected} unreadable" if self.rejected else ""
        text += f", {self.changed} changed" if self.changed else ""
        text += f", {self.gone} gone" if self.gone else ""
        text += f", {self.waiting} wait for a limit or budget" if self.waiting else ""
        text += f", {self.overtaken} polled by another process" if self.overtaken else ""
        return text + (f", {self.failed} failed" if self.failed else "")


def poll(
    db: Database,
    queries: Iterable[Query],
    *,
    clock: Clock,
    listener_for: Callable[[Query], Listener],
    listened: Sequence[Brand] = (),
    alert_policy: AlertPolicy | None = None,
    account_locks: AccountLocks | None = None,
    stop: Stop = lambda: False,
) -> Polled:
    """Poll every query that is due. A query's trouble is its own: the others go on.

    Accounts are asked side by side, the queries of one account one after the other. Those that
    another round is busy with are left to it, when both were given the same ``account_locks``.
    What a query finds may name other brands than its own: those of ``listened`` are looked for.

    Transient trouble is tried again later, permanent trouble pauses the query; what no listener
    may raise is a bug and is raised again, after the query was put off and the rest was polled.
    An account that stops at its budget is told to the channels of ``alert_policy``, once a day.
    """
    by_account: dict[str, list[Query]] = {}
    for query in polling.due_queries(db, queries, clock()):
        by_account.setdefault(account_of(query), []).append(query)
    shared = account_locks or AccountLocks()
    rounds = [
        _Round(
            db=db,
            clock=clock,
            account=account,
            queries=asked,
            listener_for=listener_for,
            listened=listened,
            alert_policy=alert_policy,
            account_locks=shared,
        )
        for account, asked in by_account.items()
    ]
    run([one.run for one in rounds], stop)
    bugs = [bug for one in rounds for bug in one.bugs]
    if bugs:
        raise ExceptionGroup("listeners failed in ways that they must not", bugs)
    total = Polled()
    for one in rounds:
        total.merge(one.total)
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """One round of polling one account, in a thread of its own, and what it came to."""

    db: Database
    clock: Clock
    account: str
    queries: Sequence[Query]
    listener_for: Callable[[Query], Listener]
    listened: Sequence[Brand]
    alert_policy: AlertPolicy | None
    account_locks: AccountLocks
    total: Polled = field(default_factory=Polled)
    bugs: list[Exception] = field(default_factory=list)

    def run(self, stop: Stop) -> None:
        """Poll the queries one after the other, unless somebody else is at this account."""
        with self.account_locks.enter(self.account) as free:
            # looked up again: while we waited our turn another round may have polled them
            for query in polling.due_queries(self.db, self.queries, self.clock()) if free else ():
                if stop():
                    return
                try:
                    self.poll(query, self.listener_for(query), stop)
                except ingest.PositionConflict:  # what it has not kept, the other meets or has met
                    self.total.overtaken += 1
                    log.info("polled by another process", query=query.id)
                except Exception as bug:  # noqa: BLE001  (raised again by poll)
                    self.put_off(query, f"a bug in the listener: {bug!r}")
                    self.bugs.append(bug)

    def poll(self, query: Query, listener: Listener, stop: Stop) -> None:
        """Poll one query, and say when it is due again."""
        self.total.queries += 1
        position = polling.read_position(self.db, query.id)
        more = False
        try:
            more = store_all(
                self.db,
                query,
                listener.poll(query, position),
                after=position,
                clock=self.clock,
                total=self.total,
                listened=self.listened,
                stop=stop,
            )
        except BadItem as error:
            self._reject(query, str(error))
        except Spent as error:
            self._wait(query, error)
            return
        except Transient as error:
            self.total.failed += 1
            self.put_off(query, str(error), error.retry_after)
            return
        except Permanent as error:
            self.total.failed += 1
            log.error("query paused", query=query.id, reason=str(error))
            polling.pause(self.db, query.id, error=str(error))
            return
        at, wait = self.clock(), timedelta(seconds=query.every)
        due_at = at + (min(wait, _SOON) if more else wait)
        polling.record_success(self.db, query.id, at=at, due_at=due_at)

    def put_off(self, query: Query, error: str, retry_after: float | None = None) -> None:
        """Try again as long after as was said, or ever later when nothing was."""
        if retry_after is not None and retry_after > 0:  # not when it is no number
            # no more often than after a failure that says nothing
            wait = as_said(max(retry_after, _FIRST_WAIT.total_seconds()))
        else:
            failures = polling.count_failures(self.db, query.id)
            wait = backoff(failures, first=_FIRST_WAIT, most=_LONGEST_WAIT)
        _log_wait(query, wait, error)
        polling.record_failure(self.db, query.id, due_at=self.clock() + wait, error=error)

    def _wait(self, query: Query, why: Spent) -> None:
        """A limit or budget is used up: nothing is wrong, but people are told of a budget."""
        self.total.waiting += 1
        wait = _FIRST_WAIT if why.retry_after is None else as_said(why.retry_after)
        goes_on = self.clock() + wait
        _log_wait(query, wait, str(why))
        if self.alert_policy is not None and why.kind is GapKind.BUDGET:
            # told first: killed in between, it is asked again, and told once all the same
            queue_notice(
                self.db,
                query,
                why,
                now=self.clock(),
                resumes_at=goes_on,
                alert_policy=self.alert_policy,
            )
        polling.postpone(self.db, query.id, due_at=goes_on, error=str(why))

    def _reject(self, query: Query, reason: str) -> None:
        """A listener gave up on one item by raising: keep the reason, leave the position alone."""
        stays = polling.read_position(self.db, query.id)
        rejected = (Rejected(where="item", reason=reason),)
        batch = Batch(mentions=(), position=stays, rejected=rejected)
        stored = ingest.store(self.db, query, batch, lambda _mention: (), self.clock(), after=stays)
        self.total.add(stored)


def store_all(
    db: Database,
    query: Query,
    batches: Iterator[Batch],
    *,
    clock: Clock,
    total: Polled,
    after: str | ingest.AnyPosition | None = ingest.ANY_POSITION,
    listened: Sequence[Brand] = (),
    stop: Stop = lambda: False,
    progress: Progress = lambda _stored: None,
) -> bool:
    """Keep every batch as it comes; brands that nobody named yet are added with it.

    ``after``: the position that the first comes from; raises PositionConflict when another
    process moved the query on. Gives whether the source has more: its last batch said so, or
    ``stop`` cut the poll short.
    """
    about, more = Aboutness(db, query, listened), False
    for batch in batches:
        about.learn(batch)
        stored = ingest.store(db, query, batch, about, clock(), after=after)
        after = batch.position if after is not ingest.ANY_POSITION else after
        total.add(stored)
        progress(stored)
        more = batch.more
        if stop():
            return True  # between batches nothing is half done; the position says where to go on
    return more


def _log_wait(query: Query, wait: timedelta, why: str) -> None:
    log.warning("query put off", query=query.id, seconds=round(wait.total_seconds()), why=why)
