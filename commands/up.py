"""`earful up`: run the schedule and the command center until a signal stops them."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import structlog

from dashboard import launch
from pipeline import scheduler
from pipeline.app import App

log = structlog.get_logger()

# Seconds for the page's server to close before it is killed: an open page must not keep it.
_CLOSE_TIMEOUT = 10.0


def serve(
    app: App,
    *,
    page: bool = True,
    port: int | None = None,
    settings_file: Path | None = None,
    ready: Callable[[str], None] | None = None,
) -> int:
    """Run until SIGTERM or Ctrl-C, or until the page's server dies; returns the exit status.

    ``ready`` is called with the page's address once its server was started. Raises SettingsError
    when the page may not listen where settings say.
    """
    stop = threading.Event()
    _stop_on_signals(stop)
    server = None
    if page:
        server = launch.start_server(app.settings, settings_file=settings_file, port=port)
        address = launch.browser_url(app.settings, port=port)
        (ready or (lambda at: log.info("command center", at=at)))(address)
    watcher = threading.Thread(target=_watch, args=(server, stop), daemon=True)
    watcher.start()
    try:
        scheduler.run(app, stop)
    finally:
        stop.set()
        status = _end(server)
    return status


def _stop_on_signals(stop: threading.Event) -> None:
    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)


def _watch(server: subprocess.Popen[bytes] | None, stop: threading.Event) -> None:
    """End with the page's server: a post without a page must not look alive to its supervisor."""
    if server is None:
        return
    while not stop.wait(1.0):
        if server.poll() is not None:
            log.error("the command center ended", status=server.returncode)
            stop.set()


def _end(server: subprocess.Popen[bytes] | None) -> int:
    if server is None:
        return 0
    status = server.poll()
    if status is not None:
        # The page's server is not meant to end by itself, so its status 0 is a failure too.
        return status or 1
    server.terminate()
    try:
        server.wait(_CLOSE_TIMEOUT)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    return 0
