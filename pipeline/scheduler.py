"""Which stage runs when. One process leads; others stand by until it is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from outreach.words import count
from pipeline.account_locks import AccountLocks
from pipeline.app import App
from pipeline.classify import classify
from pipeline.deliver import deliver
from pipeline.digest import digest
from pipeline.flag import flag
from pipeline.poll import poll
from pipeline.recheck import Waits, recheck
from storage.collecting import polling
from storage.database.engine import DatabaseError
from storage.database.leader import LeaderLock

log = structlog.get_logger()

_POLL_TICK = timedelta(seconds=2)  # how often we look whether a query is due, not how often we ask
_POLL_ROUNDS = 4  # at the same time: while a slow account is polled the others come round again
_DIGEST_TICK = timedelta(minutes=1)
_RECHECK_TICK = timedelta(minutes=5)  # 100 posts of each source: 28,800 a day
_STANDBY = 5.0  # seconds between tries for the lead
_QUIET = timedelta(minutes=5)  # an idle stage is written down no more often than this


class Stages:
    """The stages of a house as functions without arguments that say what they did, or ""."""

    def __init__(self, app: App, stop: threading.Event) -> None:
        self._app = app
        self._stop = stop
        self._classifier = app.classifier()
        self._notifiers = app.notifiers()
        self._account_locks = AccountLocks()
        self._waits = Waits()

    def poll(self) -> str:
        """Ask the sources that are due."""
        app = self._app
        found = poll(
            app.db,
            app.queries,
            clock=app.clock,
            listener_for=app.listener,
            listened=app.brands,
            alert_policy=app.alert_policy,
            account_locks=self._account_locks,
            stop=self._stop.is_set,
        )
        came = found.seen or found.gone or found.rejected
        return str(found) if came or found.failed or found.waiting else ""

    def classify(self) -> str:
        """Classify what the model has not read."""
        done = classify(
            self._app.db, self._classifier, clock=self._app.clock, stop=self._stop.is_set
        )
        return f"{done} classified" if done else ""

    def flag(self) -> str:
        """Judge what has no verdict."""
        app = self._app
        found = flag(
            app.db,
            app.rules,
            clock=app.clock,
            alert_policy=app.alert_policy,
            stop=self._stop.is_set,
        )
        return str(found) if found.judged else ""

    def recheck(self) -> str:
        """Ask again about stored posts."""
        app = self._app
        found = recheck(
            app.db,
            app.queries,
            clock=app.clock,
            listener_for=app.listener,
            every=app.settings.schedule.recheck,
            within=app.settings.schedule.recheck_within,
            billed=app.is_billed,
            listened=app.brands,
            waits=self._waits,
            stop=self._stop.is_set,
        )
        return str(found) if found.asked or found.failed else ""

    def deliver(self) -> str:
        """Send what is due."""
        found = deliver(
            self._app.db, self._notifiers, clock=self._app.clock, stop=self._stop.is_set
        )
        return str(found) if found.sent or found.put_off or found.dead else ""

    def digest(self) -> str:
        """Queue digests whose hour has passed."""
        app = self._app
        queued = digest(
            app.db,
            app.settings.digest,
            app.rules,
            queries=app.queries,
            timezone=app.timezone,
            clock=app.clock,
        )
        return f"{count(queued, 'digest')} queued" if queued else ""


def run(app: App, stop: threading.Event) -> None:
    """Lead the schedule until ``stop`` is set; stand by while another process leads.

    Ends cleanly: a stage that is at work finishes its batch first.
    """
    leader = LeaderLock(app.db)
    said = False
    while not stop.is_set():
        try:
            leads = leader.acquire()
        except DatabaseError as error:  # it may be back in a moment
            log.error("no lead without the database", why=str(error))
            stop.wait(_STANDBY)
            continue
        if not leads:
            if not said:
                log.info("another process leads; standing by")
            said = True
            stop.wait(_STANDBY)
            continue
        try:
            _lead(app, leader, stop)
        finally:
            leader.release()


def _lead(app: App, leader: LeaderLock, stop: threading.Event) -> None:
    halt = threading.Event()
    stages = Stages(app, halt)
    scheduler = BackgroundScheduler(timezone="UTC")
    every = app.settings.schedule
    for name, work, interval in (
        ("poll", stages.poll, _POLL_TICK),
        ("classify", stages.classify, every.classify),
        ("flag", stages.flag, every.flag),
        ("deliver", stages.deliver, every.deliver),
        ("digest", stages.digest, _DIGEST_TICK),
        ("recheck", stages.recheck, _RECHECK_TICK),
    ):
        scheduler.add_job(
            Recorded(app, name, work),
            "interval",
            seconds=interval.total_seconds(),
            id=name,
            next_run_time=app.clock(),
            misfire_grace_time=None,
            coalesce=True,
            max_instances=_POLL_ROUNDS if name == "poll" else 1,
        )
    # who sets a missing key starts Earful anew, and should not have to resume each block by hand
    polling.resume_paused(app.db, [query.id for query in app.queries])
    log.info("listening", queries=len(app.queries), brands=len(app.settings.brand))
    scheduler.start()
    try:
        while leader.is_held() and not stop.wait(1.0):
            pass
    finally:
        halt.set()
        scheduler.shutdown(wait=True)
        log.info("stopped")


class Recorded:
    """A stage that writes down when it ran, what it did, and why it failed."""

    def __init__(self, app: App, name: str, work: Callable[[], str]) -> None:
        self._app = app
        self._name = name
        self._work = work
        self._written_at = app.clock() - _QUIET
        self._failed = False

    def __call__(self) -> None:
        """Run once. A stage that fails is tried again at its next turn, from where it was."""
        started = self._app.clock()
        try:
            did, error = self._work(), None
        except Exception as bug:
            log.exception("stage failed", stage=self._name)
            did, error = "", f"{type(bug).__name__}: {bug}"[:500]
        now = self._app.clock()
        if did:
            log.info(self._name, did=did)
        # a stage that works again is written down at once: its error is over
        if did or error or self._failed or now - self._written_at >= _QUIET:
            self._written_at, self._failed = now, error is not None
            polling.record_stage_run(
                self._app.db,
                self._name,
                started_at=started,
                finished_at=now,
                summary=did,
                error=error,
            )
