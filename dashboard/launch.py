"""Start the command center's server with every option set, in any working folder.

Settings file and database are passed in the environment, so no secret shows in a process list.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from dashboard.access import password_for
from dashboard.gate.sessions import KEY_VARIABLE
from earful import command_name
from earful.loopback import is_loopback
from earful.settings.errors import SettingsError
from earful.settings.load import Settings, settings_path

_FOLDER = Path(__file__).resolve().parent
_APP = _FOLDER / "app.py"
_PARENT, _SOCKET = "EARFUL_DASHBOARD_PARENT", "EARFUL_DASHBOARD_SOCKET"
_PROXIES = "EARFUL_DASHBOARD_PROXIES"
_TRIED_PORTS = 100  # behind a taken one, to suggest a free one
# Random at each start of `earful up`: a page that restarts by itself knows its visitors again.
_KEY = secrets.token_hex(32)

# Negative is orange and positive is blue everywhere: colour-blind readers tell these two apart.
_THEME = {
    "base": "dark",
    "primaryColor": "#5ab4f0",
    "backgroundColor": "#0f151c",
    "secondaryBackgroundColor": "#18212b",
    "textColor": "#eef3f8",
    "borderColor": "#2c3947",
    "redColor": "#f58a4b",
    "redTextColor": "#ffa873",
    "orangeColor": "#f58a4b",
    "orangeTextColor": "#ffa873",
    "greenColor": "#5ab4f0",
    "greenTextColor": "#8ccbf7",
    "blueColor": "#5ab4f0",
    "blueTextColor": "#8ccbf7",
    "yellowColor": "#f2d266",
    "yellowTextColor": "#f7e09a",
    "grayBackgroundColor": "#2c3947",
    "grayTextColor": "#d3dde7",
    "linkColor": "#8ccbf7",
    "font": "system-ui, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif",
    "codeFont": "ui-monospace, 'DejaVu Sans Mono', monospace",
    "metricValueFontWeight": "700",
    "headingFontSizes": '["2.1rem", "1.35rem", "1.12rem", "1rem", "1rem", "1rem"]',
    "headingFontWeights": "650",
    "baseRadius": "10px",
    "showWidgetBorder": "true",
}
# Passed as flags, because these win over a config.toml in the working folder or in the home
# (https://docs.streamlit.io/develop/api-reference/configuration/config.toml).
_OPTIONS = {
    "browser.gatherUsageStats": "false",
    # A traceback may hold mentions and secrets (test_a_failure_shows_a_number_and_no_insides).
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.toolbarMode": "minimal",
    "logger.hideWelcomeMessage": "true",
    # Magic draws every bare expression, and draws a string as Markdown.
    "runner.magicEnabled": "false",
    "server.enableCORS": "true",
    "server.enableXsrfProtection": "true",
    "server.fileWatcherType": "none",
    "server.headless": "true",
    "server.runOnSave": "false",
    "server.showEmailPrompt": "false",
}


def build_command(
    settings: Settings, *, host: str | None = None, port: int | None = None
) -> list[str]:
    """Return the server's command line.

    Raises SettingsError for an open host without a password.
    """
    host = host or settings.dashboard.host
    password_for(host)
    options = {
        **_OPTIONS,
        "server.address": host,
        "server.port": str(port or settings.dashboard.port),
        **{f"theme.{name}": value for name, value in _THEME.items()},
    }
    line = [sys.executable, "-m", "dashboard.serve", str(_APP)]
    return line + [f"--{name}={value}" for name, value in options.items()]


def listen(
    settings: Settings, *, host: str | None = None, port: int | None = None
) -> socket.socket:
    """Return the socket that the page will answer on. Raises SettingsError for a taken port.

    The parent keeps it, so no other program takes the port while the page restarts.
    """
    host, port = host or settings.dashboard.host, port or settings.dashboard.port
    place = f"[dashboard] host = {host!r}, port {port}"
    try:
        # a name like localhost means its IPv4 address, which every browser tries
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                # "::" means every address, those of IPv4 too
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.bind((host.strip("[]"), port))
            listener.listen(512)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise _cannot_listen(place, host, port, error) from error
    return listener


def _free_port(family: int, host: str, taken: int) -> int:
    """Return the next free port of ``host`` behind a taken one."""
    for port in range(taken + 1, min(taken + _TRIED_PORTS, 65_536)):
        with socket.socket(family, socket.SOCK_STREAM) as probe, suppress(OSError):
            probe.bind((host.strip("[]"), port))
            return port
    return taken + 1 if taken < 65_535 else 8501


def _cannot_listen(place: str, host: str, port: int, error: OSError) -> SettingsError:
    if error.errno == errno.EADDRINUSE:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return SettingsError(
            f"{place}: another program already listens there",
            hint=f"End it, or name a free port: --port {_free_port(family, host, port)}.",
        )
    if error.errno == errno.EACCES:
        hint = "Ports below 1024 belong to the system: choose one above, as in --port 8501."
        return SettingsError(f"{place}: this user may not listen there", hint=hint)
    return SettingsError(f"{place}: cannot listen there ({error.strerror or error})")


def build_environment(settings: Settings, settings_file: Path | None = None) -> dict[str, str]:
    """Return the server's environment: ours, plus the settings file and the database."""
    variables = {
        name: value for name, value in os.environ.items() if not _is_streamlit_option(name)
    }
    variables["EARFUL_SETTINGS"] = str((settings_file or settings_path()).resolve())
    variables["EARFUL_DATABASE_URL"] = settings.database_url.get_secret_value()
    variables.pop("EARFUL_DATABASE_URL_FILE", None)  # both at once is an error
    # A killed parent cannot stop its child, so the child watches the parent
    # (test_the_server_ends_with_its_parent_process).
    variables[_PARENT] = str(os.getpid())
    variables[KEY_VARIABLE] = _KEY
    # the pages suggest commands as this one was called
    variables[command_name.VARIABLE] = command_name.command_name()
    variables[_PROXIES] = ",".join(settings.dashboard.trusted_proxies)
    variables.pop(_SOCKET, None)
    variables["PYTHONPATH"] = os.pathsep.join(_paths(os.environ))
    return variables


def start_server(
    settings: Settings,
    *,
    settings_file: Path | None = None,
    host: str | None = None,
    port: int | None = None,
    listener: socket.socket | None = None,
) -> subprocess.Popen[bytes]:
    """Start the server and return at once; it ends with the caller, if not before.

    ``listener`` is the caller's own socket from ``listen``; without one the server opens it.
    """
    environment = build_environment(settings, settings_file)
    inherited = [] if listener is None else [listener.fileno()]
    if listener is not None:
        environment[_SOCKET] = str(listener.fileno())
    return subprocess.Popen(  # noqa: S603 - our own interpreter and our own arguments
        build_command(settings, host=host, port=port),
        env=environment,
        pass_fds=inherited,
    )


def browser_url(settings: Settings, *, host: str | None = None, port: int | None = None) -> str:
    """Return the address to open in a browser on this machine."""
    host = host or settings.dashboard.host
    name = host if is_loopback(host) else "localhost"
    name = f"[{name}]" if ":" in name else name
    return f"http://{name}:{port or settings.dashboard.port}"


def _is_streamlit_option(name: str) -> bool:
    # such a variable could undo the options above
    return name.startswith("STREAMLIT_")


def _paths(environ: Mapping[str, str]) -> list[str]:
    """Return the import paths with which the server finds our packages from any folder."""
    paths = [part for part in environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    root = str(_FOLDER.parent)
    return [root, *[part for part in paths if part != root]]
