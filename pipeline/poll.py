"""Poll the source of every due query, and store each batch as it comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta

import structlog

from earful.clock import Clock
from earful.contracts import BadItem, Listener, Permanent, Spent, Transient
from earful.enums import GapKind
from earful.types import Batch, Brand, Query, Rejected
from outreach.words import count
from pipeline.account_locks import AccountLocks, Stop, run_parallel
from pipeline.backoff import backoff, requested_wait
from pipeline.brand_attribution import BrandAttribution
from pipeline.budget_notice import queue_notice
from pipeline.flag import AlertPolicy
from pipeline.poll_progress import PollProgress
from storage.collecting import ingest, polling, query_position
from storage.collecting.spending import account_of
from storage.database.engine import Database
from storage.database.errors import DatabaseError

log = structlog.get_logger()

# A restarting server is back in a minute; a broken one is not asked more than four times a day.
_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=6)
# Until a poll that was cut short goes on: other queries of the account come first.
_UNFINISHED_WAIT = timedelta(seconds=30)

Progress = Callable[[ingest.IngestCounts], None]


@dataclass(slots=True, kw_only=True)
class Polled:
    """The result of a round of polling, added up over its queries."""

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
    repeated: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    assumed: Counter[str] = field(default_factory=Counter)

    @property
    def is_idle(self) -> bool:
        """True when no query brought or lost anything, failed, or waits for a budget."""
        return not (self.seen or self.gone or self.rejected or self.failed or self.waiting)

    def add(self, stored: ingest.IngestCounts) -> None:
        """Count one stored batch."""
        self.seen += stored.seen
        self.new += stored.new
        self.noise += stored.noise
        self.rejected += stored.rejected
        self.changed += stored.changed
        self.gone += stored.gone
        self.repeated += stored.repeated

    def merge(self, polled: Polled) -> None:
        """Add the result of another account."""
        for number in fields(self):
            setattr(self, number.name, getattr(self, number.name) + getattr(polled, number.name))

    def __str__(self) -> str:
        text = f"{self.new:,} new of {count(self.seen, 'mention')}"
        text += f" from {count(self.queries, 'query', 'queries')}"
        text += f", {self.noise} of them noise" if self.noise else ""
        text += f", {self.rejected} unreadable" if self.rejected else ""
        text += f", {self.changed} changed" if self.changed else ""
        text += f", {self.gone} gone" if self.gone else ""
        text += f", {self.repeated:,} said again" if self.repeated else ""
        if self.left_out:
            text += f", {self.left_out.total():,} left out ({_top(self.left_out)})"
        text += f", assumed: {_top(self.assumed)}" if self.assumed else ""
        text += f", {self.waiting} wait for a limit or budget" if self.waiting else ""
        text += f", {self.overtaken} polled by another process" if self.overtaken else ""
        return text + (f", {self.failed} failed" if self.failed else "")


def _top(reasons: Counter[str]) -> str:
    return ", ".join(f"{number:,} × {why}" for why, number in reasons.most_common(3))


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
    """Poll every query that is due. A failed query does not hold up the others.

    1. Group the due queries by account.
    2. Poll the accounts side by side, and the queries of one account one after the other. Rounds
       that share ``account_locks`` skip an account that another round is polling.
    3. Store each batch, and attribute its mentions to the query's brand and those of ``listened``.
    4. On a Transient error try again later. On a Permanent one pause the query. When a budget is
       spent, wait, and notify the channels of ``alert_policy`` once a day.
    5. Any other exception is a bug: put the query off, poll the others, then raise it.
    """
    by_account: dict[str, list[Query]] = {}
    for query in polling.due_queries(db, queries, clock()):
        by_account.setdefault(account_of(query), []).append(query)
    # docs/decisions/collecting.md, "Accounts are polled side by side": the order within an account
    # keeps its limits, and a slow platform delays its own queries alone
    shared_locks = account_locks or AccountLocks()
    rounds = [
        _AccountRound(
            db=db,
            clock=clock,
            account=account,
            queries=account_queries,
            listener_for=listener_for,
            listened=listened,
            alert_policy=alert_policy,
            account_locks=shared_locks,
        )
        for account, account_queries in by_account.items()
    ]
    run_parallel([account_round.run for account_round in rounds], stop)
    # after all accounts: one broken listener must not keep the others from being polled
    bugs = [bug for account_round in rounds for bug in account_round.bugs]
    if bugs:
        raise ExceptionGroup("listeners failed in ways that they must not", bugs)
    total = Polled()
    for account_round in rounds:
        total.merge(account_round.total)
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class _AccountRound:
    """One round of polling one account in a thread of its own, and its result."""

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
        """Poll the queries one after the other, unless another round holds the account."""
        with self.account_locks.try_lock(self.account) as is_ours:
            # looked up again: another round may have polled them while this one waited its turn
            for query in (
                polling.due_queries(self.db, self.queries, self.clock()) if is_ours else ()
            ):
                if stop():
                    return
                try:
                    self.poll(query, self.listener_for(query), stop)
                # docs/decisions/collecting.md, "A position moves only from where its poll began":
                # the other process stores the remaining posts
                except query_position.PositionConflict:
                    self.total.overtaken += 1
                    log.info("polled by another process", query=query.id)
                # of the database, not of the listener
                except DatabaseError:
                    raise
                except Exception as bug:  # noqa: BLE001  (raised again by poll)
                    self.retry_later(query, f"a bug in the listener: {bug!r}")
                    self.bugs.append(bug)

    def poll(self, query: Query, listener: Listener, stop: Stop) -> None:
        """Poll one query, and set when it is due again."""
        self.total.queries += 1
        position = polling.read_position(self.db, query.id)
        has_more = False
        poll_progress = PollProgress(self.clock())
        try:
            has_more = store_all(
                self.db,
                query,
                poll_progress.watch(listener.poll(query, position)),
                after=position,
                clock=self.clock,
                total=self.total,
                listened=self.listened,
                stop=stop,
                progress=poll_progress.note_stored,
            )
        except BadItem as error:
            self._reject(query, str(error))
        except Spent as error:
            self._wait(query, error)
            return
        except Transient as error:
            self.total.failed += 1
            self.retry_later(
                query, str(error), error.retry_after, made_progress=poll_progress.is_made
            )
            return
        except Permanent as error:
            self.total.failed += 1
            log.error("query paused", query=query.id, reason=str(error))
            polling.pause(self.db, query.id, error=str(error))
            return
        at, wait = self.clock(), timedelta(seconds=query.every)
        due_at = at + (min(wait, _UNFINISHED_WAIT) if has_more else wait)
        polling.record_success(self.db, query.id, at=at, due_at=due_at)

    def retry_later(
        self,
        query: Query,
        error: str,
        retry_after: float | None = None,
        *,
        made_progress: bool = False,
    ) -> None:
        """Try again after ``retry_after`` seconds; without it, after growing waits.

        A poll that ``made_progress`` before it failed restarts the count of failures: a platform
        that fails one request in eight is read to its end within minutes.
        """
        if retry_after is not None and retry_after > 0:  # above 0 excludes NaN
            # no sooner than after a failure without a Retry-After
            wait = requested_wait(max(retry_after, _FIRST_WAIT.total_seconds()))
        else:
            failures = 0 if made_progress else polling.count_failures(self.db, query.id)
            wait = backoff(failures, first=_FIRST_WAIT, longest=_LONGEST_WAIT)
        _log_wait(query, wait, error)
        at = self.clock()
        polling.record_failure(
            self.db, query.id, at=at, due_at=at + wait, error=error, is_first=made_progress
        )

    def _wait(self, query: Query, spent: Spent) -> None:
        """Wait for a limit or budget: no failure, but people are notified of a budget."""
        self.total.waiting += 1
        wait = _FIRST_WAIT if spent.retry_after is None else requested_wait(spent.retry_after)
        at = self.clock()
        resumes_at = at + wait
        _log_wait(query, wait, str(spent))
        if self.alert_policy is not None and spent.kind is GapKind.BUDGET:
            # before the wait is stored: after a kill in between, the next poll repeats this step,
            # and the notice's key keeps it single
            queue_notice(
                self.db,
                query,
                spent,
                now=at,
                resumes_at=resumes_at,
                alert_policy=self.alert_policy,
            )
        polling.postpone(self.db, query.id, at=at, due_at=resumes_at, error=str(spent))

    def _reject(self, query: Query, reason: str) -> None:
        """Store the reason of an item that the listener raised; the position stays."""
        position = polling.read_position(self.db, query.id)
        rejected = (Rejected(where="item", reason=reason),)
        batch = Batch(mentions=(), position=position, rejected=rejected)
        self.total.add(
            ingest.store(self.db, query, batch, lambda _mention: (), self.clock(), after=position)
        )


def store_all(
    db: Database,
    query: Query,
    batches: Iterator[Batch],
    *,
    clock: Clock,
    total: Polled,
    after: str | query_position.AnyPosition | None = query_position.ANY_POSITION,
    listened: Sequence[Brand] = (),
    stop: Stop = lambda: False,
    progress: Progress = lambda _stored: None,
) -> bool:
    """Store every batch as it comes, with the new brands that it names; True when more is left.

    ``after`` is the position that the first batch starts from. Raises PositionConflict when another
    process has moved the query on. More is left when the last batch says so, or ``stop`` ended
    the poll early.
    """
    attribution, has_more = BrandAttribution(db, query, listened), False
    for batch in batches:
        attribution.add_named_brands(batch)
        stored = ingest.store(db, query, batch, attribution, clock(), after=after)
        after = batch.position if after is not query_position.ANY_POSITION else after
        total.add(stored)
        total.left_out.update(batch.left_out)
        total.assumed.update(batch.assumed)
        progress(stored)
        has_more = batch.more
        if stop():
            # between batches nothing is half done, and the position is stored
            return True
    return has_more


def _log_wait(query: Query, wait: timedelta, reason: str) -> None:
    log.warning("query put off", query=query.id, seconds=round(wait.total_seconds()), why=reason)
