"""Run the stages on schedule. One process leads; others stand by until it is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from pipeline.app import App
from pipeline.stages import StageResult, Stages
from storage.collecting import polling
from storage.database.engine import DatabaseError
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
# Seconds between attempts to lead.
_STANDBY = 5.0
# An idle stage is recorded no more often than this: at every tick it would write to the database
# 43,000 times a day.
_QUIET = timedelta(minutes=5)


def run(app: App, stop: threading.Event) -> None:
    """Lead the schedule until ``stop`` is set; stand by while another process leads.

    A stage that is at work finishes its batch before this returns.
    """
    leader = LeaderLock(app.db)
    is_standing_by = False
    while not stop.is_set():
        try:
            leads = leader.acquire()
        except DatabaseError as error:  # it may be back in a moment
            log.error("no lead without the database", why=str(error))
            stop.wait(_STANDBY)
            continue
        if not leads:
            if not is_standing_by:
                log.info("another process leads; standing by")
            is_standing_by = True
            stop.wait(_STANDBY)
            continue
        try:
            _lead(app, leader, stop)
        finally:
            leader.release()


def _lead(app: App, leader: LeaderLock, stop: threading.Event) -> None:
    halt = threading.Event()
    scheduler = _scheduler(app, Stages(app, stop=halt.is_set))
    # docs/decisions/collecting.md, "earful up resumes paused blocks when it starts": a restart
    # after a missing key was set should not need a resume of each block by hand
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


def _scheduler(app: App, stages: Stages) -> BackgroundScheduler:
    """Return the schedule of all stages. Raises SettingsError when the model cannot be loaded."""
    # before the first poll: wrong settings end the start, not each run
    _ = stages.classifier, stages.notifiers
    scheduler = BackgroundScheduler(timezone="UTC")
    schedule = app.settings.schedule
    stage_runs: tuple[tuple[str, Callable[[], StageResult], timedelta], ...] = (
        ("poll", stages.poll, _POLL_TICK),
        ("classify", stages.classify, schedule.classify),
        ("flag", stages.flag, schedule.flag),
        ("deliver", stages.deliver, schedule.deliver),
        ("digest", stages.digest, _DIGEST_TICK),
        ("recheck", stages.recheck, _RECHECK_TICK),
    )
    for name, run_stage, interval in stage_runs:
        scheduler.add_job(
            RecordedStage(app, name, run_stage),
            "interval",
            seconds=interval.total_seconds(),
            id=name,
            next_run_time=app.clock(),
            # a late run is better than none, and several late ones are one
            misfire_grace_time=None,
            coalesce=True,
            max_instances=_POLL_ROUNDS if name == "poll" else 1,
        )
    return scheduler


class RecordedStage:
    """A stage that records when it ran, its summary, and its error."""

    def __init__(self, app: App, name: str, run_stage: Callable[[], StageResult]) -> None:
        self._app = app
        self._name = name
        self._run_stage = run_stage
        self._recorded_at = app.clock() - _QUIET
        self._failed = False

    def __call__(self) -> None:
        """Run once. A failed stage runs again at its next turn, from where it was."""
        started = self._app.clock()
        summary, error = "", None
        try:
            result = self._run_stage()
            summary = "" if result.is_idle else str(result)
        # any error: the other stages go on, and this one is seen on the status page
        except Exception as bug:
            log.exception("stage failed", stage=self._name)
            error = f"{type(bug).__name__}: {bug}"[:500]
        now = self._app.clock()
        if summary:
            log.info(self._name, summary=summary)
        # a stage that works again is recorded at once: its error is over
        if summary or error or self._failed or now - self._recorded_at >= _QUIET:
            self._recorded_at, self._failed = now, error is not None
            polling.record_stage_run(
                self._app.db,
                self._name,
                started_at=started,
                finished_at=now,
                summary=summary,
                error=error,
            )
