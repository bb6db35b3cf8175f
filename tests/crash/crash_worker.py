"""Does a step (import, follow, recheck, classify, flag) in a process that is there to be killed.

tests/worker_server.py says how it is spoken to. The worker does the real step over the real
database. Behind so many batches as the job's `stays_after` says, it goes no further: it is there
until it is killed. Where the job says `dies_before`, it kills itself before that commit.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from crash_platform import FOLLOWED, IMPORTED, QUERY, Platform
from factories import FakeReader
from sqlalchemy import Connection, event
from worker_server import say, serve

from commands.importing import order as importing
from commands.importing.store import import_file
from earful.settings import load as configuration
from pipeline import classify as classifying
from pipeline import flag as flagging
from pipeline import group as grouping
from pipeline import poll as polling
from pipeline import recheck as rechecking
from pipeline.app import App, open_app
from pipeline.budget.meter import AccountMeter, AccountState
from pipeline.budget.policy import BudgetPolicy
from storage.collecting import polling as queries
from storage.database import engine

TERMS = BudgetPolicy(account="x", price=5_000, budget_day=10**9, brands=frozenset([QUERY.brand_id]))


class _Tick:
    """Says each batch that is stored."""

    def __init__(self) -> None:
        self.stays_after: int | None = None
        self._done = 0

    def __call__(self, _done: object) -> None:
        self._done += 1
        say("+")
        while self._done == self.stays_after:
            signal.pause()


class _Grave:
    """Kills its process before a commit that writes."""

    def __init__(self, before: int) -> None:
        self._left = before

    def __call__(self, connection: Connection) -> None:
        if connection.get_execution_options().get(engine._WRITE):
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


_tick = _Tick()  # of a worker: each has its own copy


def _import(app: App, job: dict[str, Any]) -> None:
    order = importing.ImportOrder(
        file=Path(job["file"]),
        source="x",
        brand_from="brand",
        columns={},
        rejects=Path(job["file"]).with_suffix(".rejects.jsonl"),
    )
    import_file(app, order, progress=_tick)


def _classify(app: App, _job: dict[str, Any]) -> None:
    classifying.classify(app.db, FakeReader(), clock=app.clock, progress=_tick)


def _flag(app: App, _job: dict[str, Any]) -> None:
    flagging.flag(app.db, app.rules, clock=app.clock, alert_policy=app.alert_policy, progress=_tick)


def _platform(app: App, job: dict[str, Any]) -> Platform:
    meter = AccountMeter(app.db, QUERY, TERMS, clock=app.clock, account_state=AccountState())
    return Platform(Path(job["file"]), meter, job["at_once"])


def _follow(app: App, job: dict[str, Any]) -> None:
    position = queries.read_position(app.db, QUERY.id)
    polling.store_all(
        app.db,
        QUERY,
        _platform(app, job).poll(QUERY, position),
        after=position,
        clock=app.clock,
        total=polling.Polled(),
        progress=_tick,
    )


def _recheck(app: App, job: dict[str, Any]) -> None:
    platform = _platform(app, job)
    checked = 1
    while checked:
        checked = rechecking.recheck(
            app.db,
            [QUERY],
            clock=app.clock,
            listener_for=lambda _query: platform,
            every=timedelta(days=1),
            within=timedelta(days=30),
        ).checked
        _tick(checked)


_STEPS = {
    "import": _import,
    "follow": _follow,
    "recheck": _recheck,
    "classify": _classify,
    "flag": _flag,
}


def _now(step: str) -> datetime:
    """The platform is asked two days after the import; the rest is all the same day."""
    later = timedelta(hours=25 if step == "recheck" else 0)
    return FOLLOWED + later if step in _LATER else IMPORTED


_LATER = ("follow", "recheck")


def _work(job: dict[str, Any]) -> None:
    _tick.stays_after = job["stays_after"]
    # small batches: many moments to be killed between and in the middle of
    for module, name in (
        (importing, "_BATCH"),
        (classifying, "_BATCH_SIZE"),
        (flagging, "_BATCH_SIZE"),
        (grouping, "_BATCH_SIZE"),
        (rechecking, "BATCH_SIZE"),
    ):
        setattr(module, name, job["at_once"])
    app = open_app(configuration.load(Path(job["settings"])), clock=lambda: _now(job["step"]))
    if job["dies_before"] is not None:
        event.listen(app.db.engine, "commit", _Grave(job["dies_before"]))
    _STEPS[job["step"]](app, job)
    app.db.close()


if __name__ == "__main__":
    serve(_work)
