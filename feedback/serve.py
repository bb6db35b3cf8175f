"""Run the service: one process, on loopback unless settings name another address."""

from __future__ import annotations

import signal
from types import FrameType

import uvicorn

from earful import clock as wall
from earful.clock import Clock
from earful.settings.load import Settings
from earful.web.crowd import Crowd
from earful.web.impatient import Impatient
from feedback.app import build

# A browser opens six to a site; an office behind one address has a few dozen of them.
MAX_PER_VISITOR = 50
# All together; below the 1,024 open files that a process has by default.
MAX_CONNECTIONS = 800


def server(
    settings: Settings,
    *,
    host: str | None = None,
    port: int | None = None,
    clock: Clock = wall.now,
) -> uvicorn.Server:
    """Return the server, ready to run. Raises SettingsError as ``build`` does.

    The visitor's address is read from X-Forwarded-For only behind a trusted proxy.
    """
    front = settings.feedback
    crowd = Crowd(front.trusted_proxies, per_visitor=MAX_PER_VISITOR, total=MAX_CONNECTIONS)
    return uvicorn.Server(
        uvicorn.Config(
            build(settings, clock=clock),
            host=host or front.host,
            port=port or front.port,
            proxy_headers=bool(front.trusted_proxies),
            forwarded_allow_ips=list(front.trusted_proxies),
            # A log of requests would hold visitors' addresses.
            access_log=False,
            server_header=False,
            log_level="warning",
            http=Impatient.of(crowd),
            ws="none",
            # uvicorn's own limit counts idle connections too, and then answers 503 to everybody;
            # feedback/busy.py counts those at work.
            limit_concurrency=None,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=10,
        )
    )


def run(service: uvicorn.Server) -> None:
    """Serve until SIGTERM or Ctrl-C, and finish the requests at work."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn stops by itself and then raises the signal again: it has done its work by then
        signal.signal(number, _ignore_signal)
    service.run()


def _ignore_signal(_number: int, _frame: FrameType | None) -> None:
    pass
