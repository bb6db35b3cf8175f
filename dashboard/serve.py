"""Streamlit's own command line, without its one request to the internet.

On a request from a foreign origin Streamlit asks checkip.amazonaws.com for this machine's public
address. Here that address stays unknown, and so matches no origin.
"""

from __future__ import annotations

import os
import signal
import threading
import time

from streamlit import net_util
from streamlit.web.cli import main

PARENT = "EARFUL_DASHBOARD_PARENT"
_CHECK_EVERY = 1.0  # seconds


def _no_address() -> str | None:
    return None


def _end_with(parent: int) -> None:
    """End the server when its parent process ends; otherwise it would keep the port."""
    # An orphan gets another parent at once (getppid(2)), also when its parent was killed.
    while os.getppid() == parent:
        time.sleep(_CHECK_EVERY)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    net_util.get_external_ip = _no_address
    if os.environ.get(PARENT, "").isdigit():
        watch = threading.Thread(
            target=_end_with, args=(int(os.environ[PARENT]),), name="parent-watch", daemon=True
        )
        watch.start()
    main(prog_name="streamlit")
