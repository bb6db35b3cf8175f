"""The command center's server: Streamlit's application behind the gate, run by uvicorn.

Usage: python -m dashboard.serve SCRIPT [--option.name=value …] [-- ARGUMENTS OF THE SCRIPT]

The options are Streamlit's. The listening socket comes from the parent process when
EARFUL_DASHBOARD_SOCKET names its file descriptor: a restarted page finds its port unclaimed.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import uvicorn
from streamlit import config, net_util
from streamlit.web import bootstrap
from streamlit.web.server.starlette.starlette_app import App

from dashboard.access import password_for
from dashboard.gate import connections, sessions
from dashboard.gate.gate import Gate
from dashboard.gate.messages import MAX_MESSAGE
from dashboard.gate.sessions import Sessions
from dashboard.gate.sign_in import SignInDesk
from earful.settings.errors import SettingsError

PARENT = "EARFUL_DASHBOARD_PARENT"
SOCKET = "EARFUL_DASHBOARD_SOCKET"
PROXIES = "EARFUL_DASHBOARD_PROXIES"
_CHECK_EVERY = 1.0  # seconds
_CLOSE_WITHIN = 5  # seconds for open pages when the server ends


def main(arguments: Sequence[str]) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises SettingsError for an open host without a password."""
    script, options, rest = _parse(arguments)
    # On a request from a foreign origin Streamlit asks checkip.amazonaws.com for this machine's
    # public address. Here that address stays unknown, and so matches no origin.
    net_util.get_external_ip = _no_address
    if os.environ.get(PARENT, "").isdigit():
        parent = int(os.environ[PARENT])
        threading.Thread(target=_end_with, args=(parent,), name="parent-watch", daemon=True).start()
    bootstrap.load_config_options(options)
    sys.argv = [script, *rest]
    host, port = config.get_option("server.address"), int(config.get_option("server.port"))
    server = uvicorn.Server(_configure(build(script, host, port), host, port))
    server.run(sockets=_inherited_sockets())


def build(script: str, host: str | None, port: int) -> Gate:
    """Return the page's application behind its gate. Raises SettingsError as ``password_for``."""
    password = password_for(host)
    if password is None:
        return Gate(App(script), sessions=None, desk=None)
    issued = Sessions(password, port=port)
    sessions.use(issued)
    return Gate(App(script), sessions=issued, desk=SignInDesk(issued, password))


def _configure(gate: Gate, host: str | None, port: int) -> uvicorn.Config:
    proxies = [address for address in os.environ.get(PROXIES, "").split(",") if address]
    return uvicorn.Config(
        gate,
        host=host or "0.0.0.0",  # noqa: S104 - an open host has a password, see build()
        port=port,
        # the visitor's address counts failed sign-ins: only a proxy of ours may report another
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        http=connections.bounded(),
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE,
        ws_ping_interval=30,
        ws_ping_timeout=30,
        # packed messages could unpack to far more than the limit
        ws_per_message_deflate=False,
        server_header=False,
        access_log=False,
        log_config=None,
        log_level="warning",
        timeout_graceful_shutdown=_CLOSE_WITHIN,
    )


def _parse(arguments: Sequence[str]) -> tuple[str, dict[str, Any], list[str]]:
    """Return the script, Streamlit's options and the script's own arguments."""
    script, *words = arguments
    at = words.index("--") if "--" in words else len(words)
    options: dict[str, Any] = {}
    for word in words[:at]:
        name, _, value = word.removeprefix("--").partition("=")
        kind = config._config_options_template[name].type
        options[name] = value == "true" if kind is bool else kind(value)
    return script, options, words[at + 1 :]


def _inherited_sockets() -> list[socket.socket] | None:
    number = os.environ.get(SOCKET, "")
    return [socket.socket(fileno=int(number))] if number.isdigit() else None


def _no_address() -> str | None:
    return None


def _end_with(parent: int) -> None:
    """End the server when its parent process ends; otherwise it would keep the port."""
    # An orphan gets another parent at once (getppid(2)), also when its parent was killed.
    while os.getppid() == parent:
        time.sleep(_CHECK_EVERY)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SettingsError as error:
        sys.exit(f"earful: {error}")
