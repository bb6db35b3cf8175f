"""`earful up`: run the schedule and the command center until a signal stops them."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import structlog

from commands.page import PageSupervisor
from dashboard import launch
from pipeline import scheduler
from pipeline.app import App
from storage.collecting import polling

log = structlog.get_logger()

_STAGE = "page"  # its name in `earful status`


def serve(
    app: App,
    listener: socket.socket | None,
    *,
    port: int | None = None,
    settings_file: Path | None = None,
    ready: Callable[[str], None] | None = None,
) -> int:
    """Run until SIGTERM or Ctrl-C; returns the exit status.

    The page is served on ``listener`` (from ``launch.listen``), and not at all without one.
    ``ready`` is called with the page's address once its server was started. Raises SettingsError
    when the page may not listen where settings say.
    """
    stop = threading.Event()
    _stop_on_signals(stop)
    page = None
    if listener is None:
        # what a former start with a page left behind is no problem of this one
        _record(app, None)
    if listener is not None:
        page = PageSupervisor(
            lambda: launch.start_server(
                app.settings, settings_file=settings_file, port=port, listener=listener
            ),
            lambda problem: _record(app, problem),
        )
        address = launch.browser_url(app.settings, port=port)
        (ready or (lambda at: log.info("command center", at=at)))(address)
    try:
        scheduler.run(app, stop)
    finally:
        stop.set()
        if page is not None:
            page.close()
    return 0


def _record(app: App, problem: str | None) -> None:
    """Store the state of the page where `earful status`, `earful doctor` and the digest read it."""
    now = app.clock()
    polling.record_stage_run(app.db, _STAGE, started_at=now, finished_at=now, error=problem)


def _stop_on_signals(stop: threading.Event) -> None:
    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
