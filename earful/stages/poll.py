"""Ask every due query's source for what is new, and keep it batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import structlog

from earful.clock import Clock
from earful.contracts import BadItem, Listener, Permanent, Transient
from earful.settings import slug
from earful.stages.backoff import backoff
from earful.types import Batch, Brand, Mention, Query, Rejected
from outreach.rules import own_account
from storage import brands, ingest, polling
from storage.engine import Database

log = structlog.get_logger()

_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=6)
_SOON = timedelta(seconds=30)  # a poll that was cut short goes on after this

Stop = Callable[[], bool]
Progress = Callable[[ingest.Stored], None]


@dataclass(slots=True, kw_only=True)
class Polled:
    """What a round of polling brought, added up over its queries."""

    queries: int = 0
    seen: int = 0
    new: int = 0
    rejected: int = 0
    failed: int = 0

    def add(self, stored: ingest.Stored) -> None:
        """Count one stored batch."""
        self.seen += stored.seen
        self.new += stored.new
        self.rejected += stored.rejected

    def __str__(self) -> str:
        text = f"{self.new} new of {self.seen} mentions from {self.queries} queries"
        text += f", {self.rejected} unreadable" if self.rejected else ""
        return text + (f", {self.failed} failed" if self.failed else "")


def poll(
    db: Database,
    queries: Iterable[Query],
    *,
    clock: Clock,
    listener_for: Callable[[Query], Listener],
    stop: Stop = lambda: False,
) -> Polled:
    """Poll every query that is due. A query's trouble is its own: the others go on.

    Transient trouble is tried again later, permanent trouble pauses the query; what no listener
    may raise is a bug and is raised again, after the query was put off and the rest was polled.
    """
    total, bugs = Polled(), []
    for query in polling.due(db, queries, clock()):
        if stop():
            break
        try:
            _poll_one(db, query, total, clock, listener_for(query), stop)
        except Exception as bug:  # noqa: BLE001  (raised again below)
            _put_off(db, query, f"a bug in the listener: {bug!r}", clock, None)
            bugs.append(bug)
    if bugs:
        raise ExceptionGroup("listeners failed in ways that they must not", bugs)
    return total


def _poll_one(
    db: Database, query: Query, total: Polled, clock: Clock, listener: Listener, stop: Stop
) -> None:
    total.queries += 1
    position = polling.position(db, query.id)
    more = False
    try:
        batches = listener.poll(query, position)
        more = store_all(db, query, batches, clock=clock, total=total, stop=stop)
    except BadItem as error:
        _reject(db, query, position, str(error), total, clock)
    except Transient as error:
        total.failed += 1
        _put_off(db, query, str(error), clock, error.retry_after)
        return
    except Permanent as error:
        total.failed += 1
        log.error("query paused", query=query.id, reason=str(error))
        polling.pause(db, query.id, error=str(error))
        return
    at, wait = clock(), timedelta(seconds=query.every)
    polling.succeeded(db, query.id, at=at, due_at=at + (min(wait, _SOON) if more else wait))


def store_all(
    db: Database,
    query: Query,
    batches: Iterator[Batch],
    *,
    clock: Clock,
    total: Polled,
    stop: Stop = lambda: False,
    progress: Progress = lambda _stored: None,
) -> bool:
    """Keep every batch as it comes; brands that nobody named yet are added with it.

    Gives whether the source has more: its last batch said so, or ``stop`` cut the poll short.
    """
    about, more = Aboutness(db, query), False
    for batch in batches:
        about.learn(batch)
        stored = ingest.store(db, query, batch, about, clock())
        total.add(stored)
        progress(stored)
        more = batch.more
        if stop():
            return True  # between batches nothing is half done; the position says where to go on
    return more


class Aboutness:
    """Says which brands a mention is about, and whether one of their own accounts wrote it."""

    def __init__(self, db: Database, query: Query) -> None:
        self._db = db
        self._query = query
        self._known = brands.every(db)

    def learn(self, batch: Batch) -> None:
        """Store the brands that a batch names and we do not know."""
        names = {name for mention in batch.mentions for name in mention.brands or ()}
        new = [
            Brand(id=slug(name), name=name)
            for name in sorted(names)
            if slug(name) not in self._known
        ]
        if new:
            brands.add_missing(self._db, {brand.id: brand for brand in new}.values())
            self._known = brands.every(self._db)

    def __call__(self, mention: Mention) -> Iterator[tuple[str, bool]]:
        """Each brand's id with True when the author is that brand's own account."""
        if mention.brands is None:
            ids: Iterable[str] = (self._query.brand_id,)
        else:
            ids = {slug(name) for name in mention.brands}
        for brand_id in ids:
            brand = self._known[brand_id]
            yield brand_id, own_account(brand, mention.source, mention.author.handle)


def _put_off(
    db: Database, query: Query, error: str, clock: Clock, retry_after: float | None
) -> None:
    failures = polling.failures(db, query.id)
    wait = backoff(failures, first=_FIRST_WAIT, most=_LONGEST_WAIT, said=retry_after)
    log.warning("query put off", query=query.id, seconds=round(wait.total_seconds()), why=error)
    polling.failed(db, query.id, due_at=clock() + wait, error=error)


def _reject(
    db: Database, query: Query, position: str | None, reason: str, total: Polled, clock: Clock
) -> None:
    """A listener gave up on one item by raising: keep the reason, leave the position alone."""
    stays = polling.position(db, query.id) or position
    batch = Batch(mentions=(), position=stays, rejected=(Rejected(where="item", reason=reason),))
    total.add(ingest.store(db, query, batch, lambda _mention: (), clock()))
