"""Run the stages on schedule. One process leads; others stand by until it is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from earful import clock as wall
from pipeline.app import App
from pipeline.clock_watch import ClockWatch, pause
from pipeline.outage import Outage, database_error
from pipeline.stages import StageResult, Stages
from storage.cases.replan import replan_due
from storage.collecting import polling
from storage.database.errors import DatabaseError
from storage.database.leader import LeaderLock

log = structlog.get_logger()

# Between checks for a due query, not between polls of one.
_POLL_TICK = timedelta(seconds=2)
# At the same time: while one round waits for a slow account, the next ones poll the others.
_POLL_ROUNDS = 4
# docs/decisions/outreach.md, "The digest hour is checked every minute, not by a cron trigger": a
# laptop that slept through the hour still sends its digest.
_DIGEST_TICK = timedelta(minutes=1)
# 100 posts of each source: 28,800 a day.
_RECHECK_TICK = timedelta(minutes=5)
# Seconds that a round waits for a slow channel; then the next round serves the other channels.
_DELIVER_PATIENCE = 3.0
# Seconds between attempts to lead.
_STANDBY = 5.0
# Seconds between checks of the lead, the database's files and the clock. Each takes microseconds.
_CHECK_TICK = 1.0
# Seconds. An idle stage is recorded no more often than this: at every tick it would write to the
# database 43,000 times a day.
_QUIET = 300.0


def run(app: App, stop: threading.Event) -> None:
    """Lead the schedule until ``stop`` is set; stand by while another process leads.

    A stage that is at work finishes its batch before this returns. A full disk or a database that
    cannot be reached is waited for. Raises DatabaseError when its file was moved or is damaged.
    """
    leader, outage = LeaderLock(app.db), Outage()
    is_standing_by = False
    while not stop.is_set():
        if not outage.is_over(app.db.try_write):
            pause(stop, _CHECK_TICK)
            continue
        try:
            app.db.check_files()
            if leader.acquire():
                is_standing_by = False
                _lead(app, leader, outage, stop)
                continue
        except DatabaseError as error:  # it may be back in a moment
            outage.report(error)
            continue
        finally:
            leader.release()
        if not is_standing_by:
            log.info("another process leads; standing by")
        is_standing_by = True
        pause(stop, _STANDBY)


def _lead(app: App, leader: LeaderLock, outage: Outage, stop: threading.Event) -> None:
    """Run the stages while this process has the lead.

    1. Compare clock, files and lead with what they were.
    2. During an outage start no stage.
    3. Start a stage now that a changed clock would hold up.
    """
    halt = threading.Event()
    stages = Stages(app, stop=halt.is_set)
    scheduler = _scheduler(app, stages, outage)
    # docs/decisions/collecting.md, "earful up resumes paused blocks when it starts": a restart
    # after a missing key was set should not need a resume of each block by hand
    polling.resume_paused(app.db, [query.id for query in app.queries])
    replan_due(app.db, app.clock())
    log.info("listening", queries=len(app.queries), brands=len(app.settings.brand))
    clock = ClockWatch(app.clock)
    scheduler.start()
    try:
        while not stop.is_set():
            if clock.check():  # 1
                replan_due(app.db, app.clock())
            app.db.check_files()
            if not leader.is_held():
                break
            if outage.is_over(app.db.try_write):  # 2
                scheduler.resume()
                bring_forward(scheduler, wall.now())  # 3
            else:
                scheduler.pause()
            pause(stop, _CHECK_TICK)
    finally:
        halt.set()
        scheduler.shutdown(wait=True)
        stages.finish_deliveries()
        log.info("stopped")


def _scheduler(app: App, stages: Stages, outage: Outage) -> BackgroundScheduler:
    """Return the schedule of all stages. Raises SettingsError when the model cannot be loaded."""
    # before the first poll: wrong settings end the start, not each run
    _ = stages.classifier, stages.notifiers
    scheduler = BackgroundScheduler(timezone="UTC")
    schedule = app.settings.schedule
    stage_runs: tuple[tuple[str, Callable[[], StageResult], timedelta], ...] = (
        ("poll", stages.poll, _POLL_TICK),
        ("classify", stages.classify, schedule.classify),
        ("flag", stages.flag, schedule.flag),
        ("deliver", partial(stages.deliver, patience=_DELIVER_PATIENCE), schedule.deliver),
        ("digest", stages.digest, _DIGEST_TICK),
        ("recheck", stages.recheck, _RECHECK_TICK),
    )
    for name, run_stage, interval in stage_runs:
        scheduler.add_job(
            RecordedStage(app, name, run_stage, outage=outage),
            "interval",
            seconds=interval.total_seconds(),
            id=name,
            next_run_time=wall.now(),
            # a late run is better than none, and several late ones are one
            misfire_grace_time=None,
            coalesce=True,
            max_instances=_POLL_ROUNDS if name == "poll" else 1,
        )
    return scheduler


def bring_forward(scheduler: BackgroundScheduler, now: datetime) -> None:
    """Start each job now whose next run is further away than its interval.

    docs/decisions/collecting.md, "No stage waits longer than its interval": APScheduler plans by
    the machine's clock, and one that is set back by two hours would stop every job for two hours.
    """
    for job in scheduler.get_jobs():
        if job.next_run_time > now + job.trigger.interval:
            job.modify(next_run_time=now)


class RecordedStage:
    """A stage that records when it ran, its summary, and its error."""

    def __init__(
        self,
        app: App,
        name: str,
        run_stage: Callable[[], StageResult],
        *,
        outage: Outage | None = None,
    ) -> None:
        self._app = app
        self._name = name
        self._run_stage = run_stage
        self._outage = outage or Outage()
        self._recorded_at = time.monotonic() - _QUIET
        self._error: str | None = None

    def __call__(self) -> None:
        """Run once. A failed stage runs again at its next turn, from where it was."""
        started = self._app.clock()
        summary, error = "", None
        try:
            result = self._run_stage()
            summary = "" if result.is_idle else str(result)
        # any error: the other stages go on, and this one is seen on the status page
        except Exception as bug:  # noqa: BLE001
            trouble = database_error(bug)
            if trouble is not None:
                self._outage.report(trouble)
                return
            error = f"{type(bug).__name__}: {bug}"[:500]
            self._log_bug(error)
        if summary:
            log.info(self._name, summary=summary)
        # a stage that works again is recorded at once: its error is over
        is_noteworthy = bool(summary or error or self._error)
        self._error = error
        if is_noteworthy or time.monotonic() - self._recorded_at >= _QUIET:
            self._record(started, summary, error)

    def _log_bug(self, error: str) -> None:
        """Log the traceback once for each error, and a line for each repeat."""
        if error == self._error:
            log.error("stage failed again", stage=self._name, why=error)
        else:
            log.exception("stage failed", stage=self._name)

    def _record(self, started: datetime, summary: str, error: str | None) -> None:
        try:
            polling.record_stage_run(
                self._app.db,
                self._name,
                started_at=started,
                finished_at=self._app.clock(),
                summary=summary,
                error=error,
            )
        except DatabaseError as trouble:
            self._outage.report(trouble)
        else:
            self._recorded_at = time.monotonic()
