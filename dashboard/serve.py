"""Streamlit's own command line, minus its one call to the outside world.

For a request from a foreign origin Streamlit asks checkip.amazonaws.com for this machine's public
address. Earful's server talks to nobody: an unknown public address simply matches no origin.
"""

from __future__ import annotations

import os
import signal
import threading
import time

from streamlit import net_util
from streamlit.web.cli import main

PARENT = "EARFUL_DASHBOARD_PARENT"
_LOOK_EVERY = 1.0


def _unknown() -> str | None:
    return None


def _leave_with(parent: int) -> None:
    """End when whoever started us is gone: a server left behind would keep the port."""
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    net_util.get_external_ip = _unknown
    if os.environ.get(PARENT, "").isdigit():
        watch = threading.Thread(
            target=_leave_with, args=(int(os.environ[PARENT]),), name="parent-watch", daemon=True
        )
        watch.start()
    main(prog_name="streamlit")
